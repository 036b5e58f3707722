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
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/semaphore"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/contract"
	"github.com/okchat/okchat-go/contract/finding"
	"github.com/okchat/okchat-go/contract/report"
	"github.com/okchat/okchat-go/exchange"
)

type proxyFlags struct {
	checkFlags
	to, addr, record, salt string
	refuse, insecure       bool
	maxBody                int
}

func newProxy(std streams) *cobra.Command {
	var flags proxyFlags
	cmd := &cobra.Command{
		Use:   "proxy --to URL",
		Short: "Check what passes between a client and a server",
		Long: `Forward requests to a server and its answers back, unchanged, and report what breaks the contract as it passes. Other paths,
uploads, event streams and upgrades pass, too. The path of --to is put before that of each request.

With --refuse a request that breaks the contract is answered with 400 and an answer that does so is replaced by 502, each
with the findings as JSON. With --record what passes is written as okchat record does; the file is whole after each
exchange. An interrupt ends the proxy and its report.
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
	cmd.Flags().BoolVar(&flags.insecure, "insecure", false, "forward keys without encryption to a server on another machine")
	cmd.Flags().StringVar(&flags.record, "record", "", "write what passes to `file`, without keys and persons")
	addMaxBodyFlag(cmd, &flags.maxBody)
	addSaltFlag(cmd, &flags.salt)
	_ = cmd.MarkFlagFilename("record", "har")
	return cmd
}

// target is the URL of --to.
func (f *proxyFlags) target() (*url.URL, error) {
	target, err := url.Parse(f.to)
	if err != nil || target.Host == "" || target.User != nil || target.RawQuery != "" || target.Fragment != "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, usageErrorf("--to: expected the URL of a server, such as https://v2.okchat.ai")
	}
	// The client knows where a key may be sent.
	if _, err := okchat.New("key", okchat.WithBaseURL(f.to)); err != nil && !f.insecure {
		return nil, usageErrorf("--to: %w, or say --insecure", err)
	}
	return target, nil
}

func (f *proxyFlags) serve(ctx context.Context, std streams, c *contract.Contract, take func(*contract.Result, error) bool) error {
	target, err := f.target()
	if err != nil {
		return err
	}
	if c, err = c.At(f.to); err != nil {
		return usageErrorf("--to: %w", err)
	}
	var rec *recorder
	if f.record != "" {
		if rec, err = startRecorder(ctx, std, c, "--record", f.record, f.salt); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w: choose another with --addr", f.addr, err)
	}
	defer collectLess()()
	p := &proxy{
		contract: c, target: target, next: newTransport(), refuse: f.refuse, maxBody: f.maxBody, recorder: rec,
		pending: semaphore.NewWeighted(maxPending), walk: c.NewWalk(), take: take,
	}
	defer p.next.CloseIdleConnections()
	server := &http.Server{
		Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: log.New(io.Discard, "", 0),
	}
	ended := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(ended)
		// What is under way may end.
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
		_ = server.Close()
	})
	fmt.Fprintf(std.err, "Forwarding http://%s to %s\n", listener.Addr(), target)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot go on serving: %w", err)
	}
	<-ended // Serve returns when the end begins
	p.wait.Wait()
	if rec != nil {
		return rec.finish()
	}
	return nil
}

// newTransport returns what sends to the server, changing nothing.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // bodies pass as they are
	transport.MaxIdleConnsPerHost = 64
	transport.ReadBufferSize = 32 << 10 // each piece that is read is sent on at once, so that small ones cost a call more
	transport.ResponseHeaderTimeout = 5 * time.Minute
	return transport
}

// maxPending bounds the bytes of the answers that are kept for their check, so that a slow disk under --record does not
// fill the memory.
const maxPending = 32 << 20

// proxy checks what passes.
type proxy struct {
	contract *contract.Contract
	target   *url.URL
	next     *http.Transport
	refuse   bool
	maxBody  int
	recorder *recorder
	pending  *semaphore.Weighted
	wait     sync.WaitGroup

	mu   sync.Mutex // for what follows, and recorder
	walk *contract.Walk
	take func(*contract.Result, error) bool
}

// soon is how long a piece of an answer of known length may wait for the next one, which saves a call of the system for each
// answer that comes at once. ReverseProxy sends the pieces of event streams and of answers of unknown length on as they come.
const soon = 5 * time.Millisecond

// forwarding names the headers that ReverseProxy takes out of a request, as it does not trust the client that set them.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func (p *proxy) handler() http.Handler {
	reverse := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(p.target)
			r.Out.Host = p.target.Host
			r.Out.URL.RawQuery, r.Out.URL.ForceQuery = r.In.URL.RawQuery, r.In.URL.ForceQuery // without the repairs
			for _, name := range forwarding {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
		},
		Transport:     p,
		BufferPool:    &buffers{},
		FlushInterval: soon,
		ErrorHandler:  p.failed,
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodConnect {
			http.Error(w, "this proxy stands for one server: send requests to it as to that server", http.StatusMethodNotAllowed)
			return
		}
		// net/http would add what the server left out.
		w.Header()["Content-Type"], w.Header()["Date"] = nil, nil
		reverse.ServeHTTP(w, req)
	})
}

// RoundTrip sends a request to the server and captures the exchange. With --refuse it first checks the request, and holds the
// answer back until that is checked.
func (p *proxy) RoundTrip(req *http.Request) (*http.Response, error) {
	held := p.refuse && p.contract.Concerns(req)
	capture := p.contract.Capture(p.later)
	capture.MaxBody = p.maxBody
	var answer *contract.Result
	if held {
		if result := p.contract.CheckRequest(capture.Request(req)); breaks(result) {
			p.report(result)
			return nil, &refusedError{http.StatusBadRequest, result}
		}
		capture.Take = func(ex *exchange.Exchange) { answer = p.judge(ex) }
	}
	resp, err := capture.Transport(p.next).RoundTrip(req)
	if err != nil || !held || resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(p.maxBody)+1))
	switch {
	case err != nil:
		return nil, errors.Join(err, resp.Body.Close())
	case answer == nil: // it goes on beyond the limit, and is not checked
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	case breaks(answer):
		return nil, errors.Join(&refusedError{http.StatusBadGateway, answer}, resp.Body.Close())
	default:
		resp.Body = struct {
			io.Reader
			io.Closer
		}{bytes.NewReader(body), resp.Body}
	}
	return resp, nil
}

// breaks reports whether something breaks the contract. Drift does not.
func breaks(r *contract.Result) bool {
	return slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Severity == finding.Violation })
}

// refusedError is why a request is not sent, or an answer not handed on.
type refusedError struct {
	status int
	result *contract.Result
}

func (r *refusedError) Error() string { return "the contract is broken" }

// failed answers where the server's answer cannot be handed on.
func (p *proxy) failed(w http.ResponseWriter, req *http.Request, err error) {
	w.Header().Del("Date")
	if refused, ok := errors.AsType[*refusedError](err); ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refused.status)
		out, _ := report.New("json", w, p.contract, report.Options{})
		out.Result(refused.result)
		_ = out.Close()
		return
	}
	http.Error(w, "the server gave no answer", http.StatusBadGateway)
	if req.Context().Err() != nil { // a caller that goes away is no fault
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take(nil, fmt.Errorf("no answer from %s: %w: see --to", p.target.Host, exchange.Cause(err)))
}

// later has an exchange judged while the next ones pass. The end of the answer waits where the checks fall behind.
func (p *proxy) later(ex *exchange.Exchange) {
	size := min(int64(len(ex.ResponseBody)+len(ex.RequestBody))+4<<10, maxPending)
	_ = p.pending.Acquire(context.Background(), size)
	p.wait.Go(func() {
		defer p.pending.Release(size)
		p.judge(ex)
	})
}

// judge checks what has passed, against the pages before it, and records it.
func (p *proxy) judge(ex *exchange.Exchange) *contract.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	result := p.walk.Check(ex)
	p.take(result, nil)
	if p.recorder != nil && result.Outcome != contract.Elsewhere {
		p.recorder.take(result)
	}
	return result
}

func (p *proxy) report(r *contract.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take(r, nil)
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
