package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"math"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
)

const (
	selectAttempts = "SELECT failures, today, day, paused_until, blocked FROM registry_attempts WHERE authenticator = ? AND lane = ?"
	insertAttempts = "INSERT INTO registry_attempts (authenticator, lane, failures, today, day, paused_until, blocked, kept, touched)" +
		" VALUES (?, ?, 0, 0, '', 0, 0, 0, ?) ON CONFLICT DO NOTHING"
	// An authenticator that does not exist has attempts too, which may be forgotten after a while.
	reserveAttempts = "UPDATE registry_attempts SET failures = ?, today = ?, day = ?, paused_until = ?, blocked = ?, touched = ?," +
		" kept = (SELECT count(*) FROM registry_authenticators WHERE id = ?) WHERE authenticator = ? AND lane = ?"
	resetAttempts = "UPDATE registry_attempts SET failures = ?, today = ?, day = ?, paused_until = ?, blocked = ?, touched = ?," +
		" kept = 0 WHERE authenticator = ? AND lane = ?"

	// forgotten is after how long a record goes that says no more than none would, or whose authenticator does not exist.
	forgotten = 30 * 24 * time.Hour
)

// laneKey names a lane in the database: what a browser proves a lane with may be a secret of its own.
func laneKey(lane authn.Lane) []byte {
	if lane == "" {
		return []byte{} // of the shared lane, and not NULL
	}
	sum := sha256.Sum256([]byte(lane))
	return sum[:]
}

func scanAttempts(row *sqldb.Row) (authn.Attempts, error) {
	var a authn.Attempts
	var day string
	var paused int64
	var blocked int
	if err := row.Scan(&a.Failures, &a.Today, &day, &paused, &blocked); err != nil {
		return authn.Attempts{}, err
	}
	var err error
	a.Day, err = authn.ParseDate(day)
	a.PausedUntil = instant(paused)
	a.Blocked = blocked != 0
	return a, err
}

func attemptValues(a authn.Attempts, now time.Time) []any {
	blocked := 0
	if a.Blocked {
		blocked = 1
	}
	return []any{a.Failures, a.Today, a.Day.String(), micros(a.PausedUntil), blocked, micros(now)}
}

// Attempts returns the record of a lane; one that was never used has none.
func (r *Registry) Attempts(ctx context.Context, authenticator string, lane authn.Lane) (authn.Attempts, error) {
	a, err := scanAttempts(r.db.QueryRow(ctx, selectAttempts, authenticator, laneKey(lane)))
	if errors.Is(err, sqldb.ErrNoRows) {
		return authn.Attempts{}, nil
	}
	return a, failed("attempts", err)
}

// Reserve counts one attempt before it is checked, as authn.Limits decides, and returns the record as it is now. The count
// is durable when Reserve returns: of attempts made at the same time, in any number of processes, no more are let through
// than one after the other. *authn.PausedError or authn.ErrBlocked: the attempt must not be checked, and was not counted.
//
// It counts under any ID, whether there is such an authenticator or not, at the same cost.
func (r *Registry) Reserve(ctx context.Context, authenticator string, lane authn.Lane, limits authn.Limits, now time.Time) (authn.Attempts, error) {
	const what = "reserve"
	// Who must wait anyhow is turned away without a commit, so that a flood of attempts does not occupy the disk.
	a, err := r.Attempts(ctx, authenticator, lane)
	if err != nil {
		return authn.Attempts{}, err
	}
	if _, err := limits.Reserve(a, lane, now); err != nil {
		return a, failed(what, err)
	}
	err = r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		stored, err := r.lockAttempts(ctx, tx, authenticator, lane, now)
		if err != nil {
			return err
		}
		if a, err = limits.Reserve(stored, lane, now); err != nil {
			return err
		}
		args := append(attemptValues(a, now), authenticator, authenticator, laneKey(lane))
		_, err = tx.Exec(ctx, reserveAttempts, args...)
		return err
	})
	return a, failed(what, err)
}

// lockAttempts reads the record of a lane, which it makes if there is none, and keeps others from changing it.
func (r *Registry) lockAttempts(ctx context.Context, tx *sqldb.Tx, authenticator string, lane authn.Lane, now time.Time) (authn.Attempts, error) {
	query := selectAttempts + tx.Dialect().ForUpdate()
	a, err := scanAttempts(tx.QueryRow(ctx, query, authenticator, laneKey(lane)))
	if !errors.Is(err, sqldb.ErrNoRows) {
		return a, err
	}
	// Strangers can make records for authenticators that do not exist; each new one takes two old ones away.
	if _, err := tx.Exec(ctx, r.text.sweep, micros(now.Add(-forgotten))); err != nil {
		return authn.Attempts{}, err
	}
	if _, err := tx.Exec(ctx, insertAttempts, authenticator, laneKey(lane), micros(now)); err != nil {
		return authn.Attempts{}, err
	}
	return scanAttempts(tx.QueryRow(ctx, query, authenticator, laneKey(lane)))
}

// Succeed records that a reserved attempt was right: the lane's failures in a row are forgotten, and the counter of the
// authenticator rises to counter. A counter of zero stands for a ceremony that has none, such as a password.
//
// authn.ErrReplayed: counter is not above the stored one; of any number of calls with one counter, in any number of
// processes, exactly one succeeds. authn.ErrNotFound: there is no such authenticator. authn.ErrBlocked: it is not active
// any more, or not yet. With any error nothing is forgotten and nothing rises.
func (r *Registry) Succeed(ctx context.Context, authenticator string, lane authn.Lane, counter uint64, now time.Time) error {
	const what = "succeed"
	if counter > math.MaxInt64 {
		return failed(what, errors.New("the counter is too large"))
	}
	return failed(what, r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		// First the attempts, then the authenticator: the order in which Reserve takes them, or there would be deadlocks.
		a, err := scanAttempts(tx.QueryRow(ctx, selectAttempts+tx.Dialect().ForUpdate(), authenticator, laneKey(lane)))
		switch {
		case err == nil:
			args := append(attemptValues(authn.Limits{}.Success(a), now), authenticator, laneKey(lane))
			if _, err := tx.Exec(ctx, resetAttempts, args...); err != nil {
				return err
			}
		case !errors.Is(err, sqldb.ErrNoRows):
			return err
		}
		var s string
		var stored int64
		err = tx.QueryRow(ctx, "SELECT state, counter FROM registry_authenticators WHERE id = ?"+tx.Dialect().ForUpdate(), authenticator).Scan(&s, &stored)
		switch {
		case err != nil:
			return notFound(err)
		case authn.State(s) != authn.Active:
			return authn.ErrBlocked
		case counter == 0:
			return nil
		case int64(counter) <= stored:
			return authn.ErrReplayed
		}
		_, err = tx.Exec(ctx, "UPDATE registry_authenticators SET counter = ? WHERE id = ? AND counter < ?", int64(counter), authenticator, int64(counter))
		return err
	}))
}
