package sqlite

import (
	"context"
	"fmt"

	okchat "github.com/okchat/okchat-go"
	"github.com/okchat/okchat-go/internal/atomicfile"
)

// Forgotten counts what [Forget] has removed.
type Forgotten struct {
	Conversations, Messages, Changes int
}

// Forget removes an end user from the archive at path: the conversations whose sns_user_id or user_id is user, with their
// messages, their history and their entries in the full-text index. The file is written anew, so that nothing of them is left
// in it, and keeps its name; a program that has it open makes Forget fail. Copies that were made of the file are as they were.
// The next [Archive.Update] brings back what the server still lists.
//
// The file is written anew also if there was nothing to remove, which completes a run that was cut short.
func Forget(ctx context.Context, path, user string) (Forgotten, error) {
	if user == "" {
		return Forgotten{}, fmt.Errorf("%w: the end user's id is empty", okchat.ErrArgument)
	}
	a, err := Open(ctx, path)
	if err != nil {
		return Forgotten{}, err
	}
	defer func() { _ = a.Close() }()
	atomicfile.Sweep(path) // a copy that an earlier run was killed over has all that was in the file then
	file, err := atomicfile.Create(ctx, path)
	if err != nil {
		return Forgotten{}, err
	}
	defer file.Abort()
	var gone Forgotten
	if err := a.retry(ctx, a.seize); err != nil {
		return Forgotten{}, err
	}
	gone, err = a.forget(ctx, user)
	if err == nil {
		err = a.moved()
	}
	if err != nil {
		_ = a.exec("ROLLBACK")
		return Forgotten{}, a.explain(err)
	}
	if err := a.exec("COMMIT"); err != nil {
		return Forgotten{}, a.explain(err)
	}
	if _, err = a.conn.ExecContext(ctx, "VACUUM INTO ?", file.Name()); err == nil {
		err = a.giveWay(file)
	}
	if err != nil {
		return gone, fmt.Errorf("removed, but the file may hold traces until this is done again: %w", a.explain(err))
	}
	return gone, nil
}

// seize begins a transaction, and keeps all other programs from the file from then on until it is closed.
func (a *Archive) seize() error {
	var mode string
	// A journal that is truncated holds nothing of what was removed, and is not deleted after another program has begun one.
	err := a.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = ON")
	if err == nil {
		err = a.row(context.Background(), "PRAGMA journal_mode = TRUNCATE").Scan(&mode)
	}
	if err == nil && mode != "truncate" {
		err = errInUse
	}
	if err == nil {
		err = a.exec("BEGIN EXCLUSIVE")
	}
	return err
}

// forget removes the rows.
func (a *Archive) forget(ctx context.Context, user string) (gone Forgotten, err error) {
	const theirs = "(SELECT id FROM temp.forgotten)"
	if _, err := a.conn.ExecContext(ctx, "CREATE TEMP TABLE forgotten AS SELECT id FROM conversations WHERE sns_user_id = ?1 OR user_id = ?1", user); err != nil {
		return gone, err
	}
	indexed, err := a.hasFullText(ctx)
	if err != nil {
		return gone, err
	}
	// Made anew they hold nothing of what was removed, whatever state they were in.
	if err := a.setFullText(ctx, false); err != nil {
		return gone, err
	}
	for _, part := range []struct {
		query string
		count *int
	}{
		{"DELETE FROM messages WHERE session_id IN " + theirs, &gone.Messages},
		{"DELETE FROM changes WHERE conversation_id IN " + theirs, &gone.Changes},
		{"DELETE FROM conversations WHERE id IN " + theirs, &gone.Conversations},
	} {
		result, err := a.conn.ExecContext(ctx, part.query)
		if err != nil {
			return gone, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return gone, err
		}
		*part.count = int(n)
	}
	return gone, a.setFullText(ctx, indexed)
}
