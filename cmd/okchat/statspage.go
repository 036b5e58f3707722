package main

import (
	"context"
	_ "embed"
	"html/template"
	"io"
	"sync"
	"time"

	"github.com/okchat/okchat-go/archive"
)

// statsPage is the template of the page. It draws its three plots itself: a chart library would bring a script. The template
// engine escapes what the server sent.
//
//go:embed stats.html
var statsPage string

// statsTemplate parses the template when it is needed: no other command should wait for it.
var statsTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("stats").Parse(statsPage)) })

// writePage writes the page to a file that replaces an earlier one when it is whole.
func writePage(ctx context.Context, std streams, path string, s *archive.Stats) error {
	file, err := newFile(ctx, std, path, false)
	if err != nil {
		return err
	}
	defer file.Abort()
	if err := renderPage(file, s); err != nil {
		return err
	}
	return file.Commit()
}

func renderPage(out io.Writer, s *archive.Stats) error {
	unit, over := series(s.PerDay, 400)
	from, to := "", ""
	if days := len(s.PerDay); days > 0 {
		from, to = s.PerDay[0].Name, s.PerDay[days-1].Name
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return err
	}
	page := map[string]any{
		"Stats": s, "AsOf": s.AsOf.In(zone).Format("2006-01-02 15:04"), "From": from, "To": to, "Unit": unit, "Series": over,
		"Plots": []plot{newPlot("wide", over, 960), newPlot("narrow", over, 400)},
		"Parts": []map[string]any{
			{"Title": "Per platform", "Bars": newBars(s.PerPlatform, s.Total)},
			{"Title": "Per state", "Bars": newBars(s.PerState, s.Total)},
		},
	}
	if s.Messages != nil {
		unit, over := series(messagesPerDay(s.Messages), 400)
		page["Messages"] = map[string]any{"Said": messagesSaid(s.Messages), "Unit": unit, "Series": over,
			"Plots": []plot{newPlot("wide", over, 960), newPlot("narrow", over, 400)}}
	}
	return statsTemplate().Execute(out, page)
}

// The measures of a plot, in the units of its viewBox.
const (
	plotHeight           = 240.0
	plotLeft, plotBottom = 56.0, 24.0
	plotTop              = 12.0
	labelWidth           = 80.0 // of a day, about
)

// plot is a chart of columns over time, for screens of one class.
type plot struct {
	Class                     string
	Width, Height, Left, Base float64
	Columns                   []column
	Lines                     []line
	Labels                    []line
}

type column struct {
	X, Y, Width, Height float64
	archive.Count
}

// line is a line of the grid or a label, and where it stands.
type line struct {
	At   float64
	Text any
}

func newPlot(class string, counts []archive.Count, width float64) plot {
	p := plot{Class: class, Width: width, Height: plotHeight, Left: plotLeft, Base: plotHeight - plotBottom}
	tick := niceTick(largest(counts))
	top := (largest(counts) + tick - 1) / tick * tick
	high := p.Base - plotTop
	for n := 0; n <= top; n += tick {
		p.Lines = append(p.Lines, line{p.Base - high*float64(n)/float64(max(top, 1)), n})
	}
	step := (width - plotLeft) / float64(max(len(counts), 1))
	gap := min(step*0.2, 2)
	thick := min(step-gap, 48)
	labels := int((width - plotLeft) / labelWidth * 3 / 4)
	every := (len(counts) + labels - 1) / labels
	for i, c := range counts {
		h := high * float64(c.Conversations) / float64(max(top, 1))
		middle := plotLeft + step*(float64(i)+0.5)
		p.Columns = append(p.Columns, column{middle - thick/2, p.Base - h, thick, h, c})
		if i%every == every/2 {
			p.Labels = append(p.Labels, line{min(middle, width-labelWidth/2), c.Name})
		}
	}
	return p
}

// niceTick returns the distance between the lines of a grid: 1, 2 or 5 times a power of ten, such that about four of them
// reach up to most.
func niceTick(most int) int {
	for power := 1; ; power *= 10 {
		for _, n := range []int{1, 2, 5} {
			if n*power*4 >= most {
				return n * power
			}
		}
	}
}

// shareBar is a bar with its share of all conversations and its length relative to the longest bar, both in percent.
type shareBar struct {
	archive.Count
	Share, Length float64
}

func newBars(counts []archive.Count, total int) []shareBar {
	bars := make([]shareBar, len(counts))
	for i, c := range counts {
		bars[i] = shareBar{c, 100 * float64(c.Conversations) / float64(max(total, 1)), 100 * float64(c.Conversations) / float64(max(largest(counts), 1))}
	}
	return bars
}
