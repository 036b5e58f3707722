package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/archive"
	"github.com/okchat/okchat-go/internal/column"
)

// Select returns the archive as a source of the conversations that the filter selects, newest first. Its pages hold
// opts.Limit conversations, 100 if that is 0; all come from one moment, whatever other programs write meanwhile. An
// opts.Page beyond the first and opts.After match [okchat.ErrArgument].
func (a *Archive) Select(f archive.Filter) *Selection { return &Selection{a, f} }

// Selection is an [archive.Source] and an [archive.MessageSource], see [Archive.Select].
type Selection struct {
	archive *Archive
	filter  archive.Filter
}

// Pages implements [archive.Source].
func (s *Selection) Pages(ctx context.Context, chatbotID string, opts okchat.ListOptions) iter.Seq2[*okchat.Page[okchat.Conversation], error] {
	return func(yield func(*okchat.Page[okchat.Conversation], error) bool) {
		if err := s.pages(ctx, chatbotID, opts, yield); err != nil {
			yield(nil, s.archive.explain(err))
		}
	}
}

func (s *Selection) pages(ctx context.Context, chatbotID string, opts okchat.ListOptions, yield func(*okchat.Page[okchat.Conversation], error) bool) error {
	a := s.archive
	switch {
	case opts.Page > 1 || opts.After != "":
		return fmt.Errorf("%w: Page and After are not for an archive, which is read from its newest conversation on", okchat.ErrArgument)
	case !strings.EqualFold(chatbotID, a.chatbot):
		return fmt.Errorf("%w: %s holds conversations of %s, not of %s", ErrOtherChatbot, a.path, a.chatbot, chatbotID)
	}
	if err := a.exec("BEGIN"); err != nil { // so that the count and the rows agree
		return err
	}
	defer func() { _ = a.exec("ROLLBACK") }()
	where, args := conditions(opts, s.filter)
	m := okchat.PageMetadata{PageSize: opts.Limit}
	if m.PageSize < 1 {
		m.PageSize = 100
	}
	if err := a.row(ctx, "SELECT count(*) FROM conversations WHERE "+where, args...).Scan(&m.TotalCount); err != nil {
		return err
	}
	if opts.MaxItems > 0 {
		m.TotalCount = min(m.TotalCount, opts.MaxItems)
	}
	m.TotalPages = (m.TotalCount + m.PageSize - 1) / m.PageSize
	query := "SELECT id, raw FROM conversations WHERE " + where + " ORDER BY created_at DESC, rowid" //nolint:gosec // of this package
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for m.CurrentPage = 1; m.CurrentPage <= max(m.TotalPages, 1); m.CurrentPage++ {
		page := &okchat.Page[okchat.Conversation]{Metadata: m}
		for range min(m.PageSize, m.TotalCount-(m.CurrentPage-1)*m.PageSize) {
			if !rows.Next() {
				return errors.Join(rows.Err(), ctx.Err())
			}
			var id string
			var raw sql.RawBytes
			var conv okchat.Conversation
			if err := rows.Scan(&id, &raw); err != nil {
				return err
			}
			if err := conv.UnmarshalJSON(raw); err != nil {
				return fmt.Errorf("%s: the JSON of conversation %q: %w: %w", a.path, id, err, errDamaged)
			}
			page.Items = append(page.Items, conv)
		}
		if !yield(page, nil) {
			return nil
		}
	}
	return nil
}

// conditions returns the WHERE clause for the conversations that the options and the filter select, and its arguments.
func conditions(opts okchat.ListOptions, f archive.Filter) (where string, args []any) {
	and := []string{"true"}
	add := func(condition string, values ...any) {
		and, args = append(and, condition), append(args, values...)
	}
	if !f.Gone {
		add("gone_at IS NULL")
	}
	index := ""
	if f.User != "" {
		index = "+" // an end user has few conversations, so that no other index is to be used
	}
	if opts.State != "" {
		add(index+"state = ?", string(opts.State))
	}
	if f.Platform != "" {
		add(index+"platform = ?", string(f.Platform))
	}
	if f.User != "" {
		add("(sns_user_id = ? OR user_id = ?)", f.User, f.User)
	}
	if !opts.CreatedAfter.IsZero() {
		add("created_at > ?", column.FormatTime(opts.CreatedAfter))
	}
	if !opts.CreatedBefore.IsZero() {
		add("created_at <= ?", column.FormatTime(opts.CreatedBefore))
	}
	return strings.Join(and, " AND "), args
}
