package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/google/uuid"
)

var errDamaged = errors.New("the archive is damaged: export to a new file")

// recognize checks that the file is an archive, and reads whose and of which version it is. A file may come from anywhere:
// nothing in it runs, and nothing is relied on, that this package would not have made.
func (a *Archive) recognize(ctx context.Context) error {
	var application, objects int
	var pageSize int64
	err := a.row(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema), page_size FROM pragma_application_id, pragma_user_version, pragma_page_size").
		Scan(&application, &a.version, &objects, &pageSize)
	switch {
	case err != nil:
		return a.explain(err)
	case application == 0 && objects == 0:
		return fmt.Errorf("%s: %w", a.path, errEmpty)
	case application != applicationID:
		return fmt.Errorf("%s is an SQLite file, but %w", a.path, ErrNotArchive)
	case a.file.Size()%pageSize != 0: // SQLite itself notices whole pages that are missing
		return fmt.Errorf("%s: %w", a.path, errDamaged)
	case a.version < 1 || a.version > schemaVersion:
		return fmt.Errorf("%s has schema version %d, expected 1 to %d: use the okchat that made it", a.path, a.version, schemaVersion)
	}
	if err := a.checkSchema(ctx); err != nil {
		return a.explain(err)
	}
	err = a.row(ctx, "SELECT chatbot_id FROM archive WHERE one = 1").Scan(&a.chatbot)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		if _, err = uuid.Parse(a.chatbot); err != nil {
			return fmt.Errorf("%s: %w", a.path, errDamaged)
		}
	}
	return a.explain(err)
}

// Check reads all tables and fails where the file is damaged. That takes about a second a gigabyte.
func (a *Archive) Check(ctx context.Context) error {
	// A constraint that somebody else has written may take any time to compute.
	if err := a.exec("PRAGMA ignore_check_constraints = ON"); err != nil {
		return a.explain(err)
	}
	defer func() { _ = a.exec("PRAGMA ignore_check_constraints = OFF") }()
	// Table by table: a check of the whole file would also compare each entry of the full-text tables, for many times as long.
	names, err := a.names(ctx, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')")
	if err != nil {
		return a.explain(err)
	}
	for _, name := range names {
		var finding string
		if err := a.row(ctx, "PRAGMA quick_check("+quote(name)+")").Scan(&finding); err != nil {
			return a.explain(err)
		}
		if finding != "ok" {
			return fmt.Errorf("%s: %w", a.path, errDamaged)
		}
	}
	// What no table tells by itself: that another one begins at the same place.
	var shared bool
	if err := a.row(ctx, "SELECT count(*) > count(DISTINCT rootpage) FROM sqlite_schema WHERE rootpage > 0").Scan(&shared); err != nil {
		return a.explain(err)
	}
	if shared {
		return fmt.Errorf("%s: %w", a.path, errDamaged)
	}
	return nil
}

// checkSchema refuses triggers, which would run when a row is written, names of tables that stand for something else, and
// columns that this program would not keep up to date.
func (a *Archive) checkSchema(ctx context.Context) error {
	var trigger string
	err := a.row(ctx, "SELECT coalesce(max(name), '') FROM sqlite_schema WHERE type = 'trigger'").Scan(&trigger)
	if err != nil {
		return err
	}
	if trigger != "" {
		return fmt.Errorf("%s has a trigger %q that okchat did not make: drop it first", a.path, trigger)
	}
	names := []string{"archive", "runs", "conversations"}
	if a.version > 1 {
		names = append(names, "changes")
	}
	if a.version > 2 {
		names = append(names, "messages")
	}
	if a.version > 3 {
		names = append(names, "sightings")
	}
	for _, name := range names {
		i, computed := slices.IndexFunc(items, func(r *rows) bool { return r.name == name }), ""
		if i >= 0 && a.version > 3 {
			computed = "raw"
		}
		there, err := a.columns(ctx, name, computed)
		if err != nil {
			return err
		}
		if len(there) == 0 {
			return fmt.Errorf("%s has no table %s: %w", a.path, name, errDamaged)
		}
		if i >= 0 {
			if err := a.checkRows(ctx, items[i], there); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRows refuses columns of a table that this program would not keep up to date or compute.
func (a *Archive) checkRows(ctx context.Context, r *rows, there []string) error {
	known := r.names()
	switch { // what earlier versions had
	case a.version < 3:
		known = append(known, "raw", "last_seen")
	case a.version == 3:
		known = append(known, "raw")
	}
	for _, c := range there {
		if !slices.Contains(known, c) {
			return fmt.Errorf("%s has a column %q that this okchat does not know: use the one that made it", a.path, c)
		}
	}
	if a.version < 4 {
		return nil
	}
	var ours bool
	if err := a.row(ctx, "SELECT sql || ';' || char(10) = ? FROM sqlite_schema WHERE type = 'table' AND name = ?", r.definition(true, there), r.name).Scan(&ours); err != nil {
		return err
	}
	if !ours {
		return fmt.Errorf("%s has a table %s that okchat did not make: %w", a.path, r.name, errDamaged)
	}
	return nil
}

// columns returns the names of the stored columns of a table; none where there is no such table, but a view or a virtual table,
// or where columns are computed, but for the one of the name computed.
func (a *Archive) columns(ctx context.Context, table, computed string) ([]string, error) {
	return a.names(ctx, `SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0
		AND EXISTS (SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table')
		AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE hidden <> 0 AND name <> ?2)`, table, computed)
}

// names returns the texts of a query's only column.
func (a *Archive) names(ctx context.Context, query string, args ...any) (names []string, err error) {
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Kept reports whether path is an archive that [Archive.Update] has brought up to date. One that cannot be read counts, too:
// it may hold what nothing else does.
func Kept(ctx context.Context, path string) (bool, error) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false, nil //nolint:nilerr // whoever writes there will tell
	}
	a, err := Read(ctx, path)
	if err == nil {
		defer func() { _ = a.Close() }()
		err = a.Check(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, ErrNotArchive), errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return false, nil
	case err != nil:
		return true, nil //nolint:nilerr // see above
	}
	return a.kept(ctx)
}

func (a *Archive) kept(ctx context.Context) (kept bool, err error) {
	if a.version == 1 { // which did not note it
		return true, nil
	}
	err = a.row(ctx, "SELECT kept FROM archive WHERE one = 1").Scan(&kept)
	return kept, a.explain(err)
}
