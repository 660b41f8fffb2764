package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// batch is how many entries one statement inserts at most, so that few statements need preparing.
const batch = 8

// Append writes lines in the unit that tx belongs to, after the noted lines that wait: they become durable together with
// what else the unit changes, or not at all. The caller must let an error of Append fail the unit. When the unit is rolled
// back, for whatever reason, the chain forgets the lines, and the noted ones wait again in their old order.
func (l *Log) Append(ctx context.Context, tx *sqldb.Tx, lines ...broker.Line) error {
	own, err := acceptAll(lines, l.now())
	if err != nil {
		return err
	}
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return errClosed
	}
	return l.append(ctx, tx, own)
}

// append also serves Close, which writes after everybody else was refused.
func (l *Log) append(ctx context.Context, tx *sqldb.Tx, own []accepted) error {
	l.mu.Lock()
	unsure := l.unsure
	l.mu.Unlock()
	if unsure {
		if err := l.catchUp(ctx, tx); err != nil {
			return err
		}
	}

	l.mu.Lock()
	seq, hash := l.seq, l.hash
	notes := l.notes
	l.notes = nil
	l.mu.Unlock()
	if len(notes)+len(own) == 0 {
		return nil
	}
	undone := false
	undo := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if undone {
			return
		}
		undone = true
		// Units of one commit may be told in any order that they are undone: the earliest of them decides.
		if seq <= l.seq {
			l.seq, l.hash = seq, hash
		}
		l.unsure = true
		l.notes = merge(notes, l.notes)
	}
	tx.OnRollback(func() { undo(); l.nudge() })

	all := append(notes[:len(notes):len(notes)], own...)
	for i := range notes {
		notes[i].seq = seq + uint64(i) + 1
	}
	if err := l.insert(ctx, tx, all); err != nil {
		undo()
		return unavailable("append", err)
	}
	return nil
}

// merge puts lines that were taken off the queue back. Those of an earlier unit were accepted earlier; two units that are
// undone in the wrong order are told apart by the places they were tried at.
func merge(back, waiting []accepted) []accepted {
	i := 0
	for i < len(waiting) && waiting[i].seq != 0 && len(back) > 0 && waiting[i].seq < back[0].seq {
		i++
	}
	out := make([]accepted, 0, len(back)+len(waiting))
	return append(append(append(out, waiting[:i]...), back...), waiting[i:]...)
}

// insert writes entries after the newest one and moves on to them. Only the database's writer calls it, one unit at a time.
func (l *Log) insert(ctx context.Context, tx *sqldb.Tx, lines []accepted) error {
	l.mu.Lock()
	seq, prev := l.seq, l.hash
	l.mu.Unlock()
	salts := make([]byte, saltSize*len(lines))
	if _, err := io.ReadFull(l.random, salts); err != nil {
		return fmt.Errorf("audit: random: %w", err)
	}
	for len(lines) > 0 {
		n := min(len(lines), batch)
		args := make([]any, 0, 10*n)
		for _, a := range lines[:n] {
			salt := salts[:saltSize:saltSize]
			salts = salts[saltSize:]
			e := Entry{Chain: l.chain, Writer: l.writer, Seq: seq + 1, Time: a.at, Prev: prev, Digest: contents(salt, a.line)}
			e.Hash = e.sum()
			seq, prev = e.Seq, e.Hash
			args = append(args, int64(e.Chain), int64(e.Seq), e.Writer, e.Time.UnixMicro(),
				bytesOf(e.Prev), bytesOf(e.Digest), bytesOf(e.Hash), salt, a.line, a.event)
		}
		if _, err := tx.Exec(ctx, insertion(n), args...); err != nil {
			return err
		}
		lines = lines[n:]
	}
	l.mu.Lock()
	l.seq, l.hash = seq, prev
	l.mu.Unlock()
	return nil
}

func bytesOf(d Digest) []byte { return d[:] }

// insertion is the statement for n rows.
func insertion(n int) string {
	const row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	return "INSERT INTO audit_entries (chain, seq, writer, at, prev, digest, hash, salt, line, event) VALUES " +
		row + strings.Repeat(", "+row, n-1)
}

// catchUp reads the end of the chain from the database after a rollback. A commit whose outcome was unknown may have
// happened after all; then the noted lines it carried are there, and must not be written a second time.
func (l *Log) catchUp(ctx context.Context, tx *sqldb.Tx) error {
	var seq int64
	var raw []byte
	err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_entries WHERE chain = ? ORDER BY seq DESC LIMIT 1`, int64(l.chain)).Scan(&seq, &raw)
	if errors.Is(err, sqldb.ErrNoRows) || (err == nil && len(raw) != len(Digest{})) {
		return fmt.Errorf("audit: the chain of writer %s is gone from the database", l.writer)
	}
	if err != nil {
		return unavailable("append", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.notes[:0:0]
	for _, a := range l.notes {
		if a.seq != 0 && a.seq <= uint64(seq) && uint64(seq) > l.seq {
			continue
		}
		a.seq = 0
		kept = append(kept, a)
	}
	l.seq, l.notes, l.unsure = uint64(seq), kept, false
	copy(l.hash[:], raw)
	return nil
}
