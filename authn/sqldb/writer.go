package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// largestBatch bounds the units of one commit, so that one that cannot be committed fails a bounded number of callers.
const largestBatch = 256

// Write runs fn as one unit of the next group commit and returns nil only when the commit is durable.
//
// Units that wait at the same time run one after the other, in the order in which they came, in one transaction; a unit
// whose fn returns an error is undone by itself and Write returns that error as it is, once the others are committed: the
// error may rest on what they wrote. If the commit fails, every unit of it gets an error that wraps ErrUnavailable. A panic
// in fn undoes the unit and goes on in the caller.
//
// A unit whose ctx ends before its turn does not run. Once it runs, ctx stops it between statements, never within one.
// On PostgreSQL fn runs a second time, after its OnRollback functions, when another process won a deadlock or a
// serialisation race. fn must use its Tx for every access to the database.
func (db *DB) Write(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if inside(ctx, db) {
		return errNested
	}
	u := &unit{grant: make(chan *Tx, 1), ran: make(chan struct{}, 1), done: make(chan error, 1)}
	if !db.writer.enqueue(u) {
		return errClosed
	}
	cancelled := ctx.Done()
	within := context.WithValue(ctx, insideKey{}, db)
	for {
		select {
		case tx := <-u.grant:
			u.run(within, tx, fn)
		case err := <-u.done:
			return err
		case <-cancelled:
			if u.state.CompareAndSwap(waiting, abandoned) {
				return ctx.Err()
			}
			cancelled = nil // it has begun, and its outcome is worth waiting for
		}
	}
}

// The states of a unit.
const (
	waiting int32 = iota
	begun
	abandoned
)

// unit is one call of Write. Its function runs in the goroutine of its caller, to which the writer lends the transaction,
// so that a panic or a failed test ends where it belongs.
type unit struct {
	state atomic.Int32
	grant chan *Tx
	ran   chan struct{}
	done  chan error

	err      error // of fn
	vanished bool  // fn did not return
}

func (u *unit) run(ctx context.Context, tx *Tx, fn func(context.Context, *Tx) error) {
	u.vanished = true
	defer func() { u.ran <- struct{}{} }()
	u.err = fn(ctx, tx)
	u.vanished = false
}

// writer owns the writing connection.
type writer struct {
	db      *DB
	mu      sync.Mutex
	queue   []*unit
	closed  bool
	wake    chan struct{}
	stopped chan struct{}
	link    *link // nil: to be opened
}

func startWriter(db *DB) *writer {
	w := &writer{db: db, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go w.serve()
	return w
}

func (w *writer) enqueue(u *unit) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, u)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
}

// stop waits until the queue is served.
func (w *writer) stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.wake)
	}
	w.mu.Unlock()
	<-w.stopped
}

func (w *writer) serve() {
	defer close(w.stopped)
	for range w.wake {
		for units := w.take(); len(units) > 0; units = w.take() {
			w.commit(units)
		}
	}
	for units := w.take(); len(units) > 0; units = w.take() {
		w.commit(units)
	}
	w.drop()
}

// take claims the units whose turn it is.
func (w *writer) take() []*unit {
	w.mu.Lock()
	defer w.mu.Unlock()
	var units []*unit
	for len(w.queue) > 0 && len(units) < largestBatch {
		u := w.queue[0]
		w.queue = w.queue[1:]
		if u.state.CompareAndSwap(waiting, begun) {
			units = append(units, u)
		}
	}
	if len(w.queue) == 0 {
		w.queue = nil
	}
	return units
}

// commit runs the units in one transaction, or, if another process won a race against that, each in one of its own.
func (w *writer) commit(units []*unit) {
	bad, err := w.batch(units)
	if bad == ofRace {
		for _, u := range units {
			if u.vanished {
				continue
			}
			_, again := w.batch([]*unit{u})
			u.finish(again)
		}
		return
	}
	for _, u := range units {
		u.finish(err)
	}
}

// finish tells the caller: the batch's failure, else what fn returned.
func (u *unit) finish(batch error) {
	if batch != nil {
		u.done <- batch
		return
	}
	u.done <- u.err
}

// batch runs units in one transaction. Its error is that of the whole.
func (w *writer) batch(units []*unit) (trouble, error) {
	ctx := context.Background()
	// The waits for a file are bounded by SQLite's busy_timeout, and there a watched context would cost a goroutine for
	// every statement.
	if w.db.Dialect() == PostgreSQL || w.db.source.shared != "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.db.wait)
		defer cancel()
	}
	if err := w.begin(ctx); err != nil {
		return ofBatch, err
	}
	var undo []func()
	fail := func(bad trouble, err error) (trouble, error) {
		w.rollback(bad)
		rewind(undo)
		return bad, err
	}
	kept, alone := 0, len(units) == 1 // one unit alone needs no savepoint: undoing it is undoing everything
	for _, u := range units {
		if !alone {
			if bad, err := w.control(ctx, "SAVEPOINT unit"); err != nil {
				return fail(bad, err)
			}
		}
		before := len(undo)
		tx := w.lend(ctx, u)
		undo = append(undo, tx.undo...)
		good := u.err == nil && !u.vanished
		switch {
		case tx.bad != ofUnit:
			return fail(tx.bad, tx.err)
		case good:
			kept++
		case !alone:
			if bad, err := w.control(ctx, "ROLLBACK TO SAVEPOINT unit"); err != nil {
				return fail(bad, err)
			}
			rewind(undo[before:])
			undo = undo[:before]
		}
		if !alone {
			if bad, err := w.control(ctx, "RELEASE SAVEPOINT unit"); err != nil {
				return fail(bad, err)
			}
		}
	}
	if kept == 0 {
		return fail(ofUnit, nil)
	}
	if bad, err := w.end(ctx); err != nil {
		return fail(max(bad, ofBatch), err)
	}
	w.db.writes.Add(uint64(kept))
	w.db.commits.Add(1)
	return ofUnit, nil
}

// lend hands the transaction to a unit and waits until it is back.
func (w *writer) lend(ctx context.Context, u *unit) *Tx {
	tx := &Tx{db: w.db, link: w.link, ctx: ctx}
	u.err = nil
	u.grant <- tx
	<-u.ran
	tx.end()
	if u.err == nil {
		u.err = tx.err
	}
	return tx
}

func rewind(undo []func()) {
	for _, f := range slices.Backward(undo) {
		f()
	}
}

// control runs a statement of the transaction itself; its failure is always that of the batch.
func (w *writer) control(ctx context.Context, text string) (trouble, error) {
	_, err := w.link.exec(ctx, text, nil)
	return batchError(err)
}

func batchError(err error) (trouble, error) {
	if err == nil {
		return ofUnit, nil
	}
	bad, err := translate(err)
	if !errors.Is(err, ErrUnavailable) {
		err = unavailable(err)
	}
	return max(bad, ofBatch), err
}

// begin opens a transaction, on a new connection if there is none or the old one has died since it was last used.
func (w *writer) begin(ctx context.Context) error {
	text := "BEGIN"
	if w.db.Dialect() == SQLite {
		text = "BEGIN IMMEDIATE" // a transaction that would become a writer later could find that it cannot
	}
	for fresh := w.link == nil; ; fresh = true {
		err := w.dial(ctx)
		if err == nil {
			if _, err = w.control(ctx, text); err == nil {
				return nil
			}
		}
		w.drop()
		if fresh || w.db.Dialect() == SQLite { // a file does not hang up; the wait for its lock is over
			return err
		}
	}
}

func (w *writer) dial(ctx context.Context) error {
	if w.link != nil {
		return nil
	}
	conn, err := w.db.writers.Conn(ctx)
	if err != nil {
		_, err = batchError(err)
		return err
	}
	w.link = &link{dialect: w.db.Dialect(), conn: conn, queries: &w.db.queries, prepared: make(map[string]*sql.Stmt)}
	if w.db.Dialect() == PostgreSQL {
		// A commit that is acknowledged before it is durable would make a used code usable again. Stronger settings stay.
		const durable = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
		if _, err := w.control(ctx, durable); err != nil {
			return err
		}
	}
	return nil
}

// end commits. PostgreSQL answers the COMMIT of a failed transaction with success and the tag ROLLBACK.
func (w *writer) end(ctx context.Context) (trouble, error) {
	if w.db.Dialect() == SQLite {
		return w.control(ctx, "COMMIT")
	}
	return batchError(w.link.conn.Raw(func(c any) error {
		tag, err := c.(*stdlib.Conn).Conn().Exec(ctx, "COMMIT")
		if err == nil && tag.String() != "COMMIT" {
			return fmt.Errorf("%w: the server answered %s to COMMIT", ErrUnavailable, tag)
		}
		return err
	}))
}

// rollback ends the transaction and keeps the connection only if that is known to have worked.
func (w *writer) rollback(bad trouble) {
	if bad == ofBatch {
		w.drop() // closing rolls back
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.db.wait)
	defer cancel()
	if _, err := w.control(ctx, "ROLLBACK"); err != nil {
		w.drop()
	}
}

// drop closes the connection for good rather than handing it back to the pool in an unknown state.
func (w *writer) drop() {
	if w.link == nil {
		return
	}
	for _, stmt := range w.link.prepared {
		_ = stmt.Close() // closed with the connection anyhow
	}
	_ = w.link.conn.Raw(func(any) error { return driver.ErrBadConn }) // makes database/sql discard it
	_ = w.link.conn.Close()
	w.link = nil
}

func (l *link) script(ctx context.Context, text string) error {
	if l.dialect == SQLite {
		_, err := l.conn.ExecContext(ctx, text)
		return err
	}
	return l.conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().Exec(ctx, text, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}
