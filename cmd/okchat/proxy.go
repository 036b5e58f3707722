package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
)

type proxyFlags struct {
	checkFlags
	to, addr, record, salt string
	refuse                 bool
}

func newProxy(std streams) *cobra.Command {
	var flags proxyFlags
	cmd := &cobra.Command{
		Use:   "proxy --to URL",
		Short: "Stand before a server and hold what passes against the contract",
		Long: `Forward requests to a server and its answers back, unchanged, and report what breaks the contract as it passes. With
--refuse a broken request is answered with 400 and a broken answer with 502, each with the findings as JSON, instead. With
--record what passes is written as okchat record does. An interrupt ends the proxy and its report.
` + checkExitHelp,
		Example: `  okchat proxy --to https://v2.okchat.ai --record traffic.har
  okchat proxy --to http://127.0.0.1:8080 --refuse --format json > findings.json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// An interrupt is how this command ends; what comes after it is the report.
			return check(context.WithoutCancel(cmd.Context()), std, flags.checkFlags, func(_ context.Context, c *contract.Contract, take func(*contract.Result, error) bool) error {
				return flags.serve(cmd.Context(), std, c, take)
			})
		},
	}
	flags.checkFlags.add(cmd)
	cmd.Flags().StringVar(&flags.to, "to", "", "forward to the server at this `URL`")
	cmd.Flags().StringVar(&flags.addr, "addr", "127.0.0.1:8081", "`host:port` to listen on; port 0 takes a free one")
	cmd.Flags().BoolVar(&flags.refuse, "refuse", false, "answer what breaks the contract with an error")
	cmd.Flags().StringVar(&flags.record, "record", "", "write what passes to `file`, without keys and persons")
	addSaltFlag(cmd, &flags.salt)
	_ = cmd.MarkFlagFilename("record", "har")
	return cmd
}

func (f *proxyFlags) serve(ctx context.Context, std streams, c *contract.Contract, take func(*contract.Result, error) bool) error {
	target, err := url.Parse(f.to)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return usageErrorf("--to: expected the URL of a server, such as https://v2.okchat.ai")
	}
	var rec *recorder
	if f.record != "" {
		if rec, err = startRecorder(ctx, std, c, f.record, f.salt); err != nil {
			return err
		}
		defer rec.abort()
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w: choose another with --addr", f.addr, err)
	}
	// A check leaves 60 KB behind and nothing else lives long, so that the collector would run a hundred times a second.
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(400))
	}
	p := &proxy{contract: c, walk: c.NewWalk(), refuse: f.refuse, take: take, recorder: rec, pending: make(chan struct{}, maxPending)}
	server := &http.Server{Handler: p.handler(target), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(ended)
		// What is under way may end.
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
		_ = server.Close()
	})
	fmt.Fprintf(std.err, "Forwarding http://%s to %s\n", listener.Addr(), target.Redacted())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot go on serving: %w", err)
	}
	<-ended // Serve returns when the end begins
	p.wait.Wait()
	if rec != nil && rec.count.Checked+rec.count.NotChecked > 0 {
		return rec.finish(std)
	}
	return nil
}

// maxPending bounds the answers that are kept for their check, so that a slow disk under --record does not fill the memory.
const maxPending = 64

// proxy checks what passes.
type proxy struct {
	contract *contract.Contract
	refuse   bool
	recorder *recorder
	pending  chan struct{} // a place for each answer that may wait for its check

	mu   sync.Mutex
	walk *contract.Walk
	take func(*contract.Result, error) bool
	wait sync.WaitGroup
}

func (p *proxy) handler(target *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // bodies pass as they are
	transport.MaxIdleConnsPerHost = 64
	watched := p.contract.Capture(func(ex *exchange.Exchange) {
		p.pending <- struct{}{} // the end of the answer waits where the checks fall behind
		p.wait.Go(func() {
			defer func() { <-p.pending }()
			p.report(ex)
		})
	}).Transport(transport)
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
		Transport:     watched,
		BufferPool:    &buffers{},
		FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if broken, ok := errors.AsType[*brokenAnswerError](err); ok {
				refuse(w, http.StatusBadGateway, p.contract, broken.findings)
				return
			}
			http.Error(w, "the server gave no answer", http.StatusBadGateway)
			p.mu.Lock()
			defer p.mu.Unlock()
			if !errors.Is(err, context.Canceled) { // a caller that goes away is no fault
				p.take(nil, fmt.Errorf("no answer from %s: %w: see --to", target.Host, withoutURL(err)))
			}
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	if !p.refuse {
		return reverse
	}
	reverse.ModifyResponse = p.hold
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ex := &exchange.Exchange{Source: exchange.Source{File: "live"}, Method: req.Method, URL: req.URL.RequestURI(), RequestHeader: req.Header}
		if result := p.contract.CheckRequest(ex); len(result.Findings) > 0 {
			p.found(result)
			refuse(w, http.StatusBadRequest, p.contract, result.Findings)
			return
		}
		reverse.ServeHTTP(w, req)
	})
}

// withoutURL is the cause of a failed call, whose text repeats the URL and so the chatbot's id.
func withoutURL(err error) error {
	if call, ok := errors.AsType[*url.Error](err); ok {
		return call.Err
	}
	return err
}

// report checks what has passed.
func (p *proxy) report(ex *exchange.Exchange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	result := p.walk.Check(ex)
	p.take(result, nil)
	if p.recorder != nil && result.Outcome != contract.Elsewhere {
		p.recorder.take(ex)
	}
}

func (p *proxy) found(r *contract.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take(r, nil)
}

// brokenAnswerError is why an answer is not handed on.
type brokenAnswerError struct{ findings []contract.Finding }

func (b *brokenAnswerError) Error() string { return "the answer broke the contract" }

// hold keeps an answer back until it is known to keep the contract.
func (p *proxy) hold(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	ex := &exchange.Exchange{
		Source: exchange.Source{File: "live"}, Method: resp.Request.Method, URL: resp.Request.URL.RequestURI(), RequestHeader: resp.Request.Header,
		Status: resp.StatusCode, ResponseHeader: resp.Header, ResponseBody: body, Time: time.Now(),
	}
	var violations []contract.Finding
	for _, f := range p.contract.Check(ex).Findings {
		if f.Severity == contract.Violation {
			violations = append(violations, f)
		}
	}
	if len(violations) > 0 {
		return &brokenAnswerError{violations}
	}
	return nil
}

// refuse answers with the findings.
func refuse(w http.ResponseWriter, status int, c *contract.Contract, findings []contract.Finding) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	out, _ := report.New("json", w, c, report.Options{})
	out.Result(&contract.Result{Exchange: &exchange.Exchange{}, Findings: findings})
	_ = out.Close()
}

// buffers lends ReverseProxy what it copies through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
