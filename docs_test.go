package okchat_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/okchat/okchat-go/gen/okchatapi"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// snippetImports lists the packages that Go code in the documents may use, by name.
var snippetImports = map[string]string{
	"context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "log": "log", "os": "os", "slog": "log/slog",
	"testing": "testing", "time": "time",
	"okchat": "github.com/okchat/okchat-go", "okchatapi": "github.com/okchat/okchat-go/gen/okchatapi",
	"archive": "github.com/okchat/okchat-go/archive", "okchattest": "github.com/okchat/okchat-go/okchattest", "contract": "github.com/okchat/okchat-go/contract",
}

// snippetFile makes a file of a piece of Go: as it stands, or in a function that has what a reader has at that point.
func snippetFile(code string) string {
	if strings.HasPrefix(code, "package ") {
		return code
	}
	var file strings.Builder
	file.WriteString("package snippet\n")
	body := code
	if !regexp.MustCompile(`(?m)^(func|type) `).MatchString(code) {
		body = "func _(ctx context.Context, chatbotID string) {\n" + code + "}\n"
	}
	for name, path := range snippetImports {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(body) {
			fmt.Fprintf(&file, "import %s %q\n", name, path)
		}
	}
	return file.String() + body
}

func TestTheGoInTheDocumentsCompiles(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	packages := []string{"build", "-o", os.DevNull, "-overlay"}
	dir := t.TempDir()
	packages = append(packages, filepath.Join(dir, "overlay.json"))
	for _, name := range append(documents, "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range goBlock.FindAllSubmatch(text, -1) {
			n := len(overlay.Replace)
			real := filepath.Join(dir, fmt.Sprintf("%d.go", n))
			if err := os.WriteFile(real, []byte(snippetFile(string(match[1]))), 0o600); err != nil {
				t.Fatal(err)
			}
			// Each piece is a package of its own, which is on no disk.
			overlay.Replace[filepath.Join(root, fmt.Sprintf("snippet%d", n), "snippet.go")] = real
			packages = append(packages, fmt.Sprintf("./snippet%d", n))
		}
	}
	if len(overlay.Replace) < 2 {
		t.Fatalf("%d pieces of Go in the documents, expected the README's at least", len(overlay.Replace))
	}
	encoded, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", packages...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// go doc does not show the fields of a type that another one embeds, so that the comment of Conversation lists them.
func TestTheCommentOfConversationListsItsFields(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "conversation.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := doc.NewFromFiles(set, []*ast.File{file}, "okchat")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	width := 0
	fields := reflect.VisibleFields(reflect.TypeFor[okchatapi.Conversation]())
	for _, f := range fields {
		width = max(width, len(f.Name))
	}
	for _, f := range fields {
		fmt.Fprintf(&want, "\t%-*s %s\n", width, f.Name, strings.ReplaceAll(f.Type.String(), "okchatapi.", ""))
	}
	for _, typ := range pkg.Types {
		if typ.Name == "Conversation" && !strings.Contains(typ.Doc, "\n\n"+want.String()+"\n") {
			t.Errorf("the comment of Conversation lacks the list of its fields, expected\n%s", want.String())
		}
	}
}

func TestEveryExportedSymbolIsDocumented(t *testing.T) {
	for _, dir := range []string{".", "archive", "archive/sqlite", "okchattest", "contract", "contract/conform", "contract/report"} {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		var files []*ast.File
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		pkg, err := doc.NewFromFiles(set, files, dir)
		if err != nil {
			t.Fatal(err)
		}
		undocumented := func(what, text string) {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s has no doc comment", dir, what)
			}
		}
		undocumented("the package", pkg.Doc)
		funcs, values := pkg.Funcs, slices.Concat(pkg.Consts, pkg.Vars)
		for _, typ := range pkg.Types {
			undocumented(typ.Name, typ.Doc)
			funcs = append(append(funcs, typ.Funcs...), typ.Methods...)
			values = append(append(values, typ.Consts...), typ.Vars...)
		}
		for _, f := range funcs {
			// What every error and formatter has says nothing that its name does not.
			if f.Name != "Error" && f.Name != "Format" && f.Name != "String" {
				undocumented(f.Recv+" "+f.Name, f.Doc)
			}
		}
		for _, v := range values {
			for _, spec := range v.Decl.Specs {
				spec := spec.(*ast.ValueSpec)
				undocumented(strings.Join(v.Names, ", "), v.Doc+spec.Doc.Text()+spec.Comment.Text())
			}
		}
	}
}
