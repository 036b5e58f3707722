package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	_ "modernc.org/sqlite" // the driver of sqlite: databases
)

// database is the database of a fleet: jobs, progress, rates and, in PostgreSQL, the conversations.
type database struct {
	*sql.DB
	driver riverdriver.Driver[*sql.Tx]
	where  string // for messages, without a password
	// archives is the folder of the archives, one a chatbot, beside an SQLite database; empty for PostgreSQL.
	archives string
	dialect  *strings.Replacer
}

// sql returns the query in the words of the database: @now is the seconds since 1970 by its clock, the only one that all
// workers share, @greatest the function of that name, and @lock what makes a SELECT lock its row.
func (d *database) sql(query string) string { return d.dialect.Replace(query) }

// schemaVersion is raised by a change that other versions of this program cannot cope with.
const schemaVersion = 1

// tables are the fleet's own, in the SQL that both databases understand. Times are seconds since 1970.
const tables = `
CREATE TABLE fleet_schema (version INTEGER NOT NULL);
CREATE TABLE fleet_keys (
	name         TEXT PRIMARY KEY, -- of the environment variable that holds the key
	rate         DOUBLE PRECISION NOT NULL, -- requests a second, 0 for any
	next         DOUBLE PRECISION NOT NULL DEFAULT 0, -- when the next request may be sent
	paused_until DOUBLE PRECISION NOT NULL DEFAULT 0 -- as the server asked for
);
CREATE TABLE fleet_workers (
	id       TEXT PRIMARY KEY,
	seen     DOUBLE PRECISION NOT NULL,
	requests BIGINT NOT NULL,
	rate     DOUBLE PRECISION NOT NULL -- requests a second of late
);
CREATE TABLE fleet_chatbots (
	id             TEXT PRIMARY KEY,
	key            TEXT NOT NULL REFERENCES fleet_keys (name),
	with_messages  INTEGER NOT NULL,
	page_size      INTEGER NOT NULL,
	every          DOUBLE PRECISION NOT NULL, -- seconds between two runs, 0 for one run
	state          TEXT NOT NULL, -- waiting, working, done or failed
	problem        TEXT NOT NULL DEFAULT '',
	round          BIGINT NOT NULL DEFAULT 0, -- counts runs; the numbers below are those of this one
	run            TEXT NOT NULL DEFAULT '', -- runs.started_at
	started        DOUBLE PRECISION NOT NULL DEFAULT 0,
	finished       DOUBLE PRECISION NOT NULL DEFAULT 0,
	stretch        BIGINT NOT NULL DEFAULT 0, -- the next one of the walk
	token          TEXT NOT NULL DEFAULT '', -- where the walk stands
	listed         INTEGER NOT NULL DEFAULT 0, -- whether the walk is over
	batches        BIGINT NOT NULL DEFAULT 0, -- of messages, that are not read yet
	total          BIGINT NOT NULL DEFAULT 0, -- conversations, as the server counts
	pages          BIGINT NOT NULL DEFAULT 0,
	conversations  BIGINT NOT NULL DEFAULT 0,
	to_read        BIGINT NOT NULL DEFAULT 0, -- conversations whose messages are to be read in this run
	have_read      BIGINT NOT NULL DEFAULT 0, -- those that were
	messages       BIGINT NOT NULL DEFAULT 0
);
INSERT INTO fleet_schema VALUES (%d);
`

// openDatabase connects to postgres://… or sqlite:FILE.
func openDatabase(ctx context.Context, name string, connections int) (*database, error) {
	if file, ok := strings.CutPrefix(name, "sqlite:"); ok && file != "" {
		absolute, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		uri := (&url.URL{Scheme: "file", Path: filepath.ToSlash(absolute)}).String()
		db, err := sql.Open("sqlite", uri+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1) // as River asks for
		d := &database{DB: db, driver: riversqlite.New(db), where: file, archives: file + ".archives",
			dialect: strings.NewReplacer("@now", "unixepoch('subsec')", "@greatest", "max", "@lock", "")}
		return d, d.reach(ctx)
	}
	if !strings.HasPrefix(name, "postgres://") && !strings.HasPrefix(name, "postgresql://") {
		return nil, errors.New("--db names no database, expected postgres://USER@HOST/NAME or sqlite:FILE")
	}
	conf, err := pgx.ParseConfig(name)
	if err != nil {
		return nil, errors.New("--db does not parse, expected postgres://USER@HOST/NAME") // the error may hold the password
	}
	conf.RuntimeParams["application_name"] = "okchat-fleet"
	conf.RuntimeParams["timezone"] = "UTC"
	db := stdlib.OpenDB(*conf)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	d := &database{
		DB: db, driver: riverdatabasesql.New(db), where: fmt.Sprintf("%s at %s:%d", conf.Database, conf.Host, conf.Port),
		dialect: strings.NewReplacer("@now", "extract(epoch FROM clock_timestamp())::float8", "@greatest", "greatest", "@lock", "FOR UPDATE"),
	}
	return d, d.reach(ctx)
}

func (d *database) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := d.PingContext(ctx); err != nil {
		return fmt.Errorf("cannot reach the database %s: %w: check --db and that the server runs", d.where, err)
	}
	return nil
}

// postgres reports whether the conversations are stored in this database.
func (d *database) postgres() bool { return d.archives == "" }

// prepare makes the tables, or checks that they are of this version and adds columns that the contract has gained. Several
// processes may do so at once.
func (d *database) prepare(ctx context.Context) error {
	if d.postgres() {
		lock, err := d.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = lock.Close() }()
		const ours = 7_307_199
		if _, err := lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", ours); err != nil {
			return err
		}
		defer func() { _, _ = lock.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", ours) }()
	} else if err := os.MkdirAll(d.archives, 0o700); err != nil {
		return err
	}
	there, err := d.isPrepared(ctx)
	if err != nil {
		return err
	}
	migrator, err := rivermigrate.New(d.driver, nil)
	if err == nil {
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("cannot prepare the queue in %s: %w", d.where, err)
	}
	statements := ""
	if !there {
		statements = fmt.Sprintf(tables, schemaVersion)
	}
	if d.postgres() {
		gained, err := d.archiveTables(ctx, there)
		if err != nil {
			return err
		}
		statements += gained
	}
	if statements == "" {
		return nil
	}
	if err := d.transaction(ctx, func(w *work) { w.exec(statements) }); err != nil {
		return fmt.Errorf("cannot prepare the tables in %s: %w", d.where, err)
	}
	return nil
}

// isPrepared reports whether the tables are there. It fails if they are of another version.
func (d *database) isPrepared(ctx context.Context) (bool, error) {
	where := "FROM sqlite_schema WHERE name = 'fleet_schema'"
	if d.postgres() {
		where = "WHERE to_regclass('fleet_schema') IS NOT NULL"
	}
	var n, version int
	if err := d.QueryRowContext(ctx, "SELECT count(*) "+where).Scan(&n); err != nil || n == 0 {
		return false, err
	}
	err := d.QueryRowContext(ctx, "SELECT max(version) FROM fleet_schema").Scan(&version)
	if err == nil && version != schemaVersion {
		err = fmt.Errorf("the database %s has version %d of the fleet's tables, expected %d: use the okchat-fleet that made it, or another database",
			d.where, version, schemaVersion)
	}
	return true, err
}

// work is one transaction. After an error what follows does nothing.
type work struct {
	*sql.Tx
	db  *database
	ctx context.Context
	err error
}

// transaction does all of do or nothing. What has begun is not cut short by ctx.
func (d *database) transaction(ctx context.Context, do func(w *work)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	w := &work{db: d, ctx: ctx}
	if w.Tx, w.err = d.BeginTx(ctx, nil); w.err != nil {
		return w.err
	}
	defer func() { _ = w.Rollback() }()
	if do(w); w.err != nil {
		return w.err
	}
	return w.Commit()
}

// exec executes a statement and returns how many rows it has changed.
func (w *work) exec(query string, args ...any) (changed int64) {
	var result sql.Result
	if w.err == nil {
		result, w.err = w.ExecContext(w.ctx, w.db.sql(query), args...)
	}
	if w.err == nil {
		changed, w.err = result.RowsAffected()
	}
	return changed
}

// each calls row for each row of a query.
func (w *work) each(row func(*sql.Rows) error, query string, args ...any) {
	if w.err == nil {
		w.err = each(w.ctx, w, row, w.db.sql(query), args...)
	}
}

// insert queues jobs.
func (w *work) insert(f *fleet, jobs ...river.InsertManyParams) (queued []*rivertype.JobInsertResult) {
	if w.err == nil && len(jobs) > 0 {
		queued, w.err = f.river.InsertManyTx(w.ctx, w.Tx, jobs)
	}
	return queued
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls row for each row of a query.
func each(ctx context.Context, from querier, row func(*sql.Rows) error, query string, args ...any) error {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
