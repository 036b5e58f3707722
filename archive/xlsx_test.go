package archive

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/okchat/okchat-go/internal/column"
)

func seoul(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// hard holds what spreadsheets change: digits, formulas, line ends, characters that XML lacks, and what looks like their escape.
const hard = `{ "id": "00000000-0000-4000-8000-000000000001", "chatbot_id": "00000000-0000-4000-8000-00000000000b",
	"created_at": "2025-03-07T01:00:00.5Z", "updated_at": "1999-12-31T15:00:00Z", "platform": "web", "state": "=1+1",
	"active": true, "is_human_mode": false, "sns_user_id": "0012345678901234567890", "user_id": "3/4", "session_token": null,
	"voice_path": "_x0041_\u0001", "last_message": "  <a> & \"b\"\nline two\t안녕 😀 ", "metadata": {"n": 1e3} }`

// workbook writes a file of these conversations and returns its path.
func workbook(t testing.TB, zone *time.Location, raws ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.xlsx")
	content := written(t, func(b *bytes.Buffer) Writer { return NewXLSX(b, zone) }, page(t, raws...))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readXLSX prints the cells of a workbook with their types, a line each.
const readXLSX = `
import sys, openpyxl, datetime
book = openpyxl.load_workbook(sys.argv[1])
for sheet in book.worksheets:
    print(sheet.title, sheet.max_row, sheet.freeze_panes)
    names = [c.value for c in sheet[1]]
    for name, cell in zip(names, sheet[2]):
        value = cell.value
        if isinstance(value, datetime.datetime):
            value = value.isoformat(timespec="milliseconds")
        print(name, cell.data_type, repr(value), cell.number_format, bool(cell.alignment.wrap_text))
`

func TestAnotherReaderFindsTheCellsOfAWorkbook(t *testing.T) {
	python := "/usr/bin/python3" // for which Debian installs it
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	path := workbook(t, seoul(t), hard)
	got := tool(t, python, "-c", `
try:
    import openpyxl
except ImportError:
    print("none")
    raise SystemExit
`+readXLSX, path)
	if got == "none" {
		t.Skip("NOT TESTED: there is no openpyxl, so no reader that tells types")
	}
	for _, want := range []string{
		"conversations 1 2 A2",
		"id s '00000000-0000-4000-8000-000000000001' @ False",
		`created_at d '2025-03-07T10:00:00.500' yyyy\-mm\-dd\ hh:mm:ss False`,
		`updated_at d '2000-01-01T00:00:00.000' yyyy\-mm\-dd\ hh:mm:ss False`,
		"active b True", "is_human_mode b False", "migrated_data n None",
		"state s '=1+1'", "sns_user_id s '0012345678901234567890' @ True", "user_id s '3/4'", "session_token n None",
		`last_message s '  <a> & "b"\nline two\t안녕 😀 ' @ True`, `metadata s '{"n":1e3}'`,
	} {
		if !slices.ContainsFunc(strings.Split(got, "\n"), func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("there is no cell %s in\n%s", want, got)
		}
	}
}

func TestLibreOfficeOpensWhatIsForExcel(t *testing.T) {
	zone := seoul(t)
	dir := t.TempDir()
	sheet := filepath.Join(dir, "b.csv")
	if err := os.WriteFile(sheet, []byte(written(t, func(b *bytes.Buffer) Writer { return NewCSV(b, CSVOptions{Excel: true, Zone: zone}) }, page(t, hard))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, filter, user, state string }{
		{workbook(t, zone, hard), "", "0012345678901234567890", "=1+1"},
		// Separator, quote, UTF-8, first line, column formats, language, quoted fields as text, detect numbers, and with formulas.
		{sheet, "--infilter=CSV:44,34,76,1,,0,false,true,false,false,false,-1,true", "0012345678901234567890", "'=1+1"},
	} {
		args := []string{"-env:UserInstallation=file://" + filepath.Join(dir, "profile"), "--headless", "--norestore", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false", "--outdir", filepath.Join(dir, "out"), tt.path}
		if tt.filter != "" {
			args = slices.Insert(args, 1, tt.filter)
		}
		tool(t, "soffice", args...)
		name := strings.TrimSuffix(filepath.Base(tt.path), filepath.Ext(tt.path)) + ".csv"
		text, err := os.ReadFile(filepath.Join(dir, "out", name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		for i, name := range rows[0] {
			want, ok := map[string]string{"id": "00000000-0000-4000-8000-000000000001", "created_at": "2025-03-07 10:00:00", "sns_user_id": tt.user, "user_id": "3/4", "state": tt.state}[name]
			if got := strings.TrimSuffix(rows[1][i], ".500000"); ok && got != want && !strings.HasPrefix(got, "2025-03-07 10:00:0") {
				t.Errorf("%s: the cell %s is %q, expected %q", tt.path, name, got, want)
			}
		}
	}
}

// cells reads a worksheet as XML: a row of texts for each row, empty where a cell has none.
func cells(t testing.TB, path string, sheet int) (rows [][]string) {
	t.Helper()
	book, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	file, err := book.Open(fmt.Sprintf("xl/worksheets/sheet%d.xml", sheet))
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Rows []struct {
			Cells []struct {
				Text  string `xml:"is>t"`
				Value string `xml:"v"`
			} `xml:"c"`
		} `xml:"sheetData>row"`
	}
	if err := xml.NewDecoder(file).Decode(&parsed); err != nil {
		t.Fatal(err)
	}
	for _, row := range parsed.Rows {
		var texts []string
		for _, c := range row.Cells {
			texts = append(texts, c.Text+c.Value)
		}
		rows = append(rows, texts)
	}
	return rows
}

func TestAWorkbookHoldsEachTextAsItIs(t *testing.T) {
	long := strings.Repeat("가😀", 11_000) // 33,000 characters of UTF-16
	rows := cells(t, workbook(t, nil, hard, strings.Replace(hard, "0012345678901234567890", long, 1)), 1)
	if len(rows) != 3 || len(rows[0]) != len(column.Conversations().Columns) {
		t.Fatalf("%d rows of %d cells", len(rows), len(rows[0]))
	}
	if got := rows[1][column.Conversations().Place("voice_path")]; got != "_x005F_x0041__x0001_" {
		t.Errorf("the text is %q", got)
	}
	if got := rows[2][column.Conversations().Place("sns_user_id")]; got != strings.Repeat("가😀", 10_922)+"…" {
		t.Errorf("a long text of %d bytes is cut to %d, which ends in %q", len(long), len(got), got[max(len(got)-20, 0):])
	}
	const markup = "a]]>b<c>&amp;"
	marked := cells(t, workbook(t, nil, strings.Replace(hard, "0012345678901234567890", markup, 1)), 1)
	if got := marked[1][column.Conversations().Place("sns_user_id")]; got != markup {
		t.Errorf("%q became %q", markup, got)
	}
	if rows := cells(t, workbook(t, nil), 1); len(rows) != 1 {
		t.Errorf("an empty workbook has %d rows, expected the names", len(rows))
	}
}

func TestAWorkbookGoesOnInAnotherSheet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.xlsx")
	content := written(t, func(b *bytes.Buffer) Writer {
		w := NewXLSX(b, nil).(*xlsx)
		w.maxRows = 3
		return w
	}, page(t, hard, hard), page(t, hard), page(t, hard, hard))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{3, 3, 2} {
		if got := len(cells(t, path, i+1)); got != want {
			t.Errorf("sheet %d has %d rows, expected %d", i+1, got, want)
		}
	}
	if maxSheetRows != 1_048_576 {
		t.Errorf("a sheet takes %d rows", maxSheetRows)
	}
}

// full fails once so many bytes were written.
type full struct {
	left  int
	sizes []int // of the writes
}

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	f.sizes = append(f.sizes, len(p))
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAWorkbookOnAFullDiskFails(t *testing.T) {
	hardPage := page(t, hard)
	write := func(to io.Writer) error {
		w := NewXLSX(to, nil)
		for range 2000 {
			if err := w.WritePage(hardPage); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	writes := &full{left: 1 << 30}
	if err := write(writes); err != nil || len(writes.sizes) < 3 {
		t.Fatalf("expected several writes, got %d and %v", len(writes.sizes), err)
	}
	before := 0
	for i, size := range writes.sizes {
		for _, left := range []int{before, before + size - 1} { // a write fails as a whole, so that all room between is the same
			if err := write(&full{left: left}); !errors.Is(err, errFull) {
				t.Fatalf("with room for %d bytes, which end in write %d: %v", left, i, err)
			}
		}
		before += size
	}
}

func TestCSVForExcelAndInATimeZone(t *testing.T) {
	zoned := written(t, func(b *bytes.Buffer) Writer { return NewCSV(b, CSVOptions{Zone: seoul(t)}) }, page(t, hard))
	if !strings.Contains(zoned, ",2025-03-07T10:00:00.500000+09:00,2000-01-01T00:00:00.000000+09:00,") {
		t.Errorf("times of the time zone: %s", zoned)
	}
	excel := written(t, func(b *bytes.Buffer) Writer { return NewCSV(b, CSVOptions{Excel: true, Zone: seoul(t)}) }, page(t, hard))
	for _, want := range []string{"\ufeffid,", ",unknown", "\r\n", ",2025-03-07 10:00:00,2000-01-01 00:00:00,", `,"=""0012345678901234567890""","=""3/4""",`, ",'=1+1,"} {
		if !strings.Contains(excel, want) {
			t.Errorf("for Excel there is no %q in %q", want, excel)
		}
	}
	if appended := written(t, func(b *bytes.Buffer) Writer { return NewCSV(b, CSVOptions{Excel: true, Zone: seoul(t), Append: true}) }, page(t, hard)); "\ufeff"+strings.SplitAfterN(excel, "\r\n", 2)[0][3:]+appended != excel {
		t.Errorf("what is appended is %q", appended)
	}
	for text, want := range map[string]bool{"0": true, "1e5": true, "12:30": true, "1,5": true, "50%": true, "2025-03-07": true, "Mar 5": true, "MAR1": true, "sept2": true, "5 May 2024": true, " 12": true, "$5": true, "(5)": true, "3:05 pm": true, "": false, "5a": false,
		"May": false, "room 5": false, "-1": false, strings.Repeat("1", 256): false} {
		if got := isNumber(text); got != want {
			t.Errorf("%q is taken for a number: %v", text, got)
		}
	}
}
