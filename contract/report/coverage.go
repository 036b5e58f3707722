package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/okchat/okchat-go/contract/coverage"
)

// CoverageFormats returns the formats that WriteCoverage knows.
func CoverageFormats() []string { return []string{"text", "json", "html"} }

// WriteCoverage writes what recordings showed of the contract: as indented text, as JSON, or as an HTML page that needs
// nothing beside itself. It fails where there is no such format, or with the first error of writing.
func WriteCoverage(format string, w io.Writer, v *coverage.Coverage) error {
	seen, all := v.Count()
	switch format {
	case "text":
		var out strings.Builder
		for _, e := range v.Elements() {
			coverageText(&out, e, "")
		}
		fmt.Fprintf(&out, "\n%d of %d seen, %.1f %%. Never seen:\n", seen, all, percent(seen, all))
		for _, line := range v.Unseen() {
			fmt.Fprintf(&out, "  %s\n", line)
		}
		_, err := io.WriteString(w, out.String())
		return err
	case "json":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(coverageJSON{seen, all, percent(seen, all), v.Elements()})
	case "html":
		return page().Execute(w, coverageJSON{seen, all, percent(seen, all), v.Elements()})
	default:
		return fmt.Errorf("the format is %q, expected one of %s", format, strings.Join(CoverageFormats(), ", "))
	}
}

func percent(seen, all int) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(seen) / float64(all)
}

var marks = map[string]string{"": " ", "proven": "+", "claimed": "~", "never seen": "-"}

func coverageText(out *strings.Builder, e *coverage.Element, indent string) {
	var facets []string
	for _, f := range e.Facets {
		if f.Count == 0 {
			facets = append(facets, f.Name+" NEVER")
		} else {
			facets = append(facets, fmt.Sprintf("%s %d", f.Name, f.Count))
		}
	}
	line := fmt.Sprintf("%s%s %s", indent, marks[e.State()], e.Name)
	if e.Kind != "member" {
		line += " (" + e.Kind + ")"
	}
	if facets != nil {
		line = fmt.Sprintf("%-44s %s", line, strings.Join(facets, ", "))
	}
	fmt.Fprintln(out, strings.TrimRight(line, " "))
	for _, part := range e.Elements {
		coverageText(out, part, indent+"  ")
	}
}

type coverageJSON struct {
	Seen     int                 `json:"seen"`
	All      int                 `json:"all"`
	Percent  float64             `json:"percent"`
	Elements []*coverage.Element `json:"elements"`
}

//go:embed coverage.html
var pageText string

var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("coverage").Funcs(template.FuncMap{"class": func(s string) string {
		return strings.ReplaceAll(s, " ", "-")
	}}).Parse(pageText))
})
