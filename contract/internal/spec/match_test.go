package spec_test

import (
	"strings"
	"testing"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract/internal/spec"
)

func TestTargetsCompareAsURIs(t *testing.T) {
	t.Parallel()
	c, err := spec.Compile([]byte(okchat.OpenAPI()), "openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const path = "/api/external/chatbot/7/conversations"
	for _, test := range []struct{ method, url, base, want string }{
		{"GET", "https://v2.okchat.ai" + path, "", "yes"},
		{"get", path + "?x=1#y", "", "yes"},
		{"HEAD", path, "", "yes"},
		{"GET", "http://user:word@HOST:80" + path, "", "yes"},
		{"GET", "/api/external/chat%62ot/7/conversations", "", "yes"},
		{"GET", "/api/external/chatbot//conversations", "", "yes"}, // with an empty id
		{"GET", "/api/external/chatbot/100%/conversations", "", "yes"},
		{"POST", path, "", "method"},
		{"GET", "/api", "", "no"},
		{"GET", "", "", "no"},
		{"GET", "http://[::1", "", "no"},
		{"GET", "https://ads.example/100%/x.gif", "", "no"},
		{"GET", "/api/external/chatbot/7/conversation/8", "", "no"},
		{"GET", strings.Repeat("/x", 100_000) + path, "", "no"},
		{"GET", path + "/", "", "slashes"},
		{"GET", "/" + path, "", "slashes"},
		{"GET", strings.Replace(path, "api", "API", 1), "", "slashes"},
		{"GET", strings.Replace(path, "api", "%2561pi", 1), "", "slashes"},
		{"GET", strings.Replace(path, "api/external", "api%2Fexternal", 1), "", "slashes"},
		{"GET", "/okchat" + path, "", "prefix before the contract's, /okchat"},
		{"GET", "/0123456789abcdef" + path, "", "prefix before the contract's"},
		{"GET", "/okchat" + path, "/okchat", "yes"},
		{"GET", "/okchat" + path, "/okchat/", "yes"},
		{"GET", path, "/okchat", "not below"},
		{"GET", "/other" + path, "/okchat", "prefix"},
	} {
		m := c.Match(test.method, spec.NewTarget(test.url), test.base)
		got := "no"
		switch {
		case m.Near != "":
			got = m.Near
		case m.Operation != nil:
			got = "yes"
		case m.OtherMethod:
			got = "method"
		}
		if !strings.Contains(got, test.want) || strings.Contains(got, "0123456789") {
			t.Errorf("%s %.80s below %q: expected %q, got %q", test.method, test.url, test.base, test.want, got)
		}
	}
}
