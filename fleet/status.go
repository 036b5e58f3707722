package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// status is how far the fleet has come. The numbers are those of the chatbots' present or last runs.
type status struct {
	Waiting       int64     `json:"chatbots_waiting"`
	Working       int64     `json:"chatbots_working"`
	Done          int64     `json:"chatbots_done"`
	Failed        int64     `json:"chatbots_failed"`
	Pages         int64     `json:"pages"`
	Conversations int64     `json:"conversations"`
	Read          int64     `json:"conversations_read"` // their messages
	ToRead        int64     `json:"conversations_to_read"`
	Messages      int64     `json:"messages"`
	Workers       int64     `json:"workers"`
	Rate          float64   `json:"requests_per_second"`
	Jobs          int64     `json:"jobs_waiting"`
	Retrying      int64     `json:"jobs_failing"`
	Left          *float64  `json:"seconds_left,omitempty"` // nil where it is not known
	Notes         []problem `json:"problems"`
}

// problem is why a chatbot could not be read, or not whole, or why a key rests.
type problem struct {
	Of   string `json:"of"` // the id of a chatbot, or the name of a key
	Text string `json:"problem"`
}

func (d *database) status(ctx context.Context) (s status, err error) {
	sum := func(what, where string) string {
		return "CAST(coalesce(sum(CASE WHEN " + where + " THEN " + what + " ELSE 0 END), 0) AS BIGINT)"
	}
	var requests float64 // that are left: pages of the list, and one for each conversation that is to be read or may turn up
	err = d.QueryRowContext(ctx, d.sql("SELECT "+strings.Join([]string{
		sum("1", "state = 'waiting'"), sum("1", "state = 'working'"), sum("1", "state = 'done'"), sum("1", "state = 'failed'"),
		sum("pages", "true"), sum("conversations", "true"), sum("have_read", "true"), sum("to_read", "true"), sum("messages", "true"),
		fmt.Sprintf("(SELECT count(*) FROM fleet_workers WHERE seen > @now - %v)", deadAfter.Seconds()),
		fmt.Sprintf("(SELECT coalesce(sum(rate), 0.0) FROM fleet_workers WHERE seen > @now - %v)", deadAfter.Seconds()),
		"(SELECT count(*) FROM river_job WHERE state = 'available')", "(SELECT count(*) FROM river_job WHERE state = 'retryable')",
		sum("(total - conversations) / (CASE WHEN page_size > 0 THEN page_size ELSE 10 END) + with_messages * (total - conversations)",
			"state IN ('waiting', 'working') AND listed = 0 AND total > conversations") + " + " + sum("to_read - have_read", "state = 'working'"),
	}, ", ")+" FROM fleet_chatbots")).Scan(&s.Waiting, &s.Working, &s.Done, &s.Failed, &s.Pages, &s.Conversations, &s.Read, &s.ToRead,
		&s.Messages, &s.Workers, &s.Rate, &s.Jobs, &s.Retrying, &requests)
	if err != nil {
		return s, err
	}
	if s.Rate > 0 {
		s.Left = new(requests / s.Rate)
	}
	s.Notes = []problem{}
	return s, each(ctx, d, func(rows *sql.Rows) error {
		var p problem
		err := rows.Scan(&p.Of, &p.Text)
		s.Notes = append(s.Notes, p)
		return err
	}, d.sql(`SELECT name, 'the server asked for a pause' FROM fleet_keys WHERE paused_until > @now
		UNION ALL SELECT id, problem FROM fleet_chatbots WHERE problem <> ''`))
}

// write writes the status for people.
func (s *status) write(w io.Writer) {
	fmt.Fprintf(w, "chatbots       %d: %d done, %d at work, %d waiting, %d with a problem\n", s.Waiting+s.Working+s.Done+s.Failed, s.Done, s.Working, s.Waiting, s.Failed)
	fmt.Fprintf(w, "pages          %d\nconversations  %d\nmessages       %d, of %d of %d conversations that are to be read\n", s.Pages, s.Conversations, s.Messages, s.Read, s.ToRead)
	fmt.Fprintf(w, "workers        %d, %.1f requests a second\njobs           %d waiting, %d failing\n", s.Workers, s.Rate, s.Jobs, s.Retrying)
	if s.Left != nil {
		fmt.Fprintf(w, "time left      about %v\n", seconds(*s.Left).Round(time.Second))
	}
	for _, p := range s.Notes {
		fmt.Fprintf(w, "problem        %s: %s\n", p.Of, p.Text)
	}
}

// writeJSON writes the status as one JSON object.
func (s *status) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(s)
}

// serveMetrics answers GET /metrics with the numbers of the status, in the text format of Prometheus.
func (d *database) serveMetrics(w http.ResponseWriter, r *http.Request) {
	s, err := d.status(r.Context())
	if err != nil {
		http.Error(w, "the database cannot be asked", http.StatusServiceUnavailable)
		return
	}
	text, _ := json.Marshal(s)
	var metrics map[string]any
	_ = json.Unmarshal(text, &metrics)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if value, ok := metrics[name].(float64); ok {
			fmt.Fprintf(w, "# TYPE okchat_fleet_%s gauge\nokchat_fleet_%[1]s %v\n", name, value)
		}
	}
	fmt.Fprintf(w, "# TYPE okchat_fleet_problems gauge\nokchat_fleet_problems %d\n", len(s.Notes))
}
