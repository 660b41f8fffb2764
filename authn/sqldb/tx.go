package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Tx is one write unit at work. It may be used only inside the function that Write was given, by one goroutine at a time.
//
// A statement that fails, other than by finding no row, dooms its unit, as it does in PostgreSQL: nothing of the unit is
// kept even if the function returns nil. Ask with ON CONFLICT DO NOTHING and the number of rows affected rather than by
// provoking ErrUnique.
type Tx struct {
	db   *DB
	link *link
	ctx  context.Context // the batch's; that of the unit's caller must not cut off its neighbours
	open []*Rows
	undo []func()
	err  error // the first failure
	bad  trouble
	over bool
}

// Dialect says which kind of database it is.
func (tx *Tx) Dialect() Dialect { return tx.db.Dialect() }

// OnRollback registers what restores the caller's memory when the unit, or the whole batch, is rolled back. Of all
// functions registered in a batch the last is called first, before any other unit runs, by the goroutine that owns
// writing: they must be quick and must not write.
func (tx *Tx) OnRollback(f func()) { tx.undo = append(tx.undo, f) }

// Exec runs a statement with placeholders ? and returns the number of rows it affected.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := tx.ready(ctx); err != nil {
		return 0, err
	}
	result, err := tx.link.exec(tx.ctx, query, args)
	if err != nil {
		return 0, tx.failed(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, tx.failed(err)
	}
	return n, nil
}

// Query reads rows as the unit sees them. Close them before the next statement.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	if err := tx.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := tx.link.query(tx.ctx, query, args)
	if err != nil {
		return nil, tx.failed(err)
	}
	r := &Rows{rows: rows, tx: tx}
	tx.open = append(tx.open, r)
	return r, nil
}

// QueryRow reads one row as the unit sees it; its errors come from Scan.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	if err := tx.ready(ctx); err != nil {
		return &Row{err: err}
	}
	rows, err := tx.link.query(tx.ctx, query, args)
	if err != nil {
		return &Row{err: tx.failed(err)}
	}
	return &Row{rows: &Rows{rows: rows, tx: tx}}
}

// script runs several statements without placeholders.
func (tx *Tx) script(ctx context.Context, text string) error {
	if err := tx.ready(ctx); err != nil {
		return err
	}
	if err := tx.link.script(tx.ctx, text); err != nil {
		return tx.failed(err)
	}
	return nil
}

// ready refuses statements where they could no longer be undone: a transaction that broke may be gone already, and what
// ran after it would stand alone.
func (tx *Tx) ready(ctx context.Context) error {
	switch {
	case tx.over:
		return errors.New("sqldb: the write unit has ended")
	case tx.err != nil:
		return fmt.Errorf("sqldb: the write unit has failed: %w", tx.err)
	}
	if err := ctx.Err(); err != nil {
		tx.err = err
		return err
	}
	return nil
}

// failed notes that a statement failed, and returns the error for the caller.
func (tx *Tx) failed(err error) error {
	bad, err := translate(err)
	if err == nil || errors.Is(err, ErrNoRows) {
		return err
	}
	if bad != ofUnit && !errors.Is(err, ErrUnavailable) { // the batch's own deadline
		err = unavailable(err)
	}
	if tx.err == nil {
		tx.err = err
	}
	tx.bad = max(tx.bad, bad)
	return err
}

// end closes what the unit left open.
func (tx *Tx) end() {
	for _, r := range tx.open {
		_ = r.Close() // a failure is noted by the Rows
	}
	tx.open = nil
	tx.over = true
}

// link is the writer's connection with its prepared statements.
type link struct {
	dialect  Dialect
	conn     *sql.Conn
	queries  *queries // for its table of rebound texts
	prepared map[string]*sql.Stmt
}

func (l *link) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := l.prepared[query]; stmt != nil {
		return stmt, nil
	}
	if len(l.prepared) >= keptStatements {
		return nil, nil
	}
	stmt, err := l.conn.PrepareContext(ctx, query)
	if err == nil {
		l.prepared[query] = stmt
	}
	return stmt, err
}

func (l *link) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	if l.dialect == PostgreSQL {
		return l.conn.ExecContext(ctx, l.queries.rebind(query), args...)
	}
	stmt, err := l.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return l.conn.ExecContext(ctx, query, args...)
	}
	return stmt.ExecContext(ctx, args...)
}

func (l *link) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if l.dialect == PostgreSQL {
		return l.conn.QueryContext(ctx, l.queries.rebind(query), args...)
	}
	stmt, err := l.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return l.conn.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}
