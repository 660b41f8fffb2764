package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// Standing returns the person's epoch, zero for a person never heard of, and whether the session was ended. An empty
// session has not been.
func (l *Ledger) Standing(ctx context.Context, person, session string) (broker.Standing, error) {
	var epoch, ended int64
	err := l.db.QueryRow(ctx, `
SELECT COALESCE((SELECT epoch FROM ledger_epochs WHERE person = ?), 0),
       (SELECT COUNT(*) FROM ledger_ended_sessions WHERE session = ?)`, person, digest("session", session)).Scan(&epoch, &ended)
	if err != nil {
		return broker.Standing{}, unavailable("standing", err)
	}
	return broker.Standing{Epoch: uint64(epoch), Ended: ended != 0}, nil
}

// EndSession revokes the grants that rest on a session, offline ones excepted, and remembers it as ended until the given
// instant; of two calls the later instant counts. An empty session is an error.
func (l *Ledger) EndSession(ctx context.Context, session string, until time.Time, line broker.Line) error {
	if session == "" {
		return errors.New("ledger: no session to end")
	}
	key := digest("session", session)
	return l.write(ctx, "end session", func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO ledger_ended_sessions (session, until) VALUES (?, ?)
ON CONFLICT (session) DO UPDATE SET until = excluded.until WHERE ledger_ended_sessions.until < excluded.until`,
			key, micros(until)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE ledger_grants SET revoked = 1 WHERE session = ? AND offline = 0 AND revoked = 0`, key); err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}

// EndEpoch ends every session and every grant of a person, offline ones included, by raising the epoch.
func (l *Ledger) EndEpoch(ctx context.Context, person string, line broker.Line) error {
	if person == "" {
		return errors.New("ledger: no person whose epoch could end")
	}
	return l.write(ctx, "end epoch", func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO ledger_epochs (person, epoch) VALUES (?, 1)
ON CONFLICT (person) DO UPDATE SET epoch = ledger_epochs.epoch + 1`, person); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE ledger_grants SET revoked = 1 WHERE person = ? AND revoked = 0`, person); err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}

// RevokeToken ends a single access token until it would have expired; of two calls the later instant counts.
func (l *Ledger) RevokeToken(ctx context.Context, token string, until time.Time, line broker.Line) error {
	if token == "" {
		return errors.New("ledger: no token to revoke")
	}
	return l.write(ctx, "revoke token", func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO ledger_revoked_tokens (token, until) VALUES (?, ?)
ON CONFLICT (token) DO UPDATE SET until = excluded.until WHERE ledger_revoked_tokens.until < excluded.until`,
			digest("token", token), micros(until)); err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}

// TokenRevoked reports whether RevokeToken was called for the token. Once the token has expired the answer may be either.
func (l *Ledger) TokenRevoked(ctx context.Context, token string) (bool, error) {
	var n int64
	err := l.db.QueryRow(ctx, `SELECT COUNT(*) FROM ledger_revoked_tokens WHERE token = ?`, digest("token", token)).Scan(&n)
	return n != 0, unavailable("token revoked", err)
}
