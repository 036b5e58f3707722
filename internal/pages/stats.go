package pages

import (
	"io"
	"time"

	"github.com/okchat/okchat-go/archive"
)

// WriteStatistics writes a page of statistics that stands for itself.
func WriteStatistics(out io.Writer, s *archive.Stats) error {
	return writeStatistics(out, inline(""), s)
}

// statisticsPage is a page of statistics. It draws its plots itself: a chart library would bring a script.
type statisticsPage struct {
	frame

	*archive.Stats
	At, From, To string
	Started      series
	Parts        []part
	Sent         series // messages
}

// series are counts over time.
type series struct {
	Unit   string
	Counts []archive.Count
	Plots  []plot
}

// part is a table of counts.
type part struct {
	Title string
	Bars  []shareBar
}

func writeStatistics(out io.Writer, f frame, s *archive.Stats) error {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return err
	}
	f.Title = "Statistics"
	p := statisticsPage{frame: f, Stats: s, At: s.AsOf.In(zone).Format("2006-01-02 15:04"), Started: newSeries(s.PerDay)}
	if days := len(s.PerDay); days > 0 {
		p.From, p.To = s.PerDay[0].Name, s.PerDay[days-1].Name
	}
	p.Parts = []part{{"Per platform", newBars(s.PerPlatform, s.Total)}, {"Per state", newBars(s.PerState, s.Total)}}
	if s.Messages != nil {
		p.Sent = newSeries(s.Messages.Days())
	}
	return templates().ExecuteTemplate(out, "statistics", p)
}

func newSeries(days []archive.Count) series {
	unit, over := archive.Series(days, 400)
	return series{unit, over, []plot{newPlot("wide", over, 960), newPlot("narrow", over, 400)}}
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
	tick := niceTick(archive.Largest(counts))
	top := (archive.Largest(counts) + tick - 1) / tick * tick
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
		bars[i] = shareBar{c, 100 * float64(c.Conversations) / float64(max(total, 1)), 100 * float64(c.Conversations) / float64(max(archive.Largest(counts), 1))}
	}
	return bars
}
