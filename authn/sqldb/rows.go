package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// Rows is the answer to a Query. It must be closed.
type Rows struct {
	rows *sql.Rows
	tx   *Tx             // the unit it belongs to; nil outside the writer
	ctx  context.Context // of a reader outside the writer; nil inside
	cut  error           // the end of ctx, where it ended the reading
	err  error
}

// Next goes to the next row and reports whether there is one; after false, Err tells why.
func (r *Rows) Next() bool {
	if r.ctx != nil && r.err == nil {
		r.cut = r.ctx.Err()
		r.err = r.cut
	}
	return r.err == nil && r.rows.Next()
}

// Scan copies the columns of the current row into dest, as database/sql does.
func (r *Rows) Scan(dest ...any) error { return r.fail(r.rows.Scan(dest...)) }

// Err is the error that ended the iteration; nil at the plain end.
func (r *Rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.fail(r.rows.Err())
}

// Close ends the reading; it may be called twice.
func (r *Rows) Close() error {
	err := r.fail(r.rows.Err()) // a row cut off by an error must not pass as the last
	if err == nil {
		err = r.cut
	}
	if err != nil {
		_ = r.rows.Close() // the error before is the one that counts
		return err
	}
	return r.fail(r.rows.Close())
}

func (r *Rows) fail(err error) error {
	if err == nil {
		return nil
	}
	if r.tx != nil {
		err = r.tx.failed(err)
	} else {
		_, err = translate(err)
	}
	if r.err == nil {
		r.err = err
	}
	return err
}

// Row is the answer to a QueryRow.
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the columns of the row into dest; ErrNoRows if there is none. Further rows are ignored.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if !r.rows.Next() {
		if err := r.rows.Close(); err != nil {
			return err
		}
		return ErrNoRows
	}
	for _, d := range dest {
		if _, raw := d.(*sql.RawBytes); raw {
			return errors.Join(errors.New("sqldb: RawBytes do not outlive the row"), r.rows.Close())
		}
	}
	if err := r.rows.Scan(dest...); err != nil {
		_ = r.rows.rows.Close() // the error of Scan is the one that counts
		return err
	}
	return r.rows.Close()
}

type insideKey struct{}

// inside reports whether ctx was handed to a write unit of db.
func inside(ctx context.Context, db *DB) bool {
	running, _ := ctx.Value(insideKey{}).(*DB)
	return running == db
}
