package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract_test/recordings"
	"github.com/okchat/okchat-go/okchattest"
)

// The documentation is Swagger UI. Its files are those of the npm package swagger-ui-dist that tools/package.json pins,
// compressed with gzip; the gate compares them.
var (
	//go:embed docs.html
	docsPage string
	//go:embed home.html
	homePage string
	//go:embed swagger-ui/swagger-ui-bundle.js.gz
	swaggerScript []byte
	//go:embed swagger-ui/swagger-ui.css.gz
	swaggerStyle []byte
)

type serveFlags struct {
	addr      string
	synthetic int
	seed      uint64
	latency   time.Duration
	fault     string
	faultRate float64
}

func newServe(std streams) *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve made-up or recorded conversations, and the contract",
		Long: `Serve the endpoint from this machine: the recorded sample and its synthetic second page, or as many synthetic
conversations as you like. Beside it the contract stands at /openapi.yaml and /openapi.json, and an interactive
documentation that works against this server at /docs. Nothing leaves this machine.`,
		Example: `  okchat serve
  okchat serve --addr 127.0.0.1:9000 --synthetic 1000000 --latency 20ms
  okchat serve --synthetic 500 --fault 503 --fault-rate 0.1`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), std, flags) },
	}
	cmd.Flags().StringVar(&flags.addr, "addr", "127.0.0.1:8080", "`host:port` to listen on; port 0 takes a free one")
	cmd.Flags().IntVar(&flags.synthetic, "synthetic", 0, "serve `n` synthetic conversations instead of the recorded sample")
	cmd.Flags().Uint64Var(&flags.seed, "seed", 1, "seed of the synthetic conversations and of the faults")
	cmd.Flags().DurationVar(&flags.latency, "latency", 0, "wait before each answer")
	cmd.Flags().StringVar(&flags.fault, "fault", "", "answer some requests with a `fault`: a status such as 503, "+strings.Join(faultNames(), ", "))
	offer(cmd, "fault", append([]string{"429", "503"}, faultNames()...))
	cmd.Flags().Float64Var(&flags.faultRate, "fault-rate", 0.1, "the share of requests that --fault hits, 0 to 1")
	return cmd
}

func serve(ctx context.Context, std streams, flags serveFlags) error {
	opts := []okchattest.Option{okchattest.Latency(flags.latency)}
	switch {
	case flags.synthetic < 0:
		return usageErrorf("--synthetic is %d, expected 0 or more", flags.synthetic)
	case flags.latency < 0:
		return usageErrorf("--latency is %v, expected 0 or more", flags.latency)
	case flags.faultRate < 0 || flags.faultRate > 1:
		return usageErrorf("--fault-rate is %v, expected 0 to 1", flags.faultRate)
	}
	list, _, err := readSample()
	if err != nil {
		return err
	}
	// The contract's example names the sample's chatbot, so that the documentation works without a look at the terminal.
	opts = append(opts, okchattest.Chatbot(list[0].ChatbotID))
	if flags.synthetic > 0 {
		opts = append(opts, okchattest.Synthetic(flags.seed, flags.synthetic))
	} else {
		opts = append(opts, okchattest.Conversations(list...))
	}
	fake := okchattest.New(opts...)
	if fake.Len() < flags.synthetic {
		return usageErrorf("--synthetic is %d, expected at most %d", flags.synthetic, fake.Len())
	}
	if flags.fault != "" {
		fault, err := parseFault(flags.fault)
		if err != nil {
			return err
		}
		fake.Every(sometimes(fault, flags.faultRate, flags.seed))
	}

	defer collectLess()()
	listener, err := net.Listen("tcp", flags.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w: choose another with --addr", flags.addr, err)
	}
	url := "http://" + listener.Addr().String()
	handler, err := serveMux(fake, url)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(std.err, "Serving %s of chatbot %s at %s\nThe key is %s, the documentation is at %s/docs\n",
		number(fake.Len(), "conversation"), fake.ChatbotID, url, fake.Key, url)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot go on serving: %w", err)
	}
	return nil // an interrupt is how this command ends
}

// serveMux puts a page that shows what is where, the contract and its documentation beside the endpoint.
func serveMux(fake *okchattest.Fake, url string) (http.Handler, error) {
	here, err := specAt(url)
	if err != nil {
		return nil, err
	}
	asYAML, err := yaml.Marshal(here)
	if err != nil {
		return nil, err
	}
	asJSON, err := json.MarshalIndent(ordered{here}, "", "  ")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, text := range map[string]string{"GET /{$}": homePage, "GET /docs/{$}": docsPage} {
		var page bytes.Buffer
		if err := template.Must(template.New(path).Parse(text)).Execute(&page, map[string]any{"URL": url, "Fake": fake}); err != nil {
			return nil, err
		}
		mux.HandleFunc(path, static("text/html; charset=utf-8", page.Bytes()))
	}
	mux.HandleFunc("GET /openapi.yaml", static("application/yaml", asYAML))
	mux.HandleFunc("GET /openapi.json", static("application/json", asJSON))
	mux.HandleFunc("GET /docs/swagger-ui-bundle.js", compressed("text/javascript; charset=utf-8", swaggerScript))
	mux.HandleFunc("GET /docs/swagger-ui.css", compressed("text/css; charset=utf-8", swaggerStyle))
	mux.Handle("/docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	mux.Handle("/api/", fake)
	return mux, nil
}

// specAt returns the contract with this server in place of the vendor's, and with the recorded page as the first example of an
// answer: those of the contract are made up.
func specAt(url string) (*yaml.Node, error) {
	var spec, example, server yaml.Node
	recorded, err := readExchange(recordings.FS(), "page-1.har")
	if err != nil {
		return nil, err
	}
	for node, text := range map[*yaml.Node]string{
		&spec:    okchat.OpenAPI(),
		&server:  "- url: " + url + "\n  description: A fake server on this machine.\n",
		&example: "observed: {summary: The page that the vendor's reference shows, value: " + string(recorded.ResponseBody) + "}",
	} {
		if err := yaml.Unmarshal([]byte(text), node); err != nil {
			return nil, err
		}
	}
	*ordered{&spec}.member("servers") = *server.Content[0]
	examples := ordered{&spec}.member("paths", "", "get", "responses", "200", "content", "application/json", "examples")
	examples.Content = append(example.Content[0].Content, examples.Content...)
	return &spec, nil
}

func static(mediaType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(body)
	}
}

// compressed serves a body that is kept compressed with gzip, unpacked for clients that do not take that encoding.
func compressed(mediaType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(body)
			return
		}
		unpacked, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = io.Copy(w, unpacked) //nolint:gosec // the body is one of ours
	}
}

// faults lists what --fault takes beside a status.
var faults = []struct {
	name  string
	fault okchattest.Fault
}{
	{"html", okchattest.HTML(http.StatusOK)},
	{"drop", okchattest.Drop()},
	{"garbage", okchattest.Garbage("this is not HTTP\r\n")},
	{"truncate", okchattest.Truncate(100)},
	{"slow", okchattest.Slow(256, 100*time.Millisecond)},
}

func faultNames() (names []string) {
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

func parseFault(name string) (okchattest.Fault, error) {
	if status, err := strconv.Atoi(name); err == nil && status >= 400 && status <= 599 {
		return okchattest.Status(status, `{"error":"made up by okchat serve"}`), nil
	}
	for _, f := range faults {
		if f.name == name {
			return f.fault, nil
		}
	}
	return nil, usageErrorf("--fault is %q, expected a status from 400 to 599, %s", name, strings.Join(faultNames(), ", "))
}

// sometimes gives the fault to a share of the requests, chosen by seed.
func sometimes(fault okchattest.Fault, rate float64, seed uint64) okchattest.Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, seed))
	return func(next http.Handler) http.Handler {
		mu.Lock()
		defer mu.Unlock()
		if random.Float64() < rate {
			return fault(next)
		}
		return next
	}
}
