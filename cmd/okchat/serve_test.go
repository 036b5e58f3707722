package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	okchat "github.com/okchat/okchat-go"
)

// startServe runs okchat serve on a free port and returns where it listens; stop ends it and returns its exit code.
func startServe(t *testing.T, args ...string) (url, bot string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...), streams{out: io.Discard, err: write})
		write.Close()
	}()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	match := regexp.MustCompile(`chatbot (\S+) at (\S+)`).FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("the first line is %q", line)
	}
	return match[2], match[1], func() int { cancel(); return <-code }
}

// get returns the body and the media type of an answer with status 200. The header is a name and a value, or nothing.
func get(t *testing.T, url string, header ...string) (string, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) == 2 {
		req.Header.Set(header[0], header[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v", url, resp.StatusCode, err)
	}
	return string(body), resp.Header.Get("Content-Type")
}

func TestServe(t *testing.T) {
	url, bot, stop := startServe(t, "--synthetic", "95")
	for path, unmarshal := range map[string]func([]byte, any) error{"/openapi.yaml": yaml.Unmarshal, "/openapi.json": json.Unmarshal} {
		var spec struct {
			Openapi string
			Servers []struct{ URL string }
			Paths   map[string]any
		}
		text, _ := get(t, url+path)
		if err := unmarshal([]byte(text), &spec); err != nil || len(spec.Paths) != 4 || len(spec.Servers) != 1 || spec.Servers[0].URL != url {
			t.Errorf("%s: %v, %+v", path, err, spec)
		}
	}
	page, contentType := get(t, url+"/docs")
	loads := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if !strings.HasPrefix(contentType, "text/html") || !strings.Contains(page, "/openapi.json") || len(loads) == 0 {
		t.Errorf("the documentation is %s: %s", contentType, page)
	}
	for _, load := range loads {
		if load[1] == "data:," {
			continue
		}
		if !strings.HasPrefix(load[1], "/docs/") {
			t.Errorf("the documentation loads %s, expected nothing from elsewhere", load[1])
			continue
		}
		// Go's client asks for gzip and unpacks it, unless the caller names an encoding.
		unpacked, _ := get(t, url+load[1])
		plain, _ := get(t, url+load[1], "Accept-Encoding", "identity")
		if len(plain) < 100_000 || plain != unpacked {
			t.Errorf("%s: %d bytes without compression, %d unpacked, expected the same file", load[1], len(plain), len(unpacked))
		}
	}

	t.Setenv(okchat.EnvKey, "fake-key-for-tests")
	t.Setenv(okchat.EnvBaseURL, url)
	code, out, errs := okchatRun(t, 0, "list", "--chatbot", bot, "--limit", "0")
	if code != exitOK || strings.Count(out, "\n") != 96 {
		t.Errorf("list: exit %d, %s", code, errs)
	}
	if code := stop(); code != exitOK {
		t.Errorf("exit %d after the interrupt", code)
	}
}

func TestServeWithFaults(t *testing.T) {
	for _, fault := range []string{"404", "html", "garbage", "drop", "truncate"} {
		url, bot, stop := startServe(t, "--fault", fault, "--fault-rate", "1")
		client, err := okchat.New("fake-key-for-tests", okchat.WithBaseURL(url), okchat.WithRetry(okchat.RetryPolicy{MaxTries: 1}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Page(t.Context(), bot, okchat.PageOptions{}); err == nil {
			t.Errorf("fault %s: no error", fault)
		}
		stop()
	}
}

func TestServeWithWrongFlags(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--addr", taken.Addr().String()}, exitFailed, "--addr"},
		{[]string{"--addr", "nowhere"}, exitFailed, "--addr"},
		{[]string{"--fault", "teapot"}, exitUsage, "html, drop"},
		{[]string{"--fault-rate", "2"}, exitUsage, "--fault-rate"},
		{[]string{"--synthetic", "-1"}, exitUsage, "--synthetic"},
		{[]string{"--latency", "-1s"}, exitUsage, "--latency"},
	} {
		if code, _, errs := okchatRun(t, 0, append([]string{"serve"}, tt.args...)...); code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%v: exit %d, %s", tt.args, code, errs)
		}
	}
}

func TestSpecAndVersion(t *testing.T) {
	if code, out, _ := okchatRun(t, 0, "spec"); code != exitOK || out != okchat.OpenAPI() {
		t.Errorf("spec: exit %d", code)
	}
	code, out, _ := okchatRun(t, 0, "spec", "--format", "json")
	var doc map[string]any
	if err := json.Unmarshal([]byte(out), &doc); code != exitOK || err != nil || doc["openapi"] != "3.1.0" {
		t.Errorf("spec as JSON: exit %d, %v", code, err)
	}
	if code, _, errs := okchatRun(t, 0, "spec", "--format", "xml"); code != exitUsage || !strings.Contains(errs, "yaml or json") {
		t.Errorf("spec as XML: exit %d, %s", code, errs)
	}
	version := doc["info"].(map[string]any)["version"].(string)
	if code, out, _ := okchatRun(t, 0, "version"); code != exitOK || !strings.HasSuffix(out, ", contract "+version+"\n") {
		t.Errorf("version: exit %d, %s", code, out)
	}
}

func TestTheContractReadsAsItsDescriptionsAreMeant(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(okchat.OpenAPI()), &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	var visit func(node *yaml.Node)
	visit = func(node *yaml.Node) {
		for i, part := range node.Content {
			if node.Kind == yaml.MappingNode && i%2 == 0 && part.Value == "description" {
				seen++
				if list := regexp.MustCompile(`(?m)^\s*(?:[-+*]|\d+[.)])\s.*`).FindString(node.Content[i+1].Value); list != "" {
					t.Errorf("line %d: Markdown makes a list of %q", part.Line, list)
				}
			}
			visit(part)
		}
	}
	if visit(&doc); seen < 40 {
		t.Errorf("%d descriptions were read", seen)
	}
}
