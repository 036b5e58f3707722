package okchat_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A program that imports a package for programs links the generated code's runtime, what that needs, and no other module.
func TestImportersGetFewModules(t *testing.T) {
	t.Parallel()
	allowed := []string{"github.com/okchat/okchat-go", "github.com/oapi-codegen/runtime", "github.com/google/uuid", "github.com/apapsch/go-jsonmerge/v2"}
	for _, pkg := range []string{".", "./gen/okchatapi", "./okchattest"} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		modules := strings.Fields(string(out))
		if !slices.Contains(modules, allowed[0]) {
			t.Errorf("%s: expected the module itself among its dependencies, got %q", pkg, modules)
		}
		for _, module := range slices.Compact(slices.Sorted(slices.Values(modules))) {
			if !slices.Contains(allowed, module) {
				t.Errorf("a program that imports %s would hold %s: remove the import, or argue for the module here", pkg, module)
			}
		}
	}
}
