// Command browser looks at the program's pages with a headless Chromium: the documentation of okchat serve sends a
// request and shows the answer, the page of okchat stats draws, nothing is asked for beyond loopback, and the console
// has no errors.
//
//	browser OKCHAT CHROMIUM REFERENCE COVERAGE [FOLDER]
//
// The first two are programs, the next two the reference page of the contract and that of its coverage; screenshots go to
// the folder.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 5 {
		log.Fatal("usage: browser OKCHAT CHROMIUM REFERENCE COVERAGE [FOLDER]")
	}
	if err := check(os.Args[1], os.Args[2], os.Args[3], os.Args[4], strings.Join(os.Args[5:], "")); err != nil {
		log.Fatalf("%v", err)
	}
}

func check(okchat, chromium, reference, coverage, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	srv, err := startServer(ctx, okchat)
	if err != nil {
		return err
	}
	defer srv.stop()
	scratch, err := os.MkdirTemp("", "browser")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	stats, err := srv.stats(ctx, filepath.Join(scratch, "stats.html"))
	if err != nil {
		return err
	}

	b, err := start(ctx, chromium, filepath.Join(scratch, "profile"), folder)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.docs(srv); err != nil {
		return fmt.Errorf("the documentation: %w", err)
	}
	if err := b.stats("file://"+filepath.Join(scratch, "stats.html"), stats); err != nil {
		return fmt.Errorf("the page of stats: %w", err)
	}
	// What a reader has to find on the page, and how much of it there is.
	for _, page := range []struct {
		name, path, wait, text string
		selector               string
		least                  int
	}{
		{"reference", reference, ".opblock-get", "List a chatbot's conversations", ".model-container", 5},
		{"coverage", coverage, ".facet", "never seen", ".facet", 60},
	} {
		if err := b.page(page.name, "file://"+page.path, page.wait, page.text, page.selector, page.least); err != nil {
			return fmt.Errorf("the page of the %s: %w", page.name, err)
		}
	}
	return b.verdict()
}

// page looks at a page that stands still.
func (b *browser) page(name, url, wait, text, selector string, least int) error {
	var body string
	var n int
	err := chromedp.Run(b.ctx,
		emulation.SetEmulatedMedia().WithFeatures(nil),
		chromedp.EmulateViewport(1280, 1000),
		chromedp.Navigate(url),
		chromedp.WaitVisible(wait, chromedp.ByQuery),
		chromedp.Text("body", &body, chromedp.ByQuery),
		chromedp.Evaluate(fmt.Sprintf("document.querySelectorAll(%q).length", selector), &n),
		b.picture(name),
	)
	switch {
	case err != nil:
		return err
	case !strings.Contains(body, text):
		return fmt.Errorf("it does not say %q", text)
	case strings.Contains(body, "Could not resolve"):
		return errors.New("it shows errors in place of schemas")
	case n < least:
		return fmt.Errorf("it shows %d of %s, expected at least %d", n, selector, least)
	}
	fmt.Printf("%s: %d of %s\n", name, n, selector)
	return nil
}

// server is okchat serve.
type server struct {
	okchat, url, key, chatbot string
	cmd                       *exec.Cmd
}

func startServer(ctx context.Context, okchat string) (*server, error) {
	s := &server{okchat: okchat, cmd: exec.CommandContext(ctx, okchat, "serve", "--addr", "127.0.0.1:0", "--synthetic", "20000")}
	talk, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(talk)
	first, _ := lines.ReadString('\n')
	second, _ := lines.ReadString('\n')
	match := regexp.MustCompile(`chatbot (\S+) at (\S+)\nThe key is (\S+),`).FindStringSubmatch(first + second)
	if match == nil {
		s.stop()
		return nil, fmt.Errorf("okchat serve said %q", first+second)
	}
	s.chatbot, s.url, s.key = match[1], match[2], match[3]
	return s, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// counts is what okchat stats --json says.
type counts struct {
	Total       int
	PerDay      []json.RawMessage `json:"per_day"`
	PerPlatform []json.RawMessage `json:"per_platform"`
	PerState    []json.RawMessage `json:"per_state"`
}

func (s *server) stats(ctx context.Context, path string) (*counts, error) {
	cmd := exec.CommandContext(ctx, s.okchat, "stats", "--quiet", "--json", "--html", path, "--chatbot", s.chatbot)
	cmd.Env = append(os.Environ(), "OKCHAT_API_KEY="+s.key, "OKCHAT_BASE_URL="+s.url)
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	var c counts
	return &c, json.Unmarshal(out, &c)
}

// browser is a Chromium whose way out leads to this program, which lets nothing through.
type browser struct {
	ctx    context.Context
	stop   func()
	folder string

	mu       sync.Mutex
	faults   []string
	requests int
	answers  []string // of the endpoint: method, status and URL
}

// ownTalk is what Chromium itself asks its maker, whatever flags say; it gets no answer here. Hosts that pages load from
// are none of it, and what a page asks for is told by the page's events, too.
var ownTalk = regexp.MustCompile(`^([\w.-]+\.(google|gvt1)|(update|content-autofill|safebrowsing|[\w-]+-pa)\.googleapis)\.com(:443)?$`)

func start(ctx context.Context, chromium, profile, folder string) (*browser, error) {
	b := &browser{folder: folder}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	wayOut := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ownTalk.MatchString(r.Host) {
			b.fault("a request left for %s", r.Host)
		}
		w.WriteHeader(http.StatusForbidden)
	})}
	go func() { _ = wayOut.Serve(listener) }()

	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium), chromedp.UserDataDir(profile), chromedp.ProxyServer("http://"+listener.Addr().String()),
		chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", "OptimizationHints,MediaRouter,Translate"), chromedp.WindowSize(1280, 1000))
	if os.Getuid() == 0 {
		opts = append(opts, chromedp.NoSandbox) // it does not run as root otherwise
	}
	allocated, cancelAllocator := chromedp.NewExecAllocator(ctx, opts...)
	tab, cancelTab := chromedp.NewContext(allocated)
	b.ctx, b.stop = tab, func() { cancelTab(); cancelAllocator(); _ = wayOut.Close() }
	chromedp.ListenTarget(tab, b.event)
	return b, chromedp.Run(tab, network.Enable(), cdplog.Enable(), runtime.Enable())
}

func (b *browser) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

func (b *browser) event(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.mu.Lock()
		b.requests++
		b.mu.Unlock()
		to, err := url.Parse(e.Request.URL)
		if err != nil || !slices.Contains([]string{"data", "blob", "file"}, to.Scheme) && to.Hostname() != "127.0.0.1" {
			b.fault("a page asked for %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if strings.Contains(e.Response.URL, "/api/") {
			b.mu.Lock()
			b.answers = append(b.answers, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
			b.mu.Unlock()
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert || e.Type == runtime.APITypeWarning {
			var text []string
			for _, arg := range e.Args {
				text = append(text, string(arg.Value)+arg.Description)
			}
			b.fault("console %s: %s", e.Type, strings.Join(text, " "))
		}
	case *runtime.EventExceptionThrown:
		b.fault("exception: %s", e.ExceptionDetails.Error())
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
			b.fault("log %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	}
}

// picture is an action that keeps what the page looks like.
func (b *browser) picture(name string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		if b.folder == "" {
			return nil
		}
		var image []byte
		if err := chromedp.FullScreenshot(&image, 100).Do(ctx); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(b.folder, name+".png"), image, 0o600)
	})
}

// docs sends a request with "try it out" as a person would: the fields hold the contract's examples, one of them a state
// that three of four synthetic conversations are in.
func (b *browser) docs(srv *server) error {
	var status, answer string
	err := chromedp.Run(b.ctx,
		chromedp.Navigate(srv.url+"/docs"),
		chromedp.WaitVisible(`.opblock-get`, chromedp.ByQuery),
		b.picture("docs"),
		chromedp.Click(`.auth-wrapper .authorize`, chromedp.ByQuery),
		chromedp.SendKeys(`.auth-container input`, srv.key, chromedp.ByQuery),
		chromedp.Click(`.auth-btn-wrapper button[type=submit]`, chromedp.ByQuery),
		chromedp.Click(`.auth-btn-wrapper .btn-done`, chromedp.ByQuery),
		chromedp.Click(`.opblock-summary-control`, chromedp.ByQuery),
		chromedp.Click(`.try-out__btn`, chromedp.ByQuery),
		chromedp.Click(`.execute`, chromedp.ByQuery),
		chromedp.WaitVisible(`.live-responses-table .response-col_status`, chromedp.ByQuery),
		chromedp.Text(`.live-responses-table tbody .response-col_status`, &status, chromedp.ByQuery),
		chromedp.Text(`.live-responses-table tbody .response-col_description`, &answer, chromedp.ByQuery),
		b.picture("docs-answer"),
	)
	if err != nil {
		_ = chromedp.Run(b.ctx, b.picture("docs-failed"))
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.answers) != 1 || !strings.HasPrefix(b.answers[0], "200 "+srv.url+"/api/"):
		return fmt.Errorf("expected one answer of the endpoint, got %q", b.answers)
	case strings.TrimSpace(status) != "200":
		return fmt.Errorf("it shows status %q, expected 200", status)
	case !strings.Contains(answer, `"totalCount": 15000`) || !strings.Contains(answer, srv.chatbot):
		return fmt.Errorf("it does not show the answer, but %.300q", answer)
	}
	fmt.Printf("docs: try it out sent %s\n", b.answers[0])
	return nil
}

// stats looks at the page in both colour schemes and on a telephone.
func (b *browser) stats(url string, want *counts) error {
	for _, view := range []struct {
		name, scheme string
		width        int64
	}{{"stats-light", "light", 1280}, {"stats-dark", "dark", 1280}, {"stats-narrow", "light", 390}} {
		var got struct {
			Total, Columns, Bars, Labels  int
			Tallest, Widest, Plot, Beside float64
			Page, Ink, Mark               string
		}
		err := chromedp.Run(b.ctx,
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.scheme}}),
			chromedp.EmulateViewport(view.width, 900),
			chromedp.Navigate(url),
			chromedp.WaitVisible(`svg rect`, chromedp.ByQuery),
			chromedp.Evaluate(`(() => {
				const all = selector => [...document.querySelectorAll(selector)], box = e => e.getBoundingClientRect();
				const colour = (e, what) => getComputedStyle(e)[what];
				return {
					Total: Number(document.querySelector('dd').textContent),
					Columns: all('svg rect').filter(e => box(e).height > 0 && box(e).width > 0).length,
					Labels: all('svg text').length,
					Bars: all('i').filter(e => box(e).width > 0).length,
					Tallest: Math.max(...all('svg rect').map(e => box(e).height)),
					Widest: Math.max(...all('i').map(e => box(e).width)),
					Plot: box(document.querySelector('svg')).height,
					Beside: document.documentElement.scrollWidth - document.documentElement.clientWidth,
					Page: colour(document.body, 'backgroundColor'), Ink: colour(document.body, 'color'),
					Mark: colour(document.querySelector('svg rect'), 'fill'),
				};
			})()`, &got),
			b.picture(view.name),
		)
		if err != nil {
			return err
		}
		switch {
		case got.Total != want.Total:
			return fmt.Errorf("%s: it counts %d, expected %d", view.name, got.Total, want.Total)
		case got.Columns != len(want.PerDay):
			return fmt.Errorf("%s: %d columns are drawn, expected one for each of %d days", view.name, got.Columns, len(want.PerDay))
		case got.Bars != len(want.PerPlatform)+len(want.PerState):
			return fmt.Errorf("%s: %d bars are drawn, expected %d", view.name, got.Bars, len(want.PerPlatform)+len(want.PerState))
		case got.Tallest < got.Plot/2 || got.Widest < 50 || got.Labels < 5:
			return fmt.Errorf("%s: the plots are not to be seen: %+v", view.name, got)
		case got.Beside > 0:
			return fmt.Errorf("%s: the page is %v wider than the window", view.name, got.Beside)
		case got.Page == got.Ink || got.Page == got.Mark:
			return fmt.Errorf("%s: nothing stands out: %+v", view.name, got)
		}
		fmt.Printf("%s: %d columns, %d bars, %s on %s\n", view.name, got.Columns, got.Bars, got.Ink, got.Page)
	}
	return nil
}

func (b *browser) verdict() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.faults) > 0 {
		return errors.New(strings.Join(b.faults, "\n"))
	}
	fmt.Printf("%d requests, all to loopback, and nothing on the console\n", b.requests)
	return nil
}
