package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
)

// patience is how long a flush or a checkpoint in the background may take.
const patience = 10 * time.Second

// run flushes noted lines that nobody else's commit carried, and signs checkpoints, until Close.
func (l *Log) run(flushAfter, every time.Duration) {
	defer close(l.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	var due <-chan time.Time
	for {
		select {
		case <-l.stop:
			return
		case <-l.wake:
			if due == nil {
				due = time.After(flushAfter)
			}
			if !l.crowded() {
				continue
			}
			due = nil
			if !l.flush() {
				due = time.After(flushAfter)
			}
		case <-due:
			due = nil
			if !l.flush() {
				due = time.After(flushAfter)
			}
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := l.checkpoint(ctx, false); err != nil {
				l.logger.Error("audit checkpoint failed", slog.String("writer", l.writer), slog.Any("error", err))
			}
			cancel()
		}
	}
}

// crowded reports whether so much waits that the flush should not wait for the clock. While flushes fail it leaves the
// pace to the clock.
func (l *Log) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down == nil && len(l.notes) > l.limit/2
}

// flush writes what was noted and reports whether nothing is left to do. While it fails, Note refuses further lines.
func (l *Log) flush() bool {
	l.mu.Lock()
	if len(l.notes) == 0 {
		l.down = nil
		l.mu.Unlock()
		return true
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := l.settle(ctx)
	l.mu.Lock()
	first := l.down == nil
	l.down = err
	l.mu.Unlock()
	if err != nil && first {
		l.logger.Error("audit log cannot be written", slog.String("writer", l.writer), slog.Any("error", err))
	}
	return err == nil
}

// settle writes what was noted and returns an end of the chain that is durable.
func (l *Log) settle(ctx context.Context) (Head, error) {
	var h Head
	err := l.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := l.append(ctx, tx, nil); err != nil {
			return err
		}
		l.mu.Lock()
		h = Head{Chain: l.chain, Writer: l.writer, Seq: l.seq, Hash: l.hash}
		l.mu.Unlock()
		return nil
	})
	return h, unavailable("flush", err)
}

// checkpoint signs how far the chain has come, if it has grown since the last time or this is the last.
func (l *Log) checkpoint(ctx context.Context, final bool) error {
	l.signing.Lock()
	defer l.signing.Unlock()
	l.mu.Lock()
	idle := l.seq == l.signed && len(l.notes) == 0 && !l.unsure
	l.mu.Unlock()
	if idle && !final {
		return nil
	}
	head, err := l.settle(ctx)
	if err != nil {
		return err
	}
	if l.recount {
		var count, seq int64
		if err := l.db.QueryRow(ctx, `SELECT COALESCE(MAX(count), 0), COALESCE(MAX(seq), 0) FROM audit_checkpoints WHERE chain = ?`,
			int64(l.chain)).Scan(&count, &seq); err != nil {
			return unavailable("checkpoint", err)
		}
		l.count, l.signed, l.recount = uint64(count), uint64(seq), false
	}
	if head.Seq == l.signed && !final {
		return nil
	}
	c := Checkpoint{
		Chain: head.Chain, Writer: head.Writer, Seq: head.Seq, Hash: head.Hash,
		Time: l.now().UTC().Truncate(time.Microsecond), Count: l.count + 1, Final: final,
	}
	if err := c.sign(l.signer, l.random); err != nil {
		return err
	}
	closing := int64(0)
	if c.Final {
		closing = 1
	}
	err = l.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO audit_checkpoints (chain, seq, count, writer, at, hash, final, key_id, signature)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, int64(c.Chain), int64(c.Seq), int64(c.Count), c.Writer, c.Time.UnixMicro(),
			bytesOf(c.Hash), closing, c.Key, c.Signature)
		return err
	})
	if err != nil {
		l.recount = true // it may be there all the same
		return unavailable("checkpoint", err)
	}
	l.count, l.signed = c.Count, c.Seq
	return nil
}

// Close refuses further lines, writes what was noted and signs the last checkpoint, which says that the chain ends here.
// The error says what of that failed. Closing again returns the same.
func (l *Log) Close(ctx context.Context) error {
	l.closing.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		close(l.stop)
		<-l.done
		l.closeErr = l.checkpoint(ctx, true)
		l.mu.Lock()
		lost := len(l.notes)
		l.mu.Unlock()
		if lost > 0 {
			l.closeErr = errors.Join(l.closeErr, errLost)
		}
	})
	return l.closeErr
}

var errLost = errors.New("audit: noted lines were not written before the log was closed")
