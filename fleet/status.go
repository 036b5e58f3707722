package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// status is how far the fleet has come. The numbers are those of the chatbots' present or last runs.
type status struct {
	Chatbots struct {
		Waiting, Working, Done, Failed int64
	} `json:"chatbots"`
	Pages         int64     `json:"pages"`
	Conversations int64     `json:"conversations"`
	Read          int64     `json:"conversationsRead"` // their messages
	ToRead        int64     `json:"conversationsToRead"`
	Messages      int64     `json:"messages"`
	Workers       int64     `json:"workers"`
	Rate          float64   `json:"requestsPerSecond"`
	Jobs          int64     `json:"jobsWaiting"`
	Retrying      int64     `json:"jobsFailing"`
	Left          *int64    `json:"secondsLeft,omitempty"` // nil where it is not known
	Paused        []paused  `json:"paused"`
	Problems      []problem `json:"problems"`
}

// paused is a key that the server has asked to wait.
type paused struct {
	Key     string  `json:"key"` // its name
	Seconds float64 `json:"seconds"`
}

// problem is why a chatbot could not be read, or not whole.
type problem struct {
	Chatbot string `json:"chatbot"`
	Problem string `json:"problem"`
}

func (d *database) status(ctx context.Context) (s status, err error) {
	var requests float64
	scan := func(query string, args ...any) {
		if err == nil {
			err = d.QueryRowContext(ctx, d.sql(query)).Scan(args...)
		}
	}
	sum := func(what, where string) string {
		return "CAST(coalesce(sum(CASE WHEN " + where + " THEN " + what + " ELSE 0 END), 0) AS BIGINT)"
	}
	busy := "state IN ('waiting', 'working')"
	scan(`SELECT `+strings.Join([]string{
		sum("1", "state = 'waiting'"), sum("1", "state = 'working'"), sum("1", "state = 'done'"), sum("1", "state = 'failed'"),
		sum("pages", "true"), sum("conversations", "true"), sum("have_read", "true"), sum("to_read", "true"), sum("messages", "true"),
		// What is left in requests: pages of the list, and one for each conversation that is to be read or may turn up.
		sum("(total - conversations) / (CASE WHEN page_size > 0 THEN page_size ELSE 10 END) + with_messages * (total - conversations)", busy+" AND listed = 0 AND total > conversations") +
			" + " + sum("to_read - have_read", busy),
	}, ", ")+` FROM fleet_chatbots`, &s.Chatbots.Waiting, &s.Chatbots.Working, &s.Chatbots.Done, &s.Chatbots.Failed,
		&s.Pages, &s.Conversations, &s.Read, &s.ToRead, &s.Messages, &requests)
	scan(fmt.Sprintf("SELECT count(*), coalesce(sum(rate), 0.0) FROM fleet_workers WHERE seen > @now - %v", deadAfter.Seconds()), &s.Workers, &s.Rate)
	scan("SELECT "+sum("1", "state = 'available'")+", "+sum("1", "state = 'retryable'")+" FROM river_job", &s.Jobs, &s.Retrying)
	if s.Rate > 0 {
		left := int64(requests / s.Rate)
		s.Left = &left
	}
	s.Paused, s.Problems = []paused{}, []problem{}
	list := func(query string, add func(name, text string, n float64)) {
		if err != nil {
			return
		}
		rows, failure := d.QueryContext(ctx, d.sql(query))
		if err = failure; err != nil {
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() && err == nil {
			var name, text string
			var n float64
			err = rows.Scan(&name, &text, &n)
			add(name, text, n)
		}
		if err == nil {
			err = rows.Err()
		}
	}
	list("SELECT name, '', paused_until - @now FROM fleet_keys WHERE paused_until > @now ORDER BY name",
		func(name, _ string, n float64) { s.Paused = append(s.Paused, paused{name, n}) })
	list("SELECT id, problem, 0.0 FROM fleet_chatbots WHERE problem <> '' ORDER BY id",
		func(id, text string, _ float64) { s.Problems = append(s.Problems, problem{id, text}) })
	return s, err
}

// write writes the status for people.
func (s *status) write(w io.Writer) {
	c := s.Chatbots
	fmt.Fprintf(w, "chatbots       %d: %d done, %d at work, %d waiting, %d with a problem\n", c.Waiting+c.Working+c.Done+c.Failed, c.Done, c.Working, c.Waiting, c.Failed)
	fmt.Fprintf(w, "pages          %d\nconversations  %d\nmessages       %d, of %d of %d conversations that are to be read\n", s.Pages, s.Conversations, s.Messages, s.Read, s.ToRead)
	fmt.Fprintf(w, "workers        %d, %.1f requests a second\njobs           %d waiting, %d failing\n", s.Workers, s.Rate, s.Jobs, s.Retrying)
	if s.Left != nil {
		fmt.Fprintf(w, "time left      about %v\n", time.Duration(*s.Left)*time.Second)
	}
	for _, p := range s.Paused {
		fmt.Fprintf(w, "paused         %s for another %v, as the server asked\n", p.Key, seconds(p.Seconds).Round(time.Second))
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem        %s: %s\n", p.Chatbot, p.Problem)
	}
}

// writeJSON writes the status as one JSON object.
func (s *status) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}

// writeMetrics writes the status in the text format of Prometheus.
func (s *status) writeMetrics(w io.Writer) {
	for _, m := range []struct {
		name, labels string
		value        any
	}{
		{"chatbots", `{state="waiting"}`, s.Chatbots.Waiting}, {"chatbots", `{state="working"}`, s.Chatbots.Working},
		{"chatbots", `{state="done"}`, s.Chatbots.Done}, {"chatbots", `{state="failed"}`, s.Chatbots.Failed},
		{"pages", "", s.Pages}, {"conversations", "", s.Conversations}, {"conversations_read", "", s.Read},
		{"conversations_to_read", "", s.ToRead}, {"messages", "", s.Messages}, {"workers", "", s.Workers},
		{"requests_per_second", "", s.Rate}, {"jobs", `{state="waiting"}`, s.Jobs}, {"jobs", `{state="failing"}`, s.Retrying}, {"keys_paused", "", len(s.Paused)},
	} {
		if m.labels == "" || strings.Contains(m.labels, `"waiting"`) {
			fmt.Fprintf(w, "# TYPE okchat_fleet_%s gauge\n", m.name)
		}
		fmt.Fprintf(w, "okchat_fleet_%s%s %v\n", m.name, m.labels, m.value)
	}
}

// serveMetrics answers GET /metrics.
func (d *database) serveMetrics(w http.ResponseWriter, r *http.Request) {
	s, err := d.status(r.Context())
	if err != nil {
		http.Error(w, "the database cannot be asked", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	s.writeMetrics(w)
}
