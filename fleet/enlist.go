package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	okchat "github.com/okchat/okchat-go"
)

// member is a chatbot that the fleet is to read, with the name of the environment variable that holds its key.
type member struct{ id, key string }

var variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// readMembers reads a file of chatbots: one id a line, behind it the name of the variable with its key if that is not
// OKCHAT_API_KEY. Empty lines and those that begin with # are left out.
func readMembers(name string) (members []member, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the chatbots: %w: name a file with --chatbots, or read all of the account with --all", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	seen := map[string]bool{}
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		id, err := uuid.Parse(fields[0])
		if err != nil || len(fields[0]) != 36 {
			return nil, fmt.Errorf("%s:%d: no chatbot id, expected the form 00000000-0000-0000-0000-000000000000", name, n)
		}
		m := member{id.String(), okchat.EnvKey}
		if len(fields) > 1 {
			m.key = fields[1]
		}
		if len(fields) > 2 || !variable.MatchString(m.key) {
			return nil, fmt.Errorf("%s:%d: expected nothing behind the id but the name of the environment variable that holds its key, such as %s, never a key",
				name, n, okchat.EnvKey)
		}
		if seen[m.id] {
			return nil, fmt.Errorf("%s:%d: chatbot %s is there twice: leave out one", name, n, m.id)
		}
		seen[m.id] = true
		members = append(members, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the chatbots in %s: %w", name, err)
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("%s names no chatbot, expected one id a line", name)
	}
	return members, nil
}

// allMembers asks the server for the chatbots of the account.
func (f *fleet) allMembers(ctx context.Context, rate float64) (members []member, err error) {
	if err := f.setRate(ctx, okchat.EnvKey, rate); err != nil {
		return nil, err
	}
	client, err := f.client(okchat.EnvKey)
	if err != nil {
		return nil, err
	}
	bots, err := client.Chatbots(ctx, okchat.CallOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot list the chatbots of the account: %s", troubleOf(err).text)
	}
	for _, bot := range bots {
		members = append(members, member{bot.ID.String(), okchat.EnvKey})
	}
	return members, nil
}

// setRate sets the rate of a key, in requests a second for all workers together; one below 0 leaves it as it is.
func (f *fleet) setRate(ctx context.Context, key string, rate float64) error {
	_, err := f.db.ExecContext(ctx, `INSERT INTO fleet_keys (name, rate) VALUES ($1, CASE WHEN $2 < 0 THEN 0 ELSE $2 END)
		ON CONFLICT (name) DO UPDATE SET rate = CASE WHEN $2 < 0 THEN fleet_keys.rate ELSE $2 END`, key, rate)
	return err
}

// plan tells how members are to be read.
type plan struct {
	messages bool
	limit    int
	every    time.Duration
	rate     float64
}

// enlist notes the members, and queues their runs. While the fleet is at work only those are begun that are new to it, so
// that any number of workers can be started with the same members. Jobs that got lost are queued again.
func (f *fleet) enlist(ctx context.Context, members []member, p plan) error {
	keys := map[string]bool{}
	for _, m := range members {
		if !keys[m.key] {
			if err := f.setRate(ctx, m.key, p.rate); err != nil {
				return err
			}
		}
		keys[m.key] = true
	}
	there, busy, err := f.db.enlisted(ctx)
	if err != nil {
		return err
	}
	var jobs []river.InsertManyParams
	for _, m := range members {
		switch c := there[m.id]; {
		case c.state == "working" && !c.listed:
			jobs = append(jobs, queued(listArgs{m.id, c.round, c.stretch}, 0, 0))
		case c.state == "waiting", c.state == "", !busy:
			jobs = append(jobs, queued(listArgs{m.id, c.round + 1, 0}, 0, 0))
		}
	}
	return f.db.transaction(ctx, func(w *work) {
		// Jobs are locked before chatbots, as in commit.
		for _, q := range w.insert(f, jobs...) {
			if w.err == nil && q.UniqueSkippedAsDuplicate && q.Job.State == rivertype.JobStateScheduled {
				_, w.err = f.river.JobRetryTx(w.ctx, w.Tx, q.Job.ID) // it no longer waits for its time
			}
		}
		for _, m := range members {
			w.exec(`INSERT INTO fleet_chatbots (id, key, with_messages, page_size, every, state) VALUES ($1, $2, CASE WHEN $3 THEN 1 ELSE 0 END, $4, $5, 'waiting')
				ON CONFLICT (id) DO UPDATE SET key = excluded.key, with_messages = @greatest(fleet_chatbots.with_messages, excluded.with_messages),
				every = CASE WHEN excluded.every > 0 THEN excluded.every ELSE fleet_chatbots.every END,
				page_size = CASE WHEN fleet_chatbots.state = 'working' THEN fleet_chatbots.page_size ELSE excluded.page_size END,
				state = CASE WHEN $6 OR fleet_chatbots.round <> $7 THEN fleet_chatbots.state ELSE 'waiting' END`,
				m.id, m.key, p.messages, p.limit, p.every.Seconds(), busy, there[m.id].round)
		}
	})
}

// enlisted returns the chatbots that are in the fleet already, and whether it is at work.
func (d *database) enlisted(ctx context.Context) (there map[string]chatbot, busy bool, err error) {
	there = map[string]chatbot{}
	err = each(ctx, d, func(rows *sql.Rows) error {
		var c chatbot
		err := rows.Scan(&c.id, &c.state, &c.round, &c.stretch, &c.listed)
		there[c.id] = c
		busy = busy || c.state == "waiting" || c.state == "working"
		return err
	}, "SELECT id, state, round, stretch, listed <> 0 FROM fleet_chatbots")
	return there, busy, err
}
