package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	okchat "github.com/okchat/okchat-go"
)

// Source gives conversations page by page: a *[okchat.Client], or something around one.
type Source interface {
	Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error]
}

// Result says what a run did. It counts what is in the file, also where the run was cut short.
type Result struct {
	// Pages is how many transactions there were.
	Pages int
	// Added and Changed count conversations; Gone those that left the list since the last run.
	Added, Changed, Gone int
}

// Update brings the archive up to date: conversations that are new or changed, one transaction a page. After a walk that
// ended, a conversation that it did not bring is marked with gone_at; nothing is ever deleted. One that comes back loses
// the mark. With opts.State nothing is marked, with opts.CreatedAfter only what is newer.
//
// With newOnly the run ends at the first page that holds nothing unknown, which in a list that is newest first has
// nothing new behind it. Where an earlier run was cut short, what it brought counts as unknown: something may be missing
// behind it. Such a run finds no changes further down, and marks nothing.
//
// Cut short by whatever it is, the file is whole, and the next run brings what is missing.
func (s *SQLite) Update(ctx context.Context, from Source, opts okchat.ListOptions, newOnly bool) (Result, error) {
	if opts.Page > 1 || opts.MaxItems != 0 {
		return Result{}, fmt.Errorf("%w: Page and MaxItems are not for an archive, which would have gaps", okchat.ErrArgument)
	}
	r := &run{archive: s, opts: opts, newOnly: newOnly}
	if err := r.begin(); err != nil {
		return Result{}, err
	}
	defer r.close()
	for page, err := range from.Pages(ctx, s.chatbot, opts) {
		if err != nil {
			return r.result, err
		}
		known, err := r.store(page.Items)
		if err != nil {
			return r.result, err
		}
		// A page may have nothing that the walk did not hand out before; that says nothing of what comes behind it.
		if newOnly && known && len(page.Items) > 0 {
			break
		}
	}
	return r.result, r.end()
}

// run is one walk into the archive.
type run struct {
	archive  *SQLite
	opts     okchat.ListOptions
	newOnly  bool
	started  string
	gapSince string
	result   Result

	lookup, touch, put *sql.Stmt
	raw                []byte
}

// begin notes the run. Its start is later than that of any other, whatever the clock says, as it tells runs apart.
func (r *run) begin() error {
	s := r.archive
	err := s.transaction(func() error {
		var last sql.NullString
		if err := s.row("SELECT max(started_at) FROM runs").Scan(&last); err != nil {
			return err
		}
		r.started = formatTime(time.Now())
		if last.Valid && r.started <= last.String {
			after, err := time.Parse(timeLayout, last.String)
			if err != nil {
				return fmt.Errorf("%s: runs.started_at: %w", s.path, err)
			}
			r.started = formatTime(after.Add(time.Microsecond))
		}
		if err := s.exec("INSERT INTO runs (started_at, new_only, state, since) VALUES (?, ?, nullif(?, ''), ?)",
			r.started, r.newOnly, string(r.opts.State), r.since()); err != nil {
			return err
		}
		return s.row("UPDATE archive SET gap_since = coalesce(gap_since, ?) RETURNING gap_since", r.started).Scan(&r.gapSince)
	})
	if err != nil {
		return s.explain(err)
	}
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&r.lookup, "SELECT first_seen, raw = ?2 FROM conversations WHERE id = ?1"},
		// Another run may have seen it later.
		{&r.touch, "UPDATE conversations SET last_seen = max(last_seen, ?2), gone_at = NULL WHERE id = ?1"},
		{&r.put, putQuery},
	} {
		if *p.stmt, err = s.conn.PrepareContext(context.Background(), p.query); err != nil { //nolint:sqlclosecheck // close does
			r.close()
			return s.explain(err)
		}
	}
	return nil
}

const putQuery = `
INSERT INTO conversations (id, chatbot_id, created_at, updated_at, platform, state, active, is_human_mode, migrated_data,
	sns_user_id, user_id, session_token, voice_path, last_message, last_message_id, last_message_sender, metadata, unknown,
	raw, first_seen, last_seen)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?20)
ON CONFLICT (id) DO UPDATE SET
	chatbot_id = ?2, created_at = ?3, updated_at = ?4, platform = ?5, state = ?6, active = ?7, is_human_mode = ?8,
	migrated_data = ?9, sns_user_id = ?10, user_id = ?11, session_token = ?12, voice_path = ?13, last_message = ?14,
	last_message_id = ?15, last_message_sender = ?16, metadata = ?17, unknown = ?18, raw = ?19,
	last_seen = max(last_seen, ?20), gone_at = NULL`

// store puts a page into the file, and says whether all of it was there before anything could be missing.
func (r *run) store(page []okchat.Conversation) (known bool, err error) {
	known, result := true, r.result
	err = r.archive.transaction(func() error {
		for i := range page {
			firstSeen, err := r.storeOne(&page[i])
			if err != nil {
				return err
			}
			known = known && firstSeen != "" && firstSeen < r.gapSince
		}
		r.result.Pages++
		return r.note("")
	})
	if err != nil {
		r.result = result
		return false, r.archive.explain(err)
	}
	return known, nil
}

// storeOne returns when the conversation came first, empty if it does now.
func (r *run) storeOne(conv *okchat.Conversation) (firstSeen string, err error) {
	came, err := rawOf(conv)
	if err != nil {
		return "", err
	}
	r.raw = appendCompact(r.raw[:0], came)
	raw, id, same := string(r.raw), conv.ID.String(), false
	if !r.archive.fresh {
		switch err := r.lookup.QueryRow(id, raw).Scan(&firstSeen, &same); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return "", err
		case same:
			_, err := r.touch.Exec(id, r.started)
			return firstSeen, err
		}
	}
	w, err := rowOf(conv)
	if err != nil {
		return "", err
	}
	if firstSeen == "" {
		r.result.Added++
	} else {
		r.result.Changed++
	}
	_, err = r.put.Exec(w.id, w.chatbotID, w.createdAt, w.updatedAt, w.platform, w.state, w.active, w.humanMode, w.migrated,
		w.snsUserID, w.userID, w.sessionToken, w.voicePath, w.lastMessage, w.lastMessageID, w.lastMessageSender,
		w.metadata, w.unknown, raw, r.started)
	return firstSeen, err
}

// note keeps the run's numbers in the file.
func (r *run) note(ended string) error {
	return r.archive.exec("UPDATE runs SET pages = ?, added = ?, changed = ?, gone = ?, ended_at = nullif(?, '') WHERE started_at = ?",
		r.result.Pages, r.result.Added, r.result.Changed, r.result.Gone, ended, r.started)
}

// end marks what has left the list, when the walk is over.
func (r *run) end() error {
	s, result := r.archive, r.result
	err := s.transaction(func() error {
		if !r.newOnly && r.opts.State == "" {
			marked, err := s.conn.ExecContext(context.Background(),
				"UPDATE conversations SET gone_at = ?1 WHERE gone_at IS NULL AND last_seen < ?1 AND created_at > coalesce(?2, '')", r.started, r.since())
			if err != nil {
				return err
			}
			n, err := marked.RowsAffected()
			if err != nil {
				return err
			}
			r.result.Gone = int(n)
		}
		closed, err := r.closesGap()
		if err != nil {
			return err
		}
		if closed {
			// A run that began later may be under way, and have a gap of its own.
			if err := s.exec("UPDATE archive SET gap_since = NULL WHERE (SELECT max(started_at) FROM runs) = ?", r.started); err != nil {
				return err
			}
		}
		return r.note(formatTime(time.Now()))
	})
	if err != nil {
		r.result = result
	}
	return s.explain(err)
}

// closesGap says whether nothing can be missing any more, down to the oldest conversation of the archive.
func (r *run) closesGap() (bool, error) {
	switch {
	case r.opts.State != "":
		return false, nil
	case r.opts.CreatedAfter.IsZero():
		return true, nil
	}
	// The walk has to have come down to what was there before the gap. An archive that begins with it reaches back to
	// where it ended, and that is what its owner asked for.
	var newest sql.NullString
	err := r.archive.row("SELECT max(created_at) FROM conversations WHERE first_seen < ?", r.gapSince).Scan(&newest)
	if err != nil || newest.Valid {
		return newest.String > formatTime(r.opts.CreatedAfter), err
	}
	var first string
	err = r.archive.row("SELECT min(started_at) FROM runs").Scan(&first)
	return first == r.started, err
}

// since is null for all.
func (r *run) since() any {
	if r.opts.CreatedAfter.IsZero() {
		return nil
	}
	return formatTime(r.opts.CreatedAfter)
}

func (r *run) close() {
	for _, stmt := range []*sql.Stmt{r.lookup, r.touch, r.put} {
		if stmt != nil {
			_ = stmt.Close()
		}
	}
}
