package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/okchattest"
)

// The test program is also the fleet's command and the server that it reads, each in a process of its own.
const (
	roleVariable  = "OKCHAT_FLEET_TEST_ROLE"
	setupVariable = "OKCHAT_FLEET_TEST_SETUP"
	testKey       = "fake-key-of-the-fleet"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role != "" {
		go func() { // ends with the test, however that ends
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
	}
	switch role {
	case "worker":
		main()
	case "server":
		serve()
	default:
		code := m.Run()
		if server != nil {
			server.stop()
		}
		os.Exit(code)
	}
}

// setup describes the server.
type setup struct {
	Sizes   []int // of the chatbots' lists
	Latency time.Duration
	Shifts  time.Duration // between two changes of a list; 0 for none
	Refuse  int           // one in so many requests is answered 429
	Once    bool          // only the first of these is
	Wait    int           // with this Retry-After, in seconds
}

func (s setup) id(i int) uuid.UUID {
	return uuid.UUID{0xfe, 0xe7, 6: 0x40, 8: 0x80, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
}

// upstream serves many chatbots, each by a fake of its own.
type upstream struct {
	setup
	fakes map[string]*okchattest.Fake

	mu      sync.Mutex
	times   []time.Duration // of requests, since the first one
	first   time.Time
	shifted []map[string]bool // of each chatbot: ids of conversations that came or left while it ran
}

func newUpstream(given setup) *upstream {
	s := &upstream{setup: given, fakes: map[string]*okchattest.Fake{}}
	for i, n := range s.Sizes {
		s.fakes[s.id(i).String()] = okchattest.New(okchattest.Key(testKey), okchattest.Chatbot(s.id(i)), okchattest.Synthetic(uint64(i+1), n), okchattest.Latency(s.Latency))
		s.shifted = append(s.shifted, map[string]bool{})
	}
	if s.Shifts > 0 {
		go s.shift()
	}
	return s
}

func serve() {
	var given setup
	if err := json.Unmarshal([]byte(os.Getenv(setupVariable)), &given); err != nil {
		panic(err)
	}
	s := newUpstream(given)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	_ = (&http.Server{Handler: s, ReadHeaderTimeout: time.Minute}).Serve(listener)
}

// shift starts conversations and takes others away, in random lists.
func (s *upstream) shift() {
	random := rand.New(rand.NewPCG(1, 2))
	for range time.Tick(s.Shifts) {
		i := random.IntN(len(s.Sizes))
		fake := s.fakes[s.id(i).String()]
		s.mu.Lock()
		for _, c := range fake.AddNew(1) {
			s.shifted[i][c.ID.String()] = true
		}
		if n := fake.Len(); n > 1 {
			if c, ok := fake.RemoveAt(random.IntN(n)); ok {
				s.shifted[i][c.ID.String()] = true
			}
		}
		s.mu.Unlock()
	}
}

// truth is a conversation that was in the list throughout: how many messages it has, and a sum over their ids.
type truth struct {
	Messages int
	Sum      uint64
}

func sumOf(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return h.Sum64()
}

func (s *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/test/"); ok {
		s.tell(w, rest)
		return
	}
	now := time.Now()
	s.mu.Lock()
	if s.first.IsZero() {
		s.first = now
	}
	s.times = append(s.times, now.Sub(s.first))
	refuse := s.Refuse > 0 && len(s.times)%s.Refuse == 0 && (len(s.times) == s.Refuse || !s.Once)
	s.mu.Unlock()
	parts := strings.Split(r.URL.Path, "/")
	switch {
	case refuse:
		w.Header().Set("Retry-After", strconv.Itoa(s.Wait))
		http.Error(w, "{}", http.StatusTooManyRequests)
	case r.Header.Get("X-Api-Key") != testKey:
		http.Error(w, "{}", http.StatusUnauthorized)
	case len(parts) > 4 && s.fakes[parts[4]] != nil:
		s.fakes[parts[4]].ServeHTTP(w, r)
	case strings.HasSuffix(r.URL.Path, "/chatbots"):
		s.list(w, r)
	default:
		http.Error(w, "{}", http.StatusNotFound)
	}
}

// list answers with the chatbots of all fakes.
func (s *upstream) list(w http.ResponseWriter, r *http.Request) {
	var all []json.RawMessage
	for i := range s.Sizes {
		answer := httptest.NewRecorder()
		s.fakes[s.id(i).String()].ServeHTTP(answer, r)
		var one struct{ Chatbots []json.RawMessage }
		_ = json.Unmarshal(answer.Body.Bytes(), &one)
		all = append(all, one.Chatbots...)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"chatbots": all})
}

func (s *upstream) tell(w http.ResponseWriter, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "times" {
		_ = json.NewEncoder(w).Encode(s.times)
		return
	}
	i, _ := strconv.Atoi(what)
	throughout, fake := map[string]truth{}, s.fakes[s.id(i).String()]
	for k := range fake.Len() {
		if c, ok := fake.At(k); ok && !s.shifted[i][c.ID.String()] {
			var t truth
			for _, m := range fake.Messages(c.ID) {
				t.Messages++
				t.Sum += sumOf(m.ID.String())
			}
			throughout[c.ID.String()] = t
		}
	}
	_ = json.NewEncoder(w).Encode(throughout)
}

// process is this program in another role.
type process struct {
	*exec.Cmd
	errs bytes.Buffer
	done chan error
}

func start(t *testing.T, role string, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), done: make(chan error, 1)}
	p.Env = append(os.Environ(), append(env, roleVariable+"="+role)...)
	p.Stderr = &p.errs
	if _, err := p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// startServer starts a server and returns its URL.
func startServer(t *testing.T, s setup) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "server", []string{setupVariable + "=" + string(text)})
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v: %s", err, &p.errs)
	}
	return strings.TrimSpace(url)
}

// startWorker starts okchat-fleet run.
func startWorker(t *testing.T, url, database string, args ...string) *process {
	t.Helper()
	p := start(t, "worker", []string{okchat.EnvBaseURL + "=" + url, okchat.EnvKey + "=" + testKey, envDatabase + "=" + database}, append([]string{"run"}, args...)...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.Wait() }()
	return p
}

// wait waits for the end of a worker that is to end well.
func (p *process) wait(t *testing.T) {
	t.Helper()
	if err := <-p.done; err != nil {
		t.Fatalf("a worker ended with %v:\n%s", err, &p.errs)
	}
}

func fetch[T any](t *testing.T, url string) (answer T) {
	t.Helper()
	r, err := http.Get(url) //nolint:noctx // a server of this test
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// fleetCommand runs the command in this process, and returns what it wrote.
func fleetCommand(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := command(&o, &e)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// inProcess starts a server in this process, for fleetCommand.
func inProcess(t *testing.T, s setup) *upstream {
	t.Helper()
	up := newUpstream(s)
	server := httptest.NewServer(up)
	t.Cleanup(server.Close)
	t.Setenv(okchat.EnvBaseURL, server.URL)
	t.Setenv(okchat.EnvKey, testKey)
	return up
}

// membersFile writes a file for --chatbots.
func membersFile(t *testing.T, s setup) string {
	t.Helper()
	var b strings.Builder
	for i := range s.Sizes {
		fmt.Fprintln(&b, s.id(i))
	}
	name := filepath.Join(t.TempDir(), "chatbots.txt")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// postgres is a PostgreSQL server on a scratch directory, run by an ordinary user.
type postgres struct {
	bin, dir, port string
	as             *syscall.Credential // nil for the user of this test
	databases      int
}

// server is the one that all tests share, once one has asked for it.
var server *postgres

// startPostgres returns the server. The test is skipped where there is none, unless OKCHAT_TEST_POSTGRES is "required".
func startPostgres(t *testing.T) *postgres {
	t.Helper()
	if server != nil {
		return server
	}
	if testing.Short() {
		t.Skip("a PostgreSQL server takes seconds to start")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian has it
	if path, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = append(found, path)
	}
	if len(found) == 0 {
		if os.Getenv("OKCHAT_TEST_POSTGRES") == "required" {
			t.Fatal("PostgreSQL is not installed, and OKCHAT_TEST_POSTGRES requires it: apt-get install postgresql-15")
		}
		t.Skip("NOT TESTED: PostgreSQL is not installed: apt-get install postgresql-15")
	}
	p := &postgres{bin: filepath.Dir(found[len(found)-1])}
	var err error
	if p.dir, err = os.MkdirTemp("", "okchat-fleet-"); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		account, err := user.Lookup("postgres")
		if err != nil {
			account, err = user.Lookup("nobody")
		}
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(p.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, p.port, _ = net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	options := []string{"listen_addresses=127.0.0.1", "port=" + p.port, "unix_socket_directories=" + p.dir, "max_connections=200"}
	err = errors.Join(p.do("initdb", "--username=fleet", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"),
		p.do("pg_ctl", "--wait", "--log=log", "--options=-c "+strings.Join(options, " -c "), "start"))
	if server = p; err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *postgres) stop() {
	_ = p.do("pg_ctl", "--wait", "--mode=immediate", "stop")
	_ = os.RemoveAll(p.dir)
}

// restart ends the server as if the machine had failed, and starts it again.
func (p *postgres) restart(t *testing.T) {
	t.Helper()
	if err := p.do("pg_ctl", "--wait", "--mode=immediate", "--log=log", "restart"); err != nil {
		t.Fatal(err)
	}
}

func (p *postgres) do(command string, args ...string) error {
	cmd := exec.Command(filepath.Join(p.bin, command), args...)
	cmd.Dir, cmd.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: p.as}
	cmd.Env = append(os.Environ(), "PGDATA="+filepath.Join(p.dir, "data"))
	out, err := os.Create(filepath.Join(p.dir, command+".out")) // a file, as the server inherits it
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s: %w: %s", command, err, text)
	}
	return nil
}

// database creates a database and returns its URL and a connection to it.
func (p *postgres) database(t *testing.T) (string, *sql.DB) {
	t.Helper()
	p.databases++
	name := fmt.Sprintf("fleet%d", p.databases)
	connect := func(name string) (string, *sql.DB) {
		url := "postgres://fleet@127.0.0.1:" + p.port + "/" + name
		db, err := openDatabase(context.Background(), url, 4)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return url, db.DB
	}
	_, db := connect("postgres")
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return connect(name)
}

// value returns the one value of a query.
func value[T any](t *testing.T, db *sql.DB, query string, args ...any) (v T) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// compare compares the database with what the server says was there throughout, and returns how much that was.
func compare(t *testing.T, url string, s setup, query func(i int) *sql.Rows) (conversations, messages int) {
	t.Helper()
	lost, twice, wrong := 0, 0, 0
	for i := range s.Sizes {
		want := fetch[map[string]truth](t, fmt.Sprintf("%s/test/%d", url, i))
		got := map[string]truth{}
		rows := query(i)
		seen := map[string]bool{}
		for rows.Next() {
			var conversation string
			var message sql.NullString
			if err := rows.Scan(&conversation, &message); err != nil {
				t.Fatal(err)
			}
			if key := conversation + message.String; seen[key] {
				twice++
			} else {
				seen[key] = true
			}
			have := got[conversation]
			if message.Valid {
				have.Messages++
				have.Sum += sumOf(message.String)
			}
			got[conversation] = have
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
		for id, conv := range want {
			have, ok := got[id]
			switch {
			case !ok:
				lost++
			case have != conv:
				wrong++
			}
			conversations++
			messages += conv.Messages
		}
	}
	if lost+twice+wrong > 0 {
		t.Errorf("lost %d conversations, twice %d rows, other messages in %d conversations, expected none", lost, twice, wrong)
	}
	return conversations, messages
}

// longTail returns n sizes of which few are large: the largest is most, and every 25th is 0.
func longTail(n, most int) (sizes []int) {
	for i := range n {
		size := most / (1 + 2*i*i)
		if i%25 == 24 {
			size = 0
		} else if size < 3 {
			size = 1 + i%40
		}
		sizes = append(sizes, size)
	}
	return sizes
}

// most returns the most requests in any span of time, by sorted times.
func most(times []time.Duration, span time.Duration) (most int) {
	slices.Sort(times)
	first := 0
	for i, at := range times {
		for at-times[first] >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
