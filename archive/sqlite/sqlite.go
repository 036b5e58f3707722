// Package sqlite keeps a chatbot's conversations in an SQLite file, together with their history.
//
// [Export] writes a new file. [Create] and [Archive.Update] bring one up to date, run after run; what has left the list stays
// in it, marked. docs/archive.md describes tables and columns.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	okchat "github.com/okchat/okchat-go"
)

var (
	// ErrNotArchive matches the error of a file that is not an archive of this package.
	ErrNotArchive = errors.New("not an archive of okchat")
	// ErrOtherChatbot matches the error of an archive that holds another chatbot's conversations.
	ErrOtherChatbot = errors.New("the archive belongs to another chatbot")
	// ErrKept matches the error of [Export] to a file that [Archive.Update] has brought up to date: a new file would lose
	// what has left the list, and all earlier values.
	ErrKept = errors.New("an archive with a history")
)

var (
	errNoUUID = fmt.Errorf("%w: the chatbot id is not a UUID", okchat.ErrArgument)
	errEmpty  = fmt.Errorf("the file is empty, %w", ErrNotArchive)
	errMoved  = errors.New("another program has replaced or removed the file")
	errInUse  = errors.New("the file is in use: wait until the other program is done with it")
)

// busyFor is how long another program may hold the file before an operation fails.
var busyFor = 10 * time.Second

// Archive is an archive in an SQLite file. One goroutine at a time may use it. Other programs can read the file meanwhile,
// and a second one that writes waits for its turn.
type Archive struct {
	path, chatbot string
	version       int
	file          fs.FileInfo // what stood at path when it was opened
	db            *sql.DB
	conn          *sql.Conn // nil while there is no archive at path: the first page begins it
	reading       bool      // by Read: nothing may be changed
	fresh         bool      // written by Export: nothing is lost if it goes to waste
	picked        bool      // and lacks conversations of the list

	statements map[string]*sql.Stmt // those that come again, by their text
}

// Open opens the archive at path for [Archive.Update]. One that an earlier version of this package has made is brought to
// the present schema. The error matches [ErrNotArchive] for a file of another kind, and fs.ErrNotExist where there is none.
func Open(ctx context.Context, path string) (*Archive, error) {
	a := &Archive{path: path}
	if err := a.attach(ctx, "", false); err != nil {
		return nil, err
	}
	return a, nil
}

// Create opens the archive of chatbotID at path or, where there is none or an empty file, prepares one that begins with the
// first page of an [Archive.Update]. An archive without a page belongs to nobody yet; any other one of another chatbot is
// refused with [ErrOtherChatbot]. An empty chatbotID stands for the chatbot that the archive belongs to.
func Create(ctx context.Context, path, chatbotID string) (*Archive, error) {
	chatbot := ""
	if chatbotID != "" {
		id, err := uuid.Parse(chatbotID)
		if err != nil {
			return nil, errNoUUID
		}
		chatbot = id.String()
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
		}
		return &Archive{path: path, chatbot: chatbot}, err
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	a := &Archive{path: path}
	if err = a.attach(ctx, chatbot, false); errors.Is(err, errEmpty) {
		a.chatbot, err = chatbot, nil
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Read opens the archive at path for reading alone. One that is cut short is refused at once; a damaged page is an error of the
// call that reads it, and [Archive.Check] looks for those in the whole file.
func Read(ctx context.Context, path string) (*Archive, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s: %w", path, errEmpty)
	}
	a := &Archive{path: path, reading: true}
	err = a.open("mode=rw&_pragma=query_only(on)") // SQLite tidies up at the end what it has put beside the file
	if err == nil {
		err = a.retry(ctx, func() error { return a.recognize(ctx) })
	}
	if _, log := os.Stat(realPath(path) + "-wal"); errors.Is(err, fs.ErrPermission) && errors.Is(log, fs.ErrNotExist) {
		// In a folder that cannot be written to, SQLite opens only what nobody else can change either.
		_ = a.Close()
		if err = a.open("mode=ro&immutable=1"); err == nil {
			err = a.recognize(ctx)
		}
	}
	if err != nil {
		_ = a.Close()
		return nil, err
	}
	return a, nil
}

// attach opens the file at path for writing as the archive of the chatbot, empty for whichever it belongs to, and begins one
// there if create is set.
func (a *Archive) attach(ctx context.Context, chatbot string, create bool) error {
	for {
		err := a.attachOnce(ctx, chatbot, create)
		if err == nil {
			return nil
		}
		_ = a.Close()
		if !errors.Is(err, errMoved) { // or else it was replaced between two looks
			return err
		}
	}
}

func (a *Archive) attachOnce(ctx context.Context, chatbot string, create bool) error {
	if create {
		// Readable by its owner alone: it holds personal data.
		file, err := os.OpenFile(a.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			err = file.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := a.open("mode=rw"); err != nil {
		return err
	}
	err := a.retry(ctx, func() error { return a.recognize(ctx) })
	if err == nil {
		err = a.Check(ctx)
	}
	if err != nil && !(create && errors.Is(err, errEmpty)) {
		return err
	}
	// Readers go on while a run writes, and a page is in the file once its transaction is over, whatever ends the program.
	if err := a.retry(ctx, func() error {
		return a.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 8192")
	}); err != nil {
		return err
	}
	// While tables are made anew, rows that refer to them stay. A transaction cannot set this.
	if err := a.exec("PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	err = a.transaction(ctx, func() error {
		err := a.recognize(ctx) // another run may have been faster
		if create && errors.Is(err, errEmpty) {
			return a.create(chatbot, tables(true)+uniqueIDs+views())
		}
		if err != nil {
			return err
		}
		if err := a.migrate(ctx); err != nil {
			return err
		}
		return a.claim(ctx, chatbot)
	})
	if err != nil {
		return err
	}
	return a.exec("PRAGMA foreign_keys = ON")
}

// claim checks that the archive belongs to the chatbot, or gives it to the chatbot if it holds no page yet. An empty chatbot
// stands for any.
func (a *Archive) claim(ctx context.Context, chatbot string) error {
	if chatbot == "" || chatbot == a.chatbot {
		return nil
	}
	var pages int
	if err := a.row(ctx, "SELECT coalesce(sum(pages), 0) + (SELECT count(*) FROM conversations) FROM runs").Scan(&pages); err != nil {
		return err
	}
	if pages > 0 {
		return fmt.Errorf("%w: %s holds conversations of %s, not of %s", ErrOtherChatbot, a.path, a.chatbot, chatbot)
	}
	a.chatbot = chatbot
	return a.exec("UPDATE archive SET chatbot_id = ?", chatbot)
}

// open connects to the file. What a file that somebody else has made defines, such as views or checks, may not do more than
// compute.
func (a *Archive) open(mode string) error {
	absolute, err := filepath.Abs(a.path)
	if err != nil {
		return err
	}
	uri := filepath.ToSlash(absolute)
	if !strings.HasPrefix(uri, "/") {
		uri = "/" + uri
	}
	if a.file, err = os.Stat(a.path); err != nil {
		return err
	}
	// Temporary files would go to a folder that may be small or read-only, so they stay in memory.
	mode += "&_pragma=busy_timeout(100)&_pragma=temp_store(memory)&_pragma=trusted_schema(off)&_pragma=cell_size_check(on)&_pragma=foreign_keys(on)"
	if !a.fresh {
		mode += "&_defensive=1"
	}
	if a.db, err = sql.Open("sqlite", "file://"+(&url.URL{Path: uri}).EscapedPath()+"?"+mode); err != nil {
		return err
	}
	a.db.SetMaxOpenConns(1)
	a.conn, err = a.db.Conn(context.Background())
	return a.explain(err)
}

// realPath returns the name of the file that path leads to. SQLite names its log after it.
func realPath(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// create makes the tables, within a transaction, so that a file is an archive or an empty one.
func (a *Archive) create(chatbot, schema string) error {
	a.chatbot, a.version = chatbot, schemaVersion
	if err := a.exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion) + schema); err != nil {
		return err
	}
	return a.exec("INSERT INTO archive (one, chatbot_id) VALUES (1, ?)", chatbot)
}

// ChatbotID returns whose conversations the archive holds, empty where that is open still.
func (a *Archive) ChatbotID() string { return a.chatbot }

// Close closes the file. Nothing is left beside it unless another program has it open. It waits for what reads the archive, and so must
// not be called within a range over it; nothing else may be called behind it.
func (a *Archive) Close() error {
	var err error
	for _, stmt := range a.statements {
		_ = stmt.Close()
	}
	a.statements = nil
	if a.conn != nil {
		err = a.conn.Close()
	}
	if a.db != nil {
		if closing := a.db.Close(); err == nil {
			err = closing
		}
	}
	a.conn, a.db = nil, nil
	return a.explain(err)
}

func (a *Archive) exec(query string, args ...any) error {
	_, err := a.conn.ExecContext(context.Background(), query, args...)
	return err
}

// prepared returns the statement of a text, which is compiled once.
func (a *Archive) prepared(text string) (*sql.Stmt, error) {
	if stmt := a.statements[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := a.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	if a.statements == nil {
		a.statements = map[string]*sql.Stmt{}
	}
	a.statements[text] = stmt
	return stmt, nil
}

// do carries out a statement that is going to come again.
func (a *Archive) do(text string, args ...any) (sql.Result, error) {
	stmt, err := a.prepared(text) //nolint:sqlclosecheck // Close does
	if err != nil {
		return nil, err
	}
	return stmt.Exec(args...)
}

// ask asks what is going to be asked again.
func (a *Archive) ask(text string, args ...any) (*sql.Rows, error) {
	stmt, err := a.prepared(text) //nolint:sqlclosecheck // Close does
	if err != nil {
		return nil, err
	}
	return stmt.Query(args...)
}

func (a *Archive) row(ctx context.Context, query string, args ...any) *sql.Row {
	return a.conn.QueryRowContext(ctx, query, args...)
}

// transaction does all of do or nothing. It waits for other programs that write, until ctx is done; what has begun is not cut
// short by ctx. An export is one transaction.
func (a *Archive) transaction(ctx context.Context, do func() error) error {
	if a.fresh {
		return a.explain(do())
	}
	if err := a.retry(ctx, func() error { return a.exec("BEGIN IMMEDIATE") }); err != nil {
		return err
	}
	err := do()
	if err == nil {
		// A file that is no longer at path would take the data with it.
		err = a.moved()
	}
	if err == nil {
		err = a.retry(context.WithoutCancel(ctx), func() error { return a.exec("COMMIT") })
	}
	if err != nil {
		_ = a.exec("ROLLBACK") // SQLite may have done so already
	}
	return a.explain(err)
}

func (a *Archive) moved() error {
	if at, err := os.Stat(a.path); err != nil || !os.SameFile(a.file, at) {
		return fmt.Errorf("%s: %w", a.path, errMoved)
	}
	return nil
}

// retry repeats do while another program holds the file, for as long as busyFor.
func (a *Archive) retry(ctx context.Context, do func() error) error {
	for start := time.Now(); ; {
		err := a.explain(do())
		switch {
		case errors.Is(err, errInUse) && ctx.Err() != nil:
			return ctx.Err()
		case !errors.Is(err, errInUse), time.Since(start) > busyFor:
			return err
		}
		// SQLite has waited a moment itself.
	}
}

// explain returns the error in words for what SQLite tells in codes. Text that SQLite quotes may come from the file.
func (a *Archive) explain(err error) error {
	coded, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return err
	}
	switch coded.Code() & 0xff {
	case lib.SQLITE_NOTADB:
		err = fmt.Errorf("not an SQLite file, %w", ErrNotArchive)
	case lib.SQLITE_FULL:
		err = syscall.ENOSPC
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		err = errInUse
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		err = fs.ErrPermission
	case lib.SQLITE_CORRUPT:
		err = errDamaged
	case lib.SQLITE_INTERRUPT:
		err = context.Canceled
	default:
		err = fmt.Errorf("SQLite: %q", coded.Error())
	}
	return fmt.Errorf("%s: %w", a.path, err)
}
