package ledger

import (
	"context"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
)

const (
	sweepEvery = time.Minute    // between sweeps once nothing expired is left
	sweepBatch = 32             // rows of one table in one commit, so that no login pays for many others
	lingering  = 24 * time.Hour // an expired grant stays so long, for a code that comes late must still meet ErrExists
)

// sweep removes a few rows that have expired. Whether a row is live is never judged by its being there.
func (l *Ledger) sweep(ctx context.Context, tx *sqldb.Tx) error {
	now := l.now()
	l.mu.Lock()
	due := now.Sub(l.swept) >= sweepEvery || now.Before(l.swept)
	l.mu.Unlock()
	if !due {
		return nil
	}
	skip := "" // another process may be sweeping the same rows
	if tx.Dialect() == sqldb.PostgreSQL {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	more := false
	for _, t := range []struct {
		text   string
		before time.Time
	}{
		{`DELETE FROM ledger_grants WHERE id IN (SELECT id FROM ledger_grants WHERE expires < ? LIMIT ?` + skip + `)`, now.Add(-lingering)},
		{`DELETE FROM ledger_ended_sessions WHERE session IN (SELECT session FROM ledger_ended_sessions WHERE until < ? LIMIT ?` + skip + `)`, now},
		{`DELETE FROM ledger_revoked_tokens WHERE token IN (SELECT token FROM ledger_revoked_tokens WHERE until < ? LIMIT ?` + skip + `)`, now},
	} {
		n, err := tx.Exec(ctx, t.text, micros(t.before), sweepBatch)
		if err != nil {
			return err
		}
		more = more || n == sweepBatch
	}
	if !more {
		l.mu.Lock()
		l.swept = now
		l.mu.Unlock()
	}
	return nil
}
