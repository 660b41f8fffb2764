package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrUnavailable says that the database cannot answer or cannot write now: it is down, full, read-only, locked for too
	// long or closed. Whether a commit that ended so has happened is unknown. The broker's error of the same name is what
	// its stores turn this one into; this package sits below the broker and cannot name it.
	ErrUnavailable = errors.New("sqldb: database unavailable")
	// ErrNoRows says that a query for one row found none. It is database/sql's.
	ErrNoRows = sql.ErrNoRows
	// ErrUnique says that a row with the same primary key or unique columns is there already.
	ErrUnique = errors.New("sqldb: row exists")

	errClosed = fmt.Errorf("%w: it was closed", ErrUnavailable)
	errNested = errors.New("sqldb: a write unit may use its Tx only, not the DB")
)

// trouble is what an error means for the write unit and the batch in which it occurred.
type trouble uint8

const (
	ofUnit  trouble = iota // the statement's own: a constraint, a misspelt name
	ofBatch                // the connection or the disk: the transaction cannot go on
	ofRace                 // lost to another process: a deadlock or serialisation failure, worth one more try
)

// translate gives err the sentinel that belongs to it and says what it means. Messages of the servers are kept, their
// details, which hold column values, are not part of the messages.
func translate(err error) (trouble, error) {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var opening *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, ErrNoRows), errors.Is(err, ErrUnavailable), errors.Is(err, ErrUnique):
		return ofUnit, err
	case errors.As(err, &lite):
		return translateSQLite(err, lite.Code())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ofBatch, err
	case errors.As(err, &opening): // whatever the server answered
		return ofBatch, unavailable(err)
	case errors.As(err, &pg):
		return translatePostgreSQL(err, pg.Code)
	case errors.As(err, &network), pgconn.SafeToRetry(err), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, driver.ErrBadConn),
		errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return ofBatch, unavailable(err)
	}
	return ofUnit, fmt.Errorf("sqldb: %w", err)
}

func translateSQLite(err error, code int) (trouble, error) {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return ofUnit, fmt.Errorf("%w: %w", ErrUnique, err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG,
		sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_SCHEMA:
		return ofUnit, fmt.Errorf("sqldb: %w", err)
	}
	// Everything else is the machine's or the file's, and SQLite may have rolled the transaction back by itself.
	return ofBatch, unavailable(err)
}

func translatePostgreSQL(err error, code string) (trouble, error) {
	if len(code) != 5 {
		return ofBatch, unavailable(err)
	}
	switch code {
	case "23505":
		return ofUnit, fmt.Errorf("%w: %w", ErrUnique, err)
	case "40001", "40P01":
		return ofRace, unavailable(err)
	case "25006", "55P03", "3D000": // read-only, lock not available, no such database
		return ofBatch, unavailable(err)
	}
	switch code[:2] {
	case "08", "28", "40", "53", "57", "58", "F0", "XX": // connection, authorisation, rollback, resources, operator, system
		return ofBatch, unavailable(err)
	}
	return ofUnit, fmt.Errorf("sqldb: %w", err)
}

// lost reports whether err says that a connection that was once open has ended, so that another could do better.
func lost(err error) bool {
	var pg *pgconn.PgError
	var opening *pgconn.ConnectError
	if errors.As(err, &opening) {
		return false
	}
	if errors.As(err, &pg) {
		return pg.Code[:min(2, len(pg.Code))] == "57" && pg.Code != "57014" // terminated or restarted, not cancelled
	}
	bad, _ := translate(err)
	return bad == ofBatch
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
