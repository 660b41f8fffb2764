// Package sqlstore keeps a broker's short-lived records in the SQL database that holds its ledger, SQLite or PostgreSQL, so
// that a small installation needs nothing else. It does not open or close the database.
//
// Every change is on disk when it returns. Reads do not wait for writes. Expired rows are removed in small portions by the
// writes that come later; until then they count as absent. Every error of the database wraps broker.ErrUnavailable, and the
// operation may or may not have happened.
package sqlstore

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// Component is the name of the migrations in the database.
const Component = "store"

//go:embed schema/*.sql
var schema embed.FS

// Migrations returns the files for sqldb's Migrate and Pending, under the name Component.
func Migrations() fs.FS {
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return schema // cannot be: the folder is embedded above
	}
	return files
}

// Config says where a Store keeps its records.
type Config struct {
	DB     *sqldb.DB        // migrated by Migrations, and open for as long as the Store is used; required
	Now    func() time.Time // judges expiry; nil is time.Now
	Random io.Reader        // makes first versions, 8 bytes each, for many goroutines at once; nil is crypto/rand.Reader
}

// Store is a broker.Store in SQL. It is safe for use by many goroutines, and several processes can share a PostgreSQL
// database.
type Store struct {
	db     *sqldb.DB
	now    func() time.Time
	random io.Reader
	writes atomic.Uint64
	sweep  string
}

var _ broker.Store = (*Store)(nil)

const (
	insertRecord = `INSERT INTO store_records (key, value, listed, expires, version) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, listed = excluded.listed, expires = excluded.expires, version = excluded.version
WHERE store_records.expires <= ?`
	selectRecord = "SELECT value, listed, expires, version FROM store_records WHERE key = ? AND expires > ?"
	selectListed = "SELECT key, value, expires, version FROM store_records WHERE listed = ? AND listed <> '' AND expires > ?"
	updateRecord = "UPDATE store_records SET value = ?, listed = ?, expires = ?, version = version + 1 WHERE key = ? AND version = ? AND expires > ?"
	recordLives  = "SELECT 1 FROM store_records WHERE key = ? AND expires > ?"
	takeRecord   = "DELETE FROM store_records WHERE key = ? RETURNING value, listed, expires, version"
	deleteRecord = "DELETE FROM store_records WHERE key = ?"
	sweepRecords = "DELETE FROM store_records WHERE key IN (SELECT key FROM store_records WHERE expires <= ? ORDER BY expires LIMIT ?%s)"
)

// Each write of a certain ordinal sweeps a portion, which is four times what the writes between can have added.
const (
	sweepEvery   = 16
	sweepPortion = 64
)

// New makes a store. It does not look at the database: a missing table shows at the first use.
func New(c Config) (*Store, error) {
	if c.DB == nil {
		return nil, errors.New("sqlstore: DB is nil")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	s := &Store{db: c.DB, now: c.Now, random: c.Random, sweep: fmt.Sprintf(sweepRecords, "")}
	if c.DB.Dialect() == sqldb.PostgreSQL {
		// Another process may sweep, or change, the same rows at the moment; waiting for it could end in a deadlock.
		s.sweep = fmt.Sprintf(sweepRecords, " FOR UPDATE SKIP LOCKED")
	}
	return s, nil
}

// Create adds a record; broker.ErrExists when a live one has the key.
func (s *Store) Create(ctx context.Context, r broker.Record) error {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return err
	}
	// At random, so that an update of an earlier life of the key does not fit; and with room to rise.
	var random [8]byte
	if _, err := io.ReadFull(s.random, random[:]); err != nil {
		return fmt.Errorf("sqlstore: source of randomness: %w", err)
	}
	version := int64(binary.BigEndian.Uint64(random[:])>>2) + 1
	return s.write(ctx, func(ctx context.Context, tx *sqldb.Tx, now int64) error {
		n, err := tx.Exec(ctx, insertRecord, r.Key, blob(r.Value), r.Index, r.Expires.UnixMilli(), version, now)
		if err == nil && n == 0 {
			err = broker.ErrExists
		}
		return err
	})
}

// Get returns the live record, or broker.ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return broker.Record{}, err
	}
	if !broker.ValidKey(key) {
		return broker.Record{}, broker.ErrNotFound
	}
	r, err := scan(s.db.QueryRow(ctx, selectRecord, key, s.now().UnixMilli()), key)
	return r, translate(err)
}

// Update replaces value, index and expiry if the record still has r.Version; otherwise broker.ErrConflict, or
// broker.ErrNotFound when it is gone.
func (s *Store) Update(ctx context.Context, r broker.Record) (uint64, error) {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return 0, err
	}
	err := s.write(ctx, func(ctx context.Context, tx *sqldb.Tx, now int64) error {
		n, err := tx.Exec(ctx, updateRecord, blob(r.Value), r.Index, r.Expires.UnixMilli(), r.Key, int64(r.Version), now)
		if err != nil || n == 1 {
			return err
		}
		var one int
		switch err := tx.QueryRow(ctx, recordLives, r.Key, now).Scan(&one); {
		case errors.Is(err, sqldb.ErrNoRows):
			return broker.ErrNotFound
		case err != nil:
			return err
		}
		return broker.ErrConflict
	})
	if err != nil {
		return 0, err
	}
	return r.Version + 1, nil
}

// Take removes the record and returns it, or broker.ErrNotFound.
func (s *Store) Take(ctx context.Context, key string) (broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return broker.Record{}, err
	}
	if !broker.ValidKey(key) {
		return broker.Record{}, broker.ErrNotFound
	}
	var taken broker.Record
	var at int64
	err := s.write(ctx, func(ctx context.Context, tx *sqldb.Tx, now int64) (err error) {
		at = now
		taken, err = scan(tx.QueryRow(ctx, takeRecord, key), key)
		return err
	})
	if err == nil && at >= taken.Expires.UnixMilli() {
		err = broker.ErrNotFound // it had expired; its removal stands
	}
	if err != nil {
		return broker.Record{}, err
	}
	return taken, nil
}

// Find returns the live records of an index.
func (s *Store) Find(ctx context.Context, index string) ([]broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	found := []broker.Record{}
	if !broker.ValidKey(index) {
		return found, nil
	}
	rows, err := s.db.Query(ctx, selectListed, index, s.now().UnixMilli())
	if err != nil {
		return nil, translate(err)
	}
	for rows.Next() {
		r := broker.Record{Index: index}
		var expires, version int64
		if err := rows.Scan(&r.Key, &r.Value, &expires, &version); err != nil {
			return nil, translate(errors.Join(err, rows.Close()))
		}
		r.Expires, r.Version = time.UnixMilli(expires).UTC(), uint64(version)
		found = append(found, r)
	}
	if err := rows.Close(); err != nil {
		return nil, translate(err)
	}
	return found, nil
}

// Delete removes the record if it is there.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	if !broker.ValidKey(key) {
		return nil
	}
	return s.write(ctx, func(ctx context.Context, tx *sqldb.Tx, _ int64) error {
		_, err := tx.Exec(ctx, deleteRecord, key)
		return err
	})
}

// write runs change in the next commit. Change may be run again after a rollback, so it must not keep anything of the
// first run.
func (s *Store) write(ctx context.Context, change func(ctx context.Context, tx *sqldb.Tx, now int64) error) error {
	sweeps := s.writes.Add(1)%sweepEvery == 0
	return translate(s.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		now := s.now().UnixMilli() // when it is this unit's turn, which may be long after it was handed in
		if sweeps {
			if _, err := tx.Exec(ctx, s.sweep, now, sweepPortion); err != nil {
				return err
			}
		}
		return change(ctx, tx, now)
	}))
}

// scan reads value, index, expiry and version, or returns ErrNotFound.
func scan(row *sqldb.Row, key string) (broker.Record, error) {
	r := broker.Record{Key: key}
	var expires, version int64
	if err := row.Scan(&r.Value, &r.Index, &expires, &version); err != nil {
		if errors.Is(err, sqldb.ErrNoRows) {
			err = broker.ErrNotFound
		}
		return broker.Record{}, err
	}
	r.Expires, r.Version = time.UnixMilli(expires).UTC(), uint64(version)
	return r, nil
}

// blob is a value for a column that is never NULL.
func blob(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// translate marks every error of the database, whatever its kind, as one after which the outcome is unknown.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, broker.ErrNotFound), errors.Is(err, broker.ErrExists), errors.Is(err, broker.ErrConflict):
		return err
	}
	return fmt.Errorf("sqlstore: %w: %w", broker.ErrUnavailable, err)
}

func interrupted(ctx context.Context) error { return translate(ctx.Err()) }
