package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/okchat/okchat-go/okchattest"
)

const (
	key = "fake-key-for-tests"
	bot = "5afe16ed-5fd2-4552-a993-903bc9c32bb6" // the one that okchat serve has

	// Servers run in processes of their own, so that what a client costs is counted alone. envRole makes this test's
	// binary one.
	envRole   = "OKCHAT_BENCH_ROLE"
	envTarget = "OKCHAT_BENCH_TARGET"
)

// fake is the fake server, without a server.
func fake(n int) *okchattest.Fake {
	return okchattest.New(okchattest.Synthetic(1, n), okchattest.Chatbot(uuid.MustParse(bot)))
}

// answerOf returns the answer of the fake server to a query.
func answerOf(f *okchattest.Fake, query string) *http.Response {
	rec := &recorder{header: http.Header{}}
	req := must(http.NewRequest(http.MethodGet, path+"?"+query, nil))
	req.Header.Set("x-api-key", key)
	f.ServeHTTP(rec, req)
	return &http.Response{StatusCode: http.StatusOK, Header: rec.header, Body: io.NopCloser(strings.NewReader(rec.body.String()))}
}

const path = "/api/external/chatbot/" + bot + "/conversations"

type recorder struct {
	header http.Header
	body   strings.Builder
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(int)             {}
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func page(query string) string {
	return string(must(io.ReadAll(answerOf(fake(1_000_000), query).Body)))
}

// play runs a role of this process until its standard input ends.
func play(role string) {
	var handler http.Handler
	switch role {
	case "page": // always the vendor's sample, from memory
		text := sample().ResponseBody
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			_, _ = w.Write(text)
		})
	case "file": // always the page in a file, from memory
		text := must(os.ReadFile(os.Getenv(envTarget)))
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(text)))
			_, _ = w.Write(text)
		})
	case "reverse": // what a reverse proxy costs that checks nothing
		target := must(url.Parse(os.Getenv(envTarget)))
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 64
		handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Printf("at http://%s\n", listener.Addr())
	go func() { _ = http.Serve(listener, handler) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// A process is a server.
type process struct {
	url string
	cmd *exec.Cmd
}

var started []*process

func stopAll() {
	for _, p := range started {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	if built != "" {
		_ = os.RemoveAll(built)
	}
}

// start starts a server and waits for a line that says where it listens.
func start(b *testing.B, where *regexp.Regexp, env []string, name string, args ...string) *process {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	talk, out := must2(os.Pipe())
	cmd.Stdout, cmd.Stderr = out, out
	if _, err := cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	out.Close()
	p := &process{cmd: cmd}
	started = append(started, p)
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(talk)
		for lines.Scan() {
			if match := where.FindStringSubmatch(lines.Text()); match != nil {
				select {
				case found <- match[1]:
				default:
				}
			}
		}
		close(found)
	}()
	select {
	case p.url = <-found:
	case <-time.After(30 * time.Second):
	}
	if p.url == "" {
		b.Fatalf("%s did not start", name)
	}
	return p
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(3 * time.Second):
		_ = p.cmd.Process.Kill()
	}
}

// program runs a program to its end and returns its time, its processor use and the most memory that it held.
func program(env []string, name string, args ...string) (cost, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	// What the system tells of a process that has ended starts with the memory of the one that started it.
	most, ended := 0.0, make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("%w %.200s", err, said.String())
			}
			used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
			return cost{wall: float64(time.Since(start)), cpu: float64(used), memory: most}, err
		case <-time.After(5 * time.Millisecond):
			most = max(most, status(cmd, "VmHWM:"))
		}
	}
}

// resident returns how many bytes of memory the process holds.
func (p *process) resident() float64 { return status(p.cmd, "VmRSS:") }

// cpu returns the time that the threads of the process have had of processors, in nanoseconds.
func (p *process) cpu() (ns float64) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil {
			n, _ := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
			ns += n
		}
	}
	return ns
}

// status returns a number of bytes that the system tells of a process, 0 once that has ended.
func status(cmd *exec.Cmd, name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kb * 1024
		}
	}
	return 0
}

var listens = regexp.MustCompile(`at (http://[0-9.:]+)`)

// role starts this binary in a role.
func role(b *testing.B, name, target string) *process {
	b.Helper()
	return start(b, listens, []string{envRole + "=" + name, envTarget + "=" + target}, os.Args[0])
}

var built string // where okchat is

// okchat is the command line, built from this tree.
var okchat = sync.OnceValue(func() string {
	built = must(os.MkdirTemp("", "okchat-bench"))
	out := filepath.Join(built, "okchat")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/okchat")
	cmd.Dir = ".."
	if text, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, text))
	}
	return out
})

// serve starts the fake server.
func serve(b *testing.B, n int, args ...string) *process {
	b.Helper()
	args = append([]string{"serve", "--addr", "127.0.0.1:0", "--synthetic", strconv.Itoa(n)}, args...)
	return start(b, listens, nil, okchat(), args...)
}

// npm returns the path of a program of package.json, which it installs where it is missing; "" where that fails.
func npm(b *testing.B, what, program string) string {
	b.Helper()
	if testing.Short() {
		return ""
	}
	if _, err := exec.LookPath("node"); err != nil {
		skip(b, what, "node is not installed")
		return ""
	}
	file := must(filepath.Abs(filepath.Join("node_modules", program)))
	if _, err := os.Stat(file); err != nil {
		ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "npm", "ci", "--loglevel=error").CombinedOutput(); err != nil {
			skip(b, what, fmt.Sprintf("npm ci failed: %v %.200s", err, out))
			return ""
		}
	}
	return file
}

func freePort() string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func must2[A, B any](a A, b B, err error) (A, B) {
	if err != nil {
		panic(err)
	}
	return a, b
}
