package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// full reports whether the whole proof is to run, which takes minutes: OKCHAT_FLEET_PROOF=full go test -v -timeout 60m .
func full() bool { return os.Getenv("OKCHAT_FLEET_PROOF") == "full" }

func TestWorkersThatAreKilledLoseNothingAndRepeatNothing(t *testing.T) {
	s := setup{Sizes: longTail(30, 600), Latency: 5 * time.Millisecond, Shifts: 40 * time.Millisecond, Refuse: 900, Wait: 1}
	workers, kills, restarts, between := 3, 5, 1, 900*time.Millisecond
	if full() {
		s = setup{Sizes: longTail(300, 50_000), Latency: 10 * time.Millisecond, Shifts: 20 * time.Millisecond, Refuse: 5000, Wait: 1}
		workers, kills, restarts, between = 5, 30, 3, 5*time.Second
	}
	pg := startPostgres(t)
	database, db := pg.database(t)
	url := startServer(t, s)
	file := membersFile(t, s)
	begin := time.Now()
	run := func() *process {
		return startWorker(t, url, database, "--chatbots", file, "--messages", "--jobs", "4")
	}
	var all []*process
	for range workers {
		all = append(all, run())
	}
	random := rand.New(rand.NewPCG(3, 4))
	ticker := time.NewTicker(between)
	defer ticker.Stop()
	killed := 0
	for n := 1; n <= kills; n++ {
		<-ticker.C
		i := random.IntN(workers)
		select {
		case <-all[i].done:
			t.Logf("a worker had ended before it could be killed: %s", &all[i].errs)
		default:
			_ = all[i].Process.Kill()
			<-all[i].done
			killed++
		}
		if n%(kills/restarts) == 0 {
			pg.restart(t)
		}
		all[i] = run()
	}
	for _, p := range all {
		if err := <-p.done; err != nil { // PostgreSQL went away while it began, which its owner would see, too
			t.Logf("a worker has to be started again: %v: %s", err, &p.errs)
			run().wait(t)
		}
	}
	took := time.Since(begin)
	conversations, messages := compare(t, url, s, func(i int) *sql.Rows {
		rows, err := db.Query("SELECT c.id::text, m.id::text FROM conversations c LEFT JOIN messages m ON m.session_id = c.id WHERE chatbot_id = $1 AND c.gone_at IS NULL", s.id(i))
		if err != nil {
			t.Fatal(err)
		}
		return rows
	})
	if killed < kills/2 {
		t.Errorf("%d workers were killed, expected %d: the run is too short", killed, kills)
	}
	if n := value[int](t, db, "SELECT count(*) FROM fleet_chatbots WHERE state <> 'done'"); n > 0 {
		t.Errorf("%d chatbots are not done: %s", n, value[string](t, db, "SELECT string_agg(problem, ', ') FROM fleet_chatbots"))
	}
	t.Logf("%d chatbots, %d conversations with %d messages that were there throughout, %d workers, %d kills, %d crashes of PostgreSQL: %v, %d requests",
		len(s.Sizes), conversations, messages, workers, killed, restarts, took.Round(time.Second), len(fetch[[]time.Duration](t, url+"/test/times")))
}

func TestOneRateForOneKeyWhateverTheNumberOfWorkers(t *testing.T) {
	rate, span, each := 30.0, 10*time.Second, 1
	if full() {
		rate, span, each = 50, time.Minute, 2
	}
	const warm = 2 * time.Second // until the first stretches are stored
	pg := startPostgres(t)
	for _, workers := range []int{5, 1}[:each] {
		t.Run(fmt.Sprintf("%d workers", workers), func(t *testing.T) {
			s := setup{Sizes: []int{100_000}}
			for range 40 {
				s.Sizes = append(s.Sizes, 2000)
			}
			database, _ := pg.database(t)
			url := startServer(t, s)
			file := membersFile(t, s)
			for range workers {
				startWorker(t, url, database, "--chatbots", file, "--messages", "--rate", fmt.Sprint(rate))
			}
			time.Sleep(span + warm + time.Second)
			times := fetch[[]time.Duration](t, url+"/test/times")
			inSpan := 0
			for _, at := range times {
				if at > warm && at <= warm+span {
					inSpan++
				}
			}
			got, highest := float64(inSpan)/span.Seconds(), most(times, 10*time.Second)
			t.Logf("asked for %v a second: %.2f on average, at most %d in 10 s", rate, got, highest)
			if full() && got < 0.95*rate { // which a machine that is busy otherwise cannot promise
				t.Errorf("%.2f requests a second, expected at least %v", got, 0.95*rate)
			}
			if float64(highest) > 10*rate {
				t.Errorf("%d requests in 10 s, expected at most %v", highest, 10*rate)
			}
		})
	}
}

func TestAPauseThatTheServerAsksForIsOneOfAllWorkers(t *testing.T) {
	pg := startPostgres(t)
	s := setup{Sizes: []int{3000, 3000, 3000, 3000, 3000, 3000}, Latency: 20 * time.Millisecond, Refuse: 60, Once: true, Wait: 4}
	database, _ := pg.database(t)
	url := startServer(t, s)
	file := membersFile(t, s)
	for range 3 {
		startWorker(t, url, database, "--chatbots", file, "--jobs", "2", "--limit", "10")
	}
	var times []time.Duration
	for len(times) < s.Refuse || times[len(times)-1]-times[s.Refuse-1] < time.Duration(s.Wait)*time.Second { // they go on after it
		time.Sleep(100 * time.Millisecond)
		times = fetch[[]time.Duration](t, url+"/test/times")
	}
	refused := times[s.Refuse-1]
	for _, at := range times[s.Refuse:] {
		if after := at - refused; after > 1500*time.Millisecond && after < time.Duration(s.Wait)*time.Second-500*time.Millisecond {
			t.Errorf("a request came %v after a refusal that asked for %d s", after, s.Wait)
		}
	}
}

func TestAnSQLiteFleetThatIsKilledLosesNothing(t *testing.T) {
	s := setup{Sizes: longTail(8, 250), Latency: 10 * time.Millisecond}
	url := startServer(t, s)
	dir := t.TempDir()
	file := membersFile(t, s)
	for range 3 {
		p := startWorker(t, url, "sqlite:"+filepath.Join(dir, "fleet.db"), "--chatbots", file, "--messages")
		time.Sleep(500 * time.Millisecond)
		_ = p.Process.Kill()
		<-p.done
	}
	startWorker(t, url, "sqlite:"+filepath.Join(dir, "fleet.db"), "--chatbots", file, "--messages").wait(t)
	compare(t, url, s, func(i int) *sql.Rows {
		rows, err := openSQLite(t, filepath.Join(dir, "fleet.db.archives", s.id(i).String()+".sqlite")).Query("SELECT c.id, m.id FROM conversations c LEFT JOIN messages m ON m.session_id = c.id")
		if err != nil {
			t.Fatal(err)
		}
		return rows
	})
}
