package sqldb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
)

// migrationLock is the key of the PostgreSQL advisory lock under which migrations run: an arbitrary constant, "tillid" in
// ASCII.
const migrationLock = 0x74696c6c6964

const (
	createMigrations = `CREATE TABLE IF NOT EXISTS tillid_migrations (
	component TEXT NOT NULL,
	version INTEGER NOT NULL,
	applied TEXT NOT NULL,
	digest TEXT NOT NULL,
	PRIMARY KEY (component, version))`
	selectMigrations = "SELECT version, digest FROM tillid_migrations WHERE component = ?"
	insertMigration  = "INSERT INTO tillid_migrations (component, version, applied, digest) VALUES (?, ?, ?, ?)"
)

type migration struct {
	version int
	name    string // of the file
	text    string
	digest  string
}

// Migrate applies those migrations of a component that the database does not have yet, in order, each in a transaction of
// its own under a lock, so that two processes that start at once apply each exactly once. A migration that was changed
// after it was applied, or one that this program does not know, is an error before anything is applied.
//
// files holds, in its root, 0001_name.sql, 0002_name.sql, ... without gaps; a version that differs between the dialects
// is two files, 0001_name.sqlite.sql and 0001_name.postgres.sql. A file may hold several statements.
func (db *DB) Migrate(ctx context.Context, component string, files fs.FS) error {
	all, err := db.migrations(component, files)
	if err != nil {
		return err
	}
	if _, err := db.missing(ctx, component, all); err != nil {
		return err
	}
	for _, m := range all {
		if err := db.Write(ctx, func(ctx context.Context, tx *Tx) error { return tx.migrate(ctx, component, m) }); err != nil {
			return fmt.Errorf("sqldb: migration %s of %s: %w", m.name, component, err)
		}
	}
	return nil
}

// Pending names the migrations of a component that Migrate would apply, in order. Nothing pending is an empty slice.
// The errors are those of Migrate.
func (db *DB) Pending(ctx context.Context, component string, files fs.FS) ([]string, error) {
	all, err := db.migrations(component, files)
	if err != nil {
		return nil, err
	}
	missing, err := db.missing(ctx, component, all)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(missing))
	for _, m := range missing {
		names = append(names, m.name)
	}
	return names, nil
}

func (tx *Tx) migrate(ctx context.Context, component string, m migration) error {
	if tx.Dialect() == PostgreSQL { // SQLite's transaction is the lock
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", int64(migrationLock)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, createMigrations); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, selectMigrations, component)
	if err != nil {
		return err
	}
	digests, err := scanDigests(rows)
	if err != nil {
		return err
	}
	if digest, applied := digests[m.version]; applied {
		return m.check(digest) // by another process, since this one looked
	}
	if err := tx.script(ctx, m.text); err != nil {
		return err
	}
	applied := tx.db.now().UTC().Format("2006-01-02T15:04:05Z")
	_, err = tx.Exec(ctx, insertMigration, component, m.version, applied, m.digest)
	return err
}

func (m migration) check(digest string) error {
	if digest != m.digest {
		return errors.New("it was changed after it was applied")
	}
	return nil
}

// missing are those of all that the database does not have.
func (db *DB) missing(ctx context.Context, component string, all []migration) ([]migration, error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tillid_migrations'"
	if db.Dialect() == PostgreSQL {
		exists = "SELECT count(*) FROM (SELECT to_regclass('tillid_migrations') AS t) AS found WHERE t IS NOT NULL"
	}
	var tables int
	if err := db.QueryRow(ctx, exists).Scan(&tables); err != nil {
		return nil, err
	}
	if tables == 0 {
		return all, nil
	}
	rows, err := db.Query(ctx, selectMigrations, component)
	if err != nil {
		return nil, err
	}
	digests, err := scanDigests(rows)
	if err != nil {
		return nil, err
	}
	for version := range digests {
		if version < 1 || version > len(all) {
			return nil, fmt.Errorf("sqldb: %s: the database has migration %d, which this program does not know", component, version)
		}
	}
	var missing []migration
	for _, m := range all {
		digest, applied := digests[m.version]
		if !applied {
			missing = append(missing, m)
			continue
		}
		if err := m.check(digest); err != nil {
			return nil, fmt.Errorf("sqldb: migration %s of %s: %w", m.name, component, err)
		}
	}
	return missing, nil
}

func scanDigests(rows *Rows) (map[int]string, error) {
	digests := make(map[int]string)
	for rows.Next() {
		var version int
		var digest string
		if err := rows.Scan(&version, &digest); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		digests[version] = digest
	}
	return digests, rows.Close()
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+(?:\.(sqlite|postgres))?\.sql$`)

// migrations reads the files for the dialect, sorted by version.
func (db *DB) migrations(component string, files fs.FS) ([]migration, error) {
	if component == "" {
		return nil, errors.New("sqldb: a migration needs a component")
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("sqldb: migrations of %s: %w", component, err)
	}
	var all []migration
	for _, name := range names {
		parts := migrationName.FindStringSubmatch(name)
		if parts == nil {
			return nil, fmt.Errorf("sqldb: migration %s of %s: the name must be like 0001_name.sql", name, component)
		}
		if parts[2] != "" && parts[2] != db.Dialect().String() {
			continue
		}
		version, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("sqldb: migration %s of %s: %w", name, component, err)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("sqldb: migration %s of %s: %w", name, component, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{version, name, string(text), hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(all, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	for i, m := range all {
		if m.version != i+1 {
			return nil, fmt.Errorf("sqldb: %s has no migration %d for %s, or two; %s stands in its place", component, i+1, db.Dialect(), m.name)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("sqldb: %s has no migrations", component)
	}
	return all, nil
}
