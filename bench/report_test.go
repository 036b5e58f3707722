package bench

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"os"
	"strings"
	"time"
)

const intro = `# Measured against the others

Written by ` + "`bench/run`" + `, which runs all of it again; ` + "`bench/run -short`" + ` is a step of ` + "`tools/weekly`" + `. Never edit this file.

Each line is one piece of work, done by both sides in turns within one run. What stands under ours and theirs are medians;
the factor is the median of the rounds' ratios, how many times less ours takes, and behind it are the bounds that it lies
between with 95 % confidence. A bar is missed where even the upper bound is below it.

- oapi-codegen alone is the client that it generates, with nothing around it; ogen's client is generated from the contract
  rewritten as OpenAPI 3.0, since it reads no 3.1. Both are given Go's default transport.
- To decode is the whole public call, with a transport that has the answer at once. Alone means without a client: a body
  that is there already goes into the types.
- A check of ours holds the rules of meaning too, which the others do not know.
- Servers run in processes of their own, and are asked over eight connections. The memory of fake servers and proxies
  is taken after 30,000 requests.
- The others' versions are those of ` + "`bench/go.mod`" + ` and ` + "`bench/package.json`" + `.
`

func writeReport() error {
	var out strings.Builder
	out.WriteString(intro)
	fmt.Fprintf(&out, "\nOn %s; %s.\n\n![How many times less okchat-go takes](chart.svg)\n\n", machine(), time.Now().UTC().Format("2 January 2006"))
	out.WriteString("| work | | ours | theirs | factor | bar | |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	previous := ""
	for _, r := range table.rows {
		work := r.work
		if work == previous {
			work = ""
		}
		previous = r.work
		bar := ""
		if r.bar > 0 {
			bar = factor(r.bar)
		}
		fmt.Fprintf(&out, "| %s | %s | %s: %s | %s: %s | %s | %s | %s |\n",
			work, r.metric, r.ours, r.oursText, r.peer, r.peerTxt, r.ratioText(), bar, r.verdict())
	}
	if len(table.curves) > 0 {
		out.WriteString(growthTable(table.curves))
	}
	for _, line := range table.skipped {
		fmt.Fprintf(&out, "\n**Not measured:** %s\n", line)
	}
	return cmp.Or(
		os.WriteFile("README.md", []byte(out.String()), 0o644),
		os.WriteFile("chart.svg", []byte(chart(table.rows)), 0o644),
		os.WriteFile("growth.svg", []byte(curvesChart(table.curves)), 0o644),
	)
}

// growthTable writes the points of the curves, which may be measured at different sizes.
func growthTable(curves []curve) string {
	var out strings.Builder
	out.WriteString("\n## Growth\n\nEach size is one run from beginning to end: the median time for one, and the highest memory.\n\n![Growth](growth.svg)\n")
	out.WriteString("\n| work | number | time for one | memory |\n| --- | --- | --- | --- |\n")
	for _, c := range curves {
		for _, p := range c.points {
			fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", c.work, grouped(p.n), nanoseconds(p.wall), bytesText(p.memory))
		}
	}
	return out.String()
}

// along returns where f lies between least and most on a logarithmic scale, from 0 to 1.
func along(f, least, most float64) float64 {
	return (math.Log(max(f, least)) - math.Log(least)) / (math.Log(most) - math.Log(least))
}

// chart draws each factor as a bar from 1 on, to the right where ours takes less, and what it is meant to reach as a line.
func chart(rows []row) string {
	const left, width, line, top = 400, 420, 22, 40
	most := 2.0
	for _, r := range rows {
		most = max(most, r.ratio, r.bar)
	}
	least := 0.4
	x := func(f float64) float64 { return left + width*along(f, least, most) }
	var out strings.Builder
	height := top + line*len(rows) + 20
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" role="img">`+"\n", left+width+70, height)
	out.WriteString("<title>How many times less okchat-go takes than others, on a logarithmic scale</title>\n")
	out.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for _, f := range []float64{0.5, 1, 2, 5, 10, 20, 50, 100, 200} {
		if f > most {
			break
		}
		fmt.Fprintf(&out, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle" fill="#555">%gx</text>`+"\n",
			x(f), x(f), top-8, height-15, x(f), top-14, f)
	}
	for i, r := range rows {
		y := top + i*line
		name := r.work
		if len(name) > 34 {
			name = name[:33] + "…"
		}
		colour := "#9aa7b4"
		switch {
		case r.missed():
			colour = "#c2452d"
		case r.bar > 0:
			colour = "#2f7d4f"
		}
		from, to := min(x(1), x(r.ratio)), max(x(1), x(r.ratio))
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end" fill="#222">%s</text>`, left-8, y+12, html.EscapeString(fmt.Sprintf("%s, %s, vs %s", name, r.metric, r.peer)))
		fmt.Fprintf(&out, `<rect x="%.1f" y="%d" width="%.1f" height="12" fill="%s"/>`, from, y+2, max(to-from, 1), colour)
		fmt.Fprintf(&out, `<text x="%.1f" y="%d" fill="#222">%s</text>`, to+4, y+12, factor(r.ratio))
		if r.bar > 0 {
			fmt.Fprintf(&out, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#000" stroke-width="2"/>`, x(r.bar), x(r.bar), y, y+16)
		}
		out.WriteByte('\n')
	}
	out.WriteString(`<text x="8" y="` + fmt.Sprint(height-4) + `" fill="#555">Further right is better. The black line is the bar.</text>` + "\n</svg>\n")
	return out.String()
}
