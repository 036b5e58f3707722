package archive

import (
	"archive/zip"
	"bufio"
	"cmp"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/column"
)

// The most that a worksheet holds. Excel has a bound on rows and one on a cell's characters, counted in UTF-16; a part of the
// file beyond 4 GiB would need an extension of ZIP that not every program reads.
const (
	maxSheetRows  = 1 << 20
	maxSheetBytes = 3 << 30
	maxCellUnits  = 32767
)

// NewXLSX returns a writer of an Excel workbook (Office Open XML) with the columns of CSV: times are dates of the time zone,
// nil for UTC; ids and texts are texts, wrapped where they are long; the line of names stays in sight. After 1,048,576 rows,
// the most that Excel takes, another worksheet begins. A text longer than Excel's 32,767 characters is cut, and ends in …;
// null is an empty cell. Memory does not grow with the rows. Flush ends the workbook.
func NewXLSX(w io.Writer, zone *time.Location) Writer {
	x := &xlsx{zip: zip.NewWriter(w), zone: cmp.Or(zone, time.UTC), columns: column.Conversations().Columns, maxRows: maxSheetRows}
	x.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	return x
}

type xlsx struct {
	zip     *zip.Writer
	zone    *time.Location
	columns []column.Column
	row     column.Row
	maxRows int

	sheet  *bufio.Writer // nil before the first and after the last
	sheets int
	rows   int // of the sheet, the names among them
	bytes  int // of the sheet
	line   []byte
	ended  bool
}

// The indexes of the cell formats of texts in xlsxStyles; 1 is that of dates.
const (
	stylePlain   = 0
	styleWrapped = 2
	styleBold    = 3
)

const (
	xlsxHead   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	xlsxMain   = `"http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	xlsxType   = `application/vnd.openxmlformats-officedocument.spreadsheetml.`
	xlsxRel    = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	xlsxStyles = xlsxHead + `<styleSheet xmlns=` + xlsxMain + `><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
		`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
		`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
		`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>` +
		`<cellXfs count="4"><xf numFmtId="49" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf>` +
		`<xf numFmtId="164" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top"/></xf>` +
		`<xf numFmtId="49" applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>` +
		`<xf fontId="1" applyFont="1"/></cellXfs></styleSheet>`
)

func (x *xlsx) WritePage(page []okchat.Conversation) error {
	for i := range page {
		if err := x.row.Read(&page[i]); err != nil {
			return err
		}
		if x.sheet == nil || x.rows >= x.maxRows || x.bytes > maxSheetBytes {
			if err := x.begin(); err != nil {
				return err
			}
		}
		if err := x.write(x.row.Values); err != nil {
			return err
		}
	}
	return nil
}

// begin ends the worksheet if there is one, and begins the next with the names of the columns.
func (x *xlsx) begin() error {
	if err := x.end(); err != nil {
		return err
	}
	x.sheets++
	part, err := x.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.sheets))
	if err != nil {
		return err
	}
	x.sheet, x.rows, x.bytes = bufio.NewWriterSize(part, bufferSize), 1, 0
	x.line = append(x.line[:0], xlsxHead+`<worksheet xmlns=`+xlsxMain+`><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`...)
	for i, c := range x.columns {
		width := 20
		switch {
		case c.Name == "last_message":
			width = 60
		case !c.Free && !c.Time && !c.Truth:
			width = 38 // of a UUID
		}
		x.line = fmt.Appendf(x.line, `<col min="%d" max="%[1]d" width="%d" customWidth="1"/>`, i+1, width)
	}
	x.line = append(x.line, `</cols><sheetData><row>`...)
	for _, c := range x.columns {
		x.text(c.Name, styleBold)
	}
	x.line = append(x.line, "</row>"...)
	_, err = x.sheet.Write(x.line)
	return err
}

func (x *xlsx) end() error {
	if x.sheet == nil {
		return nil
	}
	_, _ = x.sheet.WriteString("</sheetData></worksheet>") // its error is that of Flush
	err := x.sheet.Flush()
	x.sheet = nil
	return err
}

// write writes one row.
func (x *xlsx) write(values []column.Value) error {
	x.line = append(x.line[:0], "<row>"...)
	for i := range values {
		c, v := &x.columns[i], values[i]
		switch {
		case v.Null:
			x.line = append(x.line, "<c/>"...)
		case c.Time:
			x.line = append(x.line, `<c s="1"><v>`...)
			x.line = strconv.AppendFloat(x.line, dateNumber(parseTime(v.Text).In(x.zone)), 'f', -1, 64)
			x.line = append(x.line, "</v></c>"...)
		case c.Truth && v.Text == "true":
			x.line = append(x.line, `<c t="b"><v>1</v></c>`...)
		case c.Truth:
			x.line = append(x.line, `<c t="b"><v>0</v></c>`...)
		case c.Type != "TEXT" && len(v.Text) <= 15: // Excel has no more digits
			x.line = append(x.line, "<c><v>"+v.Text+"</v></c>"...)
		case c.Free:
			x.text(v.Text, styleWrapped)
		default:
			x.text(v.Text, stylePlain)
		}
	}
	x.line = append(x.line, "</row>"...)
	x.rows++
	x.bytes += len(x.line)
	_, err := x.sheet.Write(x.line)
	return err
}

// dateNumber returns the number that Excel shows as the date and time of t: days since 1899-12-30, whatever the time zone.
func dateNumber(t time.Time) float64 {
	_, offset := t.Zone()
	return float64(t.Unix()+int64(offset))/86400 + float64(t.Nanosecond())/86400e9 + 25569
}

// text appends a cell of text. A character that XML cannot hold stands as Excel has it, such as _x0000_.
func (x *xlsx) text(s string, style int) {
	x.line = append(append(append(x.line, `<c t="inlineStr" s="`...), byte('0'+style)), `"><is><t xml:space="preserve">`...)
	if len(s) > maxCellUnits {
		s = cut(s)
	}
	rest := s
	for i, r := range s {
		var escape string
		switch {
		case r == '<':
			escape = "&lt;"
		case r == '>': // which would end a section behind two brackets
			escape = "&gt;"
		case r == '&':
			escape = "&amp;"
		case r == '_' && isEscape(s[i:]):
			escape = "_x005F_"
		case r < ' ' && r != '\t' && r != '\n', r == 0xfffe, r == 0xffff:
			escape = fmt.Sprintf("_x%04X_", r)
		default:
			continue
		}
		x.line = append(append(x.line, rest[:i-len(s)+len(rest)]...), escape...)
		rest = s[i+utf8.RuneLen(r):]
	}
	x.line = append(append(x.line, rest...), "</t></is></c>"...)
}

// isEscape reports whether a spreadsheet would take the beginning of s for the escape of a character.
func isEscape(s string) bool {
	return len(s) >= len("_x0000_") && s[1] == 'x' && s[6] == '_' && strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}

// cut returns as much of s as fits into a cell, and … where that is not all.
func cut(s string) string {
	units, last := 0, 0
	for i, r := range s {
		if units < maxCellUnits {
			last = i
		}
		if units += utf16.RuneLen(r); units > maxCellUnits {
			return s[:last] + "…"
		}
	}
	return s
}

// Flush ends the workbook with the parts that name its worksheets.
func (x *xlsx) Flush() error {
	if x.ended {
		return nil
	}
	x.ended = true
	if x.sheets == 0 {
		if err := x.begin(); err != nil {
			return err
		}
	}
	if err := x.end(); err != nil {
		return err
	}
	var sheets, types, rels strings.Builder
	for i := 1; i <= x.sheets; i++ {
		fmt.Fprintf(&sheets, `<sheet name="conversations %d" sheetId="%[1]d" r:id="rId%[1]d"/>`, i)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="`+xlsxType+`worksheet+xml"/>`, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="`+xlsxRel+`/worksheet" Target="worksheets/sheet%[1]d.xml"/>`, i)
	}
	const packageRels = `http://schemas.openxmlformats.org/package/2006/relationships`
	for _, part := range [][2]string{
		{"xl/styles.xml", xlsxStyles},
		{"xl/workbook.xml", xlsxHead + `<workbook xmlns=` + xlsxMain + ` xmlns:r="` + xlsxRel + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xlsxHead + `<Relationships xmlns="` + packageRels + `">` + rels.String() +
			`<Relationship Id="styles" Type="` + xlsxRel + `/styles" Target="styles.xml"/></Relationships>`},
		{"_rels/.rels", xlsxHead + `<Relationships xmlns="` + packageRels + `"><Relationship Id="rId1" Type="` + xlsxRel + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", xlsxHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + xlsxType + `sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + xlsxType + `styles+xml"/>` + types.String() + `</Types>`},
	} {
		w, err := x.zip.Create(part[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, part[1]); err != nil {
			return err
		}
	}
	return x.zip.Close()
}
