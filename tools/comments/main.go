// Command comments is a linter for go vet -vettool. It reports comments with phrases that the house rules replace by plain words,
// and documentation of exported symbols that does not begin with the symbol's name.
package main

import (
	"cmp"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() { unitchecker.Main(analyzer) }

var analyzer = &analysis.Analyzer{
	Name: "comments",
	Doc:  "reports riddling phrases, and documentation that does not begin with the name",
	Run:  run,
}

// phrases are those to avoid, with the words that replace them.
var phrases = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b(?:says?|tells?|knows?) whether\b`), "reports whether"},
	{regexp.MustCompile(`\b(?:is|are) what\b`), "a noun that names it"},
	{regexp.MustCompile(`\b(?:holds?|held) [^.,;]{1,40}? against\b`), "compares, checks, validates"},
}

func run(pass *analysis.Pass) (any, error) {
	for _, file := range pass.Files {
		if ast.IsGenerated(file) {
			continue
		}
		for _, group := range file.Comments {
			text := strings.Join(strings.Fields(group.Text()), " ")
			for _, p := range phrases {
				if found := p.pattern.FindString(text); found != "" {
					pass.Reportf(group.Pos(), "expected plain words in the comment, got %q: write %s", found, p.instead)
				}
			}
		}
		if !strings.HasSuffix(pass.Fset.File(file.Pos()).Name(), "_test.go") {
			checkNames(pass, file)
		}
	}
	return nil, nil
}

func checkNames(pass *analysis.Pass, file *ast.File) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			checkName(pass, decl.Doc, decl.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				// The comment of a group is about the group.
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					checkName(pass, cmp.Or(spec.Doc, alone(decl)), spec.Name)
				case *ast.ValueSpec:
					checkName(pass, cmp.Or(spec.Doc, alone(decl)), spec.Names...)
				}
			}
		}
	}
}

// alone returns the comment of a declaration without parentheses.
func alone(decl *ast.GenDecl) *ast.CommentGroup {
	if decl.Lparen != token.NoPos {
		return nil
	}
	return decl.Doc
}

// checkName reports documentation of exported names that begins with none of them, an article aside.
func checkName(pass *analysis.Pass, doc *ast.CommentGroup, names ...*ast.Ident) {
	words := strings.Fields(doc.Text())
	if len(words) > 1 && slices.Contains([]string{"A", "An", "The"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 0 || words[0] == "Deprecated:" || !slices.ContainsFunc(names, (*ast.Ident).IsExported) {
		return
	}
	first := strings.TrimRight(words[0], ",.:'s")
	if !slices.ContainsFunc(names, func(name *ast.Ident) bool { return name.Name == words[0] || strings.TrimRight(name.Name, "s") == first }) {
		pass.Reportf(doc.Pos(), "expected the comment to begin with %s, got %q", names[0].Name, words[0])
	}
}
