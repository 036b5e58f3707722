package archive

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

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotArchive matches the error of a file that is no archive of this package.
var ErrNotArchive = errors.New("not an archive of okchat")

// ErrOtherChatbot matches the error of an archive that holds another chatbot's conversations.
var ErrOtherChatbot = errors.New("the archive belongs to another chatbot")

// SQLite is an archive in an SQLite file: one chatbot's conversations, those that left the list included. One goroutine
// at a time may use it. Other programs can read the file meanwhile, and one at a time should write.
type SQLite struct {
	path, chatbot string
	db            *sql.DB
	conn          *sql.Conn
	fresh         bool // made here, as a whole: nothing is lost if it goes to waste
	logged        bool // there is a log beside it
}

// OpenSQLite opens the archive at path for reading and [SQLite.Update].
func OpenSQLite(path string) (*SQLite, error) {
	s, err := openThere(path, "rw")
	if err != nil {
		return nil, err
	}
	// Readers go on while a run writes, and a page is in the file when its transaction is over, whatever kills the program.
	if err := s.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL"); err != nil {
		_ = s.Close()
		return nil, err
	}
	s.logged = true
	return s, nil
}

// ReadSQLite opens the archive at path for reading alone.
func ReadSQLite(path string) (*SQLite, error) { return openThere(path, "ro") }

// openThere opens an archive that is there.
func openThere(path, mode string) (*SQLite, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty, %w", path, ErrNotArchive)
	}
	s, err := open(path, mode)
	if err != nil {
		return nil, err
	}
	if err := s.recognize(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// CreateSQLite makes an archive for chatbotID at path, where nothing or an empty file may stand, or opens the one that
// is there.
func CreateSQLite(path, chatbotID string) (*SQLite, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The owner's alone: it holds personal data.
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_ = file.Close()
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > 0:
		s, err := OpenSQLite(path)
		if err == nil && s.chatbot != chatbotID {
			_ = s.Close()
			return nil, fmt.Errorf("%w: %s holds conversations of %s, not of %s", ErrOtherChatbot, path, s.chatbot, chatbotID)
		}
		return s, err
	}
	s, err := open(path, "rw")
	if err != nil {
		return nil, err
	}
	if err := s.create(chatbotID, schemaTables+schemaIndexes); err != nil {
		_ = s.Close()
		return nil, err
	}
	_ = s.Close()
	return OpenSQLite(path)
}

func open(path, mode string) (*SQLite, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	uri := filepath.ToSlash(absolute)
	if !strings.HasPrefix(uri, "/") {
		uri = "/" + uri
	}
	s := &SQLite{path: path}
	if s.db, err = sql.Open("sqlite", "file://"+(&url.URL{Path: uri}).EscapedPath()+"?mode="+mode+"&_pragma=busy_timeout(10000)"); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(context.Background()); err != nil {
		_ = s.db.Close()
		return nil, s.explain(err)
	}
	return s, nil
}

// create makes the tables in one transaction, so that a file is an archive or an empty one.
func (s *SQLite) create(chatbotID, schema string) error {
	s.chatbot = chatbotID
	return s.transaction(func() error {
		if err := s.exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion) + schema); err != nil {
			return err
		}
		return s.exec("INSERT INTO archive (one, chatbot_id) VALUES (1, ?)", chatbotID)
	})
}

// recognize reads whose archive this is.
func (s *SQLite) recognize() error {
	var application, version int
	if err := s.row("SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&application, &version); err != nil {
		return s.explain(err)
	}
	switch {
	case application != applicationID:
		return fmt.Errorf("%s is an SQLite file, but %w", s.path, ErrNotArchive)
	case version > schemaVersion:
		return fmt.Errorf("%s has schema %d, expected at most %d: a newer okchat made it", s.path, version, schemaVersion)
	}
	return s.explain(s.row("SELECT chatbot_id FROM archive").Scan(&s.chatbot))
}

// ChatbotID returns whose conversations the archive holds.
func (s *SQLite) ChatbotID() string { return s.chatbot }

// Close closes the file, and leaves it as one: without a log beside it unless somebody is reading.
func (s *SQLite) Close() error {
	if s.logged {
		_ = s.exec("PRAGMA busy_timeout = 100; PRAGMA journal_mode = DELETE")
	}
	err := s.conn.Close()
	if closing := s.db.Close(); err == nil {
		err = closing
	}
	return s.explain(err)
}

func (s *SQLite) exec(query string, args ...any) error {
	_, err := s.conn.ExecContext(context.Background(), query, args...)
	return s.explain(err)
}

func (s *SQLite) row(query string, args ...any) *sql.Row {
	return s.conn.QueryRowContext(context.Background(), query, args...)
}

// transaction does all of do or nothing. It does not end with a context: a page that came is stored.
func (s *SQLite) transaction(do func() error) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = s.exec("COMMIT")
	}
	if err != nil {
		_ = s.exec("ROLLBACK") // SQLite may have done so already
	}
	return err
}

// explain says in words what SQLite says in codes.
func (s *SQLite) explain(err error) error {
	var coded *sqlite.Error
	if !errors.As(err, &coded) {
		return err
	}
	switch coded.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s is no SQLite file, %w", s.path, ErrNotArchive)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%s: %w", s.path, errDiskFull)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%s is in use: wait until the other program is done with it", s.path)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%s: %w", s.path, fs.ErrPermission)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s is damaged: export to a new file", s.path)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}
