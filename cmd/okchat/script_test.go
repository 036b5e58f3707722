package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rogpeppe/go-internal/testscript"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/gen/okchatapi"
	"github.com/okchat/okchat-go/okchattest"
)

// The scripts run this test's own binary under the program's name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"okchat": main})
}

// TestScripts runs the program as people do. What the scripts can say besides testscript's own commands:
//
//	fake [-n N] [-key KEY] [-page P=FAULT] [-every FAULT]
//	                        start a server, and put it in OKCHAT_BASE_URL, its key in OKCHAT_API_KEY, its chatbot in CHATBOT
//	fake-change add N | remove I | state I STATE
//	fake-requests N         wait until the server has seen N requests, no more; with N+ or more
//	exits CODE PROGRAM ...  run it; whatever fails says why on its last line
//	start NAME PROGRAM ...  run it in the background; it prints to NAME.out and NAME.err
//	says NAME REGEXP [VAR]  wait until its standard error matches; the first group goes into VAR
//	ends NAME CODE [HOW]    interrupt it, and wait for its end; HOW is kill, hangup, nohup for a
//	                        hangup without an effect before, or again to interrupt it until it ends
//	port VAR                an address on loopback that is in use; with -free one where nobody listens
//	fetch CODE URL [VALUE]  GET with VALUE as the key; its body is in the file fetched
//
// The key of the fake server is in no output of any script.
func TestScripts(t *testing.T) {
	exchanges, messages := exchanges(t), sampleMessages(t, "dcda7e8a-e344-41a2-8a7e-b7400add6971")
	for _, name := range []string{"jq", "python3", "sqlite3", "script", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("NOT TESTED: %s is not here, so the scripts skip what they hold against it", name)
		}
	}
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if testing.Short() { // the race detector's run: those in which programs run side by side
		files = slices.DeleteFunc(files, func(name string) bool { return !strings.Contains(readFile(t, name), "\nstart ") })
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			run := &scriptRun{running: map[string]*running{}}
			env.Values[scriptKey{}] = run
			env.Setenv(okchat.EnvKey, "")
			env.Setenv(okchat.EnvBaseURL, "")
			env.Setenv(envChatbot, "")
			env.Setenv("SECRET", secretKey)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each run under the race detector waits for a second at its end
			recordings, err := filepath.Abs("../../contract_test/recordings")
			env.Setenv("RECORDINGS", recordings)
			env.Setenv("EXCHANGES", exchanges) // what check counts in them
			env.Setenv("MESSAGES", messages)   // how many the first conversation of the sample has
			env.Defer(func() {
				run.close()
				if err := keyIn(env.WorkDir); err != nil {
					env.T().Fatal(err)
				}
			})
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fake": scriptFake, "fake-change": scriptChange, "fake-requests": scriptRequests, "exits": scriptExits,
			"start": scriptStart, "says": scriptSays, "ends": scriptEnds, "port": scriptPort, "fetch": scriptFetch, "replace": scriptReplace,
		},
	})
}

// sampleMessages returns how many messages a conversation of the sample has.
func sampleMessages(t *testing.T, id string) string {
	t.Helper()
	list, _, err := readSample()
	if err != nil {
		t.Fatal(err)
	}
	n := len(okchattest.New(okchattest.Conversations(list...), okchattest.MadeUpMessages()).Messages(uuid.MustParse(id)))
	if n < 2 {
		t.Fatalf("conversation %s of the sample has %d messages, expected some", id, n)
	}
	return strconv.Itoa(n)
}

// scriptReplace puts a text in the place of another in a file: replace OLD NEW FILE.
func scriptReplace(ts *testscript.TestScript, _ bool, args []string) {
	before := ts.ReadFile(args[2])
	after := strings.ReplaceAll(before, args[0], args[1])
	if after == before {
		ts.Fatalf("%s does not hold %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(after), 0o600))
}

type scriptKey struct{}

// scriptRun holds the server and the programs of one script.
type scriptRun struct {
	fake    *okchattest.Fake
	closers []func()
	running map[string]*running
}

func (r *scriptRun) close() {
	for _, p := range r.running {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	for _, f := range r.closers {
		f()
	}
}

func scriptOf(ts *testscript.TestScript) *scriptRun { return ts.Value(scriptKey{}).(*scriptRun) }

// keyIn is an error where a file holds the key that nobody may see, but for those that are made to.
func keyIn(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(path) == "key" {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && bytes.Contains(content, []byte(secretKey)) {
			err = fmt.Errorf("the key is in %s", path)
		}
		return err
	})
}

// scriptFaults lists what a script's server can do instead of answering.
var scriptFaults = map[string]okchattest.Fault{
	"html":     okchattest.HTML(http.StatusOK),
	"drop":     okchattest.Drop(),
	"garbage":  okchattest.Garbage("this is not HTTP\r\n"),
	"truncate": okchattest.Truncate(100),
	"empty":    okchattest.RowCap(0),
	"limited":  okchattest.Status(http.StatusTooManyRequests, "slow down", "Retry-After", "3600"),
	"echo":     okchattest.Status(http.StatusBadRequest, `{"error":"what is this key: `+secretKey+`"}`),
	"array":    okchattest.Status(http.StatusOK, `[]`),
	"redirect": okchattest.Status(307, "", "Location", "http://127.0.0.1:9/elsewhere"),
	// Conversations without a member of the contract, or with more.
	"missing": okchattest.EditRow(-1, func(c map[string]any) { delete(c, "voice_path") }),
	"unknown": okchattest.EditRow(-1, func(c map[string]any) { c["mood"] = "good" }),
	"formula": okchattest.EditPage(func(p *okchatapi.ConversationPage) {
		for i := range p.Data {
			p.Data[i].LastMessage = okchatapi.LastMessage{Text: new(string)}
			*p.Data[i].LastMessage.Text = "=1+1"
		}
	}),
	// No answer, ever.
	"none": func(h http.Handler) http.Handler { return h },
	"hang": func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		})
	},
}

func scriptFault(name string) (okchattest.Fault, error) {
	if fault, ok := scriptFaults[name]; ok {
		return fault, nil
	}
	status, err := strconv.Atoi(name)
	return okchattest.Status(status, `{"error":"made up"}`), err
}

func scriptFake(ts *testscript.TestScript, neg bool, args []string) {
	r := scriptOf(ts)
	flags := flag.NewFlagSet("fake", flag.ContinueOnError)
	n := flags.Int("n", 0, "")
	key := flags.String("key", secretKey, "")
	type onPage struct {
		page  int
		fault okchattest.Fault
	}
	var pages []onPage
	flags.Func("page", "", func(value string) error {
		page, name, _ := strings.Cut(value, "=")
		number, err := strconv.Atoi(page)
		if err != nil {
			return err
		}
		fault, err := scriptFault(name)
		pages = append(pages, onPage{number, fault})
		return err
	})
	var every okchattest.Fault
	flags.Func("every", "", func(name string) (err error) { every, err = scriptFault(name); return err })
	ts.Check(flags.Parse(args))
	r.fake = okchattest.New(okchattest.Key(*key), okchattest.Synthetic(1, *n))
	r.fake.Every(every)
	for _, p := range pages {
		r.fake.OnPage(p.page, p.fault)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	server := &http.Server{Handler: r.fake, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(listener) }()
	r.closers = append(r.closers, func() { _ = server.Close() })
	ts.Setenv(okchat.EnvBaseURL, "http://"+listener.Addr().String())
	ts.Setenv(okchat.EnvKey, secretKey)
	ts.Setenv("CHATBOT", r.fake.ChatbotID)
}

func scriptChange(ts *testscript.TestScript, neg bool, args []string) {
	fake := scriptOf(ts).fake
	number, err := strconv.Atoi(args[1])
	ts.Check(err)
	switch args[0] {
	case "add":
		fake.AddNew(number)
	case "remove":
		fake.RemoveAt(number)
	case "state":
		c, _ := fake.At(number)
		fake.SetState(c.ID, okchatapi.ConversationState(args[2]))
	default:
		ts.Fatalf("fake-change %s", args[0])
	}
}

func scriptRequests(ts *testscript.TestScript, neg bool, args []string) {
	fake := scriptOf(ts).fake
	number, orMore := strings.CutSuffix(args[0], "+")
	want, err := strconv.Atoi(number)
	ts.Check(err)
	poll(ts, func() bool { return fake.Count() >= want })
	if got := fake.Count(); got != want && !orMore {
		ts.Fatalf("the server saw %d requests, expected %d", got, want)
	}
}

// poll waits until done, a few milliseconds at a time.
func poll(ts *testscript.TestScript, done func() bool) {
	for start := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			ts.Fatalf("nothing came of it in 20 s")
		}
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var exit *exec.ExitError
	if err = ts.Exec(args[1], args[2:]...); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	stderr := ts.ReadFile("stderr")
	if args[1] == "script" {
		stderr = ts.ReadFile("stdout") // a terminal shows both
	}
	checkOutput(ts, code, want, ts.ReadFile("stdout"), stderr)
}

// checkOutput checks what all ends of the program have in common.
func checkOutput(ts *testscript.TestScript, code, want int, stdout, stderr string) {
	switch {
	case code != want:
		ts.Fatalf("exit %d, expected %d", code, want)
	case strings.Contains(stdout+stderr, secretKey):
		ts.Fatalf("the key was printed")
	case strings.Contains(stderr, "goroutine "):
		ts.Fatalf("a stack was printed")
	case code > exitOK && strings.TrimSpace(stderr) == "": // -1 is a kill
		ts.Fatalf("exit %d without a word", code)
	}
}

// running is a program in the background.
type running struct {
	cmd      *exec.Cmd
	out, err string
	ended    chan struct{}
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	p := &running{out: ts.MkAbs(args[0] + ".out"), err: ts.MkAbs(args[0] + ".err"), ended: make(chan struct{})}
	p.cmd = exec.Command(path, args[2:]...)
	p.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{okchat.EnvKey, okchat.EnvBaseURL, "NO_COLOR", "GORACE", "GOCOVERDIR", "PATH", "HOME", "TMPDIR"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	stdout, err := os.Create(p.out)
	ts.Check(err)
	defer stdout.Close()
	stderr, err := os.Create(p.err)
	ts.Check(err)
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	ts.Check(p.cmd.Start())
	scriptOf(ts).running[args[0]] = p
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
}

func scriptSays(ts *testscript.TestScript, neg bool, args []string) {
	p, pattern := scriptOf(ts).running[args[0]], regexp.MustCompile(args[1])
	var match []string
	poll(ts, func() bool {
		match = pattern.FindStringSubmatch(ts.ReadFile(p.err))
		select {
		case <-p.ended:
			if match = pattern.FindStringSubmatch(ts.ReadFile(p.err)); match == nil {
				ts.Fatalf("%s ended with %v and said %s", args[0], p.cmd.ProcessState, ts.ReadFile(p.err))
			}
		default:
		}
		return match != nil
	})
	if len(args) > 2 {
		ts.Setenv(args[2], match[1])
	}
}

func scriptEnds(ts *testscript.TestScript, neg bool, args []string) {
	p := scriptOf(ts).running[args[0]]
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	signal, how := os.Interrupt, strings.Join(args[2:], "")
	switch how {
	case "kill":
		signal = os.Kill
	case "hangup":
		signal = syscall.SIGHUP
	case "nohup":
		ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
		select {
		case <-p.ended:
			ts.Fatalf("the hangup ended it")
		case <-time.After(100 * time.Millisecond):
		}
	}
	ts.Check(p.cmd.Process.Signal(signal))
	poll(ts, func() bool {
		select {
		case <-p.ended:
			return true
		default:
			if how == "again" {
				_ = p.cmd.Process.Signal(signal)
			}
			return false
		}
	})
	ts.Logf("[%s.err]\n%s", args[0], ts.ReadFile(p.err))
	checkOutput(ts, p.cmd.ProcessState.ExitCode(), want, ts.ReadFile(p.out), ts.ReadFile(p.err))
}

func scriptPort(ts *testscript.TestScript, neg bool, args []string) {
	free := args[0] == "-free"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[len(args)-1], listener.Addr().String())
	if free {
		ts.Check(listener.Close())
		return
	}
	r := scriptOf(ts)
	r.closers = append(r.closers, func() { _ = listener.Close() })
}

func scriptFetch(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	req, err := http.NewRequest(http.MethodGet, args[1], nil)
	ts.Check(err)
	if len(args) > 2 {
		req.Header.Set("X-API-Key", args[2])
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("fetched"), body, 0o600))
	if resp.StatusCode != want {
		ts.Fatalf("%s: status %d, expected %d: %s", args[1], resp.StatusCode, want, body)
	}
}
