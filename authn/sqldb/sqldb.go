// Package sqldb opens the SQL database in which Tillid keeps what must survive anything: SQLite, embedded, by default, or
// PostgreSQL where one machine is not enough. It knows no table but its own list of migrations and no rule of the domain.
//
// Reads come from a pool. Writes go through one goroutine that commits them in groups: while one commit waits for the
// disk, the writes that arrive meanwhile line up and share the next. A write that has returned without error is on disk.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Config says which database to open.
type Config struct {
	// URL is "sqlite:PATH" (the directory must exist, the file is created), "sqlite::memory:" (gone at Close, private to
	// the DB), or a PostgreSQL connection URL "postgres://user:password@host/database?sslmode=verify-full". Required.
	URL string
	// Readers is the largest number of connections that reads use at once; zero is 8.
	Readers int
	// Wait is the longest wait for a lock that another process holds and, on PostgreSQL, for one group of writes; zero is
	// 5 s. Writes that have waited so long end in ErrUnavailable.
	Wait time.Duration
	// Now stamps applied migrations; nil is time.Now.
	Now func() time.Time
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	source  source
	wait    time.Duration
	now     func() time.Time
	idle    int // the largest number of connections in the pool of readers
	readers *sql.DB
	writers *sql.DB   // one connection, owned by the writer
	anchor  *sql.Conn // keeps a database in memory alive while the writer replaces its connection; else nil
	queries queries
	writer  *writer
	closed  atomic.Bool
	writes  atomic.Uint64
	commits atomic.Uint64
}

// Open opens the database and checks that it answers. It applies no migrations. The error wraps ErrUnavailable when the
// database cannot be reached or created; it never holds the URL.
func Open(ctx context.Context, c Config) (*DB, error) {
	src, err := parse(c.URL)
	if c.Readers < 0 {
		err = errors.Join(err, errors.New("sqldb: Config.Readers is negative"))
	}
	if c.Wait < 0 {
		err = errors.Join(err, errors.New("sqldb: Config.Wait is negative"))
	}
	if err != nil {
		return nil, err
	}
	if c.Readers == 0 {
		c.Readers = 8
	}
	if c.Wait == 0 {
		c.Wait = 5 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := src.create(); err != nil {
		return nil, err
	}
	db := &DB{source: src, wait: c.Wait, now: c.Now, idle: c.Readers}
	if err := db.connect(ctx); err != nil {
		return nil, errors.Join(err, db.disconnect())
	}
	db.queries.dialect = src.dialect
	db.queries.db = db.readers
	db.writer = startWriter(db)
	return db, nil
}

func (db *DB) connect(ctx context.Context) error {
	var err error
	switch db.source.dialect {
	case SQLite:
		if db.writers, err = sql.Open("sqlite", db.source.dsn(true, db.wait)); err != nil {
			return unavailable(err)
		}
		if db.readers, err = sql.Open("sqlite", db.source.dsn(false, db.wait)); err != nil {
			return unavailable(err)
		}
	case PostgreSQL:
		writing := db.source.config.Copy()
		db.readers = stdlib.OpenDB(*db.source.config)
		db.writers = stdlib.OpenDB(*writing)
		db.readers.SetConnMaxIdleTime(5 * time.Minute)
	}
	db.readers.SetMaxOpenConns(db.idle)
	db.readers.SetMaxIdleConns(db.idle)
	db.writers.SetMaxOpenConns(2) // the writer's and, in memory, the anchor
	if db.source.shared != "" {
		if db.anchor, err = db.writers.Conn(ctx); err != nil {
			return unavailable(err)
		}
	}
	for _, pool := range []*sql.DB{db.writers, db.readers} { // the writer first: it sets the journal mode
		if err := pool.PingContext(ctx); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// Stats counts what was made durable since Open.
type Stats struct {
	Writes  uint64 // units that were kept
	Commits uint64 // transactions that kept them: at most one each
}

// Stats returns the counts as they are now.
func (db *DB) Stats() Stats {
	return Stats{Writes: db.writes.Load(), Commits: db.commits.Load()}
}

// Dialect says which kind of database it is.
func (db *DB) Dialect() Dialect { return db.source.dialect }

// Ping reports whether the database answers a read, as a readiness check asks; the error wraps ErrUnavailable.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return db.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// Close lets the writes that wait finish, refuses new ones and closes the connections. Rows must have been closed before.
// A second Close does nothing.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	db.writer.stop()
	return db.disconnect()
}

func (db *DB) disconnect() error {
	var errs []error
	if db.anchor != nil {
		errs = append(errs, db.anchor.Close())
	}
	if db.readers != nil {
		db.queries.close()
		errs = append(errs, db.readers.Close())
	}
	if db.writers != nil {
		errs = append(errs, db.writers.Close())
	}
	return errors.Join(errs...)
}

// Query reads rows outside the writer. Placeholders are ?. It sees every write that has returned. Close the Rows before
// waiting for a Write. On SQLite the end of ctx stops the reading between two rows, never within one.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	if inside(ctx, db) {
		return nil, errNested
	}
	if db.closed.Load() {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for connections := db.idle; ; connections-- {
		rows, err := db.queries.run(ctx, query, args)
		if err == nil {
			return &Rows{rows: rows, ctx: ctx}, nil
		}
		// A server that restarted has left dead connections in the pool, each of which shows only when it is used.
		if db.Dialect() != PostgreSQL || connections <= 0 || !lost(err) || ctx.Err() != nil {
			_, err = translate(err)
			return nil, err
		}
	}
}

// QueryRow reads one row outside the writer. Its errors come from Scan: ErrNoRows where there is none.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	rows, err := db.Query(ctx, query, args...)
	return &Row{rows: rows, err: err}
}

// queries runs reads through prepared statements: database/sql keeps them per connection for SQLite, pgx by itself for
// PostgreSQL.
type queries struct {
	dialect  Dialect
	db       *sql.DB
	mu       sync.RWMutex
	prepared map[string]*sql.Stmt // SQLite
	rebound  map[string]string    // PostgreSQL
}

// keptStatements bounds what is kept for texts that are not constant; those beyond it are prepared anew each time.
const keptStatements = 512

func (q *queries) run(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if q.dialect == PostgreSQL {
		return q.db.QueryContext(ctx, q.rebind(query), args...)
	}
	// Watching a context costs the driver and database/sql a goroutine each for every query, which is more than the query
	// itself. DB.Query looks at the context before it, and Rows at every row.
	ctx = context.WithoutCancel(ctx)
	stmt, err := q.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return q.db.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

func (q *queries) rebind(query string) string {
	q.mu.RLock()
	text, known := q.rebound[query]
	q.mu.RUnlock()
	if known {
		return text
	}
	text = rebind(query)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rebound == nil {
		q.rebound = make(map[string]string)
	}
	if len(q.rebound) < keptStatements {
		q.rebound[query] = text
	}
	return text
}

// prepare returns nil when there are too many statements to keep another.
func (q *queries) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	q.mu.RLock()
	stmt, known := q.prepared[query]
	full := len(q.prepared) >= keptStatements
	q.mu.RUnlock()
	if known || full {
		return stmt, nil
	}
	stmt, err := q.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if other, known := q.prepared[query]; known {
		return other, stmt.Close()
	}
	if q.prepared == nil {
		q.prepared = make(map[string]*sql.Stmt)
	}
	q.prepared[query] = stmt
	return stmt, nil
}

func (q *queries) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, stmt := range q.prepared {
		_ = stmt.Close() // the connections are closed next
	}
	q.prepared = nil
}
