package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// maxGrantData is the limit that broker.Grant sets on Data.
const maxGrantData = 8 << 10

// columns of a grant that its rows are read by; the rest, and what must not be changed, is in the sealed one.
const grantColumns = `generation, rotated, used, revoked, sealed`

func grantPlace(id []byte) string { return "grant|" + hex.EncodeToString(id) }

// OpenGrant writes a new grant. broker.ErrExists says that its ID was used before, also by a grant that has expired less
// than a day ago. One that RevokeGrant was called for before is written as revoked, without an error. Times are kept to the
// microsecond. A grant without an ID, a party, a person or an end, or with more than 8 KiB of Data, is an error, and so is
// one that is given as revoked.
func (l *Ledger) OpenGrant(ctx context.Context, g broker.Grant, line broker.Line) error {
	if g.ID == "" || g.Person == "" || g.Party == "" || g.Expires.IsZero() || g.Revoked {
		return errors.New("ledger: a grant needs an ID, a party, a person and an end, and cannot begin revoked")
	}
	if len(g.Data) > maxGrantData {
		return fmt.Errorf("ledger: the data of a grant has %d bytes, more than %d", len(g.Data), maxGrantData)
	}
	if g.Used.IsZero() {
		g.Used = g.Created
	}
	id := digest("grant", g.ID)
	var session any
	if g.Session != "" {
		session = digest("session", g.Session)
	}
	sealed, err := l.seal(grantPlace(id), kept(g))
	if err != nil {
		return err
	}
	return l.write(ctx, "open grant", func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `
INSERT INTO ledger_grants (id, person, session, epoch, offline, expires, generation, rotated, used, revoked, sealed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
ON CONFLICT (id) DO UPDATE SET person = excluded.person, session = excluded.session, epoch = excluded.epoch,
  offline = excluded.offline, expires = excluded.expires, generation = excluded.generation, rotated = excluded.rotated,
  used = excluded.used, sealed = excluded.sealed
 WHERE ledger_grants.person = ''`, // only a stub has no person
			id, g.Person, session, int64(g.Epoch), flag(g.Offline), micros(g.Expires), int64(g.Generation),
			micros(g.Rotated), micros(g.Used), sealed)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("ledger: open grant: %w", broker.ErrExists)
		}
		return l.audit.Append(ctx, tx, line)
	})
}

// kept is the form in which a grant is sealed: times to the microsecond and in UTC, so that they are the same in the
// columns.
func kept(g broker.Grant) broker.Grant {
	for _, t := range []*time.Time{&g.AuthTime, &g.Created, &g.Expires, &g.Rotated, &g.Used} {
		*t = instant(micros(*t))
	}
	return g
}

// Grant returns a grant, revoked or not, or broker.ErrNotFound.
func (l *Ledger) Grant(ctx context.Context, id string) (broker.Grant, error) {
	key := digest("grant", id)
	g, err := l.scanGrant(key, l.db.QueryRow(ctx, `SELECT `+grantColumns+` FROM ledger_grants WHERE id = ?`, key))
	return g, unavailable("grant", err)
}

// scanGrant reads one row of grantColumns. What was sealed wins over the columns; those that change are not in it.
func (l *Ledger) scanGrant(key []byte, row *sqldb.Row) (broker.Grant, error) {
	var generation, rotated, used, revoked int64
	var sealed []byte
	switch err := row.Scan(&generation, &rotated, &used, &revoked, &sealed); {
	case errors.Is(err, sqldb.ErrNoRows):
		return broker.Grant{}, fmt.Errorf("ledger: grant: %w", broker.ErrNotFound)
	case err != nil:
		return broker.Grant{}, err
	case len(sealed) == 0: // a stub
		return broker.Grant{}, fmt.Errorf("ledger: grant: %w", broker.ErrNotFound)
	}
	var g broker.Grant
	if err := l.unseal(grantPlace(key), sealed, &g); err != nil {
		return broker.Grant{}, err
	}
	g.Generation, g.Rotated, g.Used, g.Revoked = uint32(generation), instant(rotated), instant(used), revoked != 0
	return g, nil
}

// rotate is the whole decision in one statement, so that of any number of tries, in any number of processes, one finds the
// generation current. A grant whose session has ended, or whose epoch is over, is dead even if it was opened too late to
// be revoked with them.
const rotate = `
UPDATE ledger_grants SET generation = generation + 1, rotated = ?, used = ?
 WHERE id = ? AND generation = ? AND ` + alive + `
RETURNING ` + grantColumns

const alive = `revoked = 0 AND expires > ?
   AND epoch >= COALESCE((SELECT e.epoch FROM ledger_epochs e WHERE e.person = ledger_grants.person), 0)
   AND (offline = 1 OR session IS NULL
        OR NOT EXISTS (SELECT 1 FROM ledger_ended_sessions s WHERE s.session = ledger_grants.session))`

// Rotate replaces the refresh token of a generation, as broker.Ledger says. The line is written also where nothing changes
// because the successor is asked for again within grace, since that is answered, too. On reuse it is written with the
// event "refused", the check "refresh reuse" and the outcome "revoked", in the commit that revokes; the grant is returned
// beside broker.ErrReused so that what else was issued from it can be ended.
func (l *Ledger) Rotate(ctx context.Context, id string, generation uint32, now time.Time, grace time.Duration, line broker.Line) (broker.Grant, error) {
	key := digest("grant", id)
	var g broker.Grant
	var reused bool
	err := l.write(ctx, "rotate", func(ctx context.Context, tx *sqldb.Tx) error {
		var err error
		reused = false
		g, err = l.scanGrant(key, tx.QueryRow(ctx, rotate, micros(now), micros(now), key, int64(generation), micros(now)))
		if !errors.Is(err, broker.ErrNotFound) {
			if err != nil {
				return err
			}
			return l.audit.Append(ctx, tx, line)
		}
		// The row is locked until the commit, so that a decision to revoke rests on what is still true then.
		g, err = l.scanGrant(key, tx.QueryRow(ctx,
			`SELECT `+grantColumns+` FROM ledger_grants WHERE id = ? AND `+alive+tx.Dialect().ForUpdate(), key, micros(now)))
		switch {
		case err != nil:
			return err
		case g.Generation == generation:
			return fmt.Errorf("ledger: rotate: %w", broker.ErrConflict) // it appeared between the two statements
		case g.Generation == generation+1 && now.Sub(g.Rotated) <= grace:
			return l.audit.Append(ctx, tx, line)
		}
		// Reuse is no error of the unit: an error would undo the revocation.
		reused, g.Revoked = true, true
		if _, err := tx.Exec(ctx, `UPDATE ledger_grants SET revoked = 1 WHERE id = ?`, key); err != nil {
			return err
		}
		refusal := line
		refusal.Event, refusal.Check, refusal.Outcome = "refused", "refresh reuse", "revoked"
		return l.audit.Append(ctx, tx, refusal)
	})
	switch {
	case err != nil:
		return broker.Grant{}, err
	case reused:
		return g, fmt.Errorf("ledger: rotate: %w", broker.ErrReused)
	}
	return g, nil
}

// stubLife is how long a grant that was revoked before it was opened is remembered: far longer than a code lives.
const stubLife = 24 * time.Hour

// RevokeGrant ends a grant. One that was revoked before is no error; the line is written all the same. One that is not
// there leaves a stub under its id, which OpenGrant fills and which stays revoked: the two meet at the primary key, so that
// in any number of processes whichever comes first is seen by the other.
func (l *Ledger) RevokeGrant(ctx context.Context, id string, line broker.Line) error {
	return l.write(ctx, "revoke grant", func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO ledger_grants (id, person, session, epoch, offline, expires, generation, rotated, used, revoked, sealed)
VALUES (?, '', NULL, 0, 0, ?, 0, 0, 0, 1, ?) ON CONFLICT (id) DO UPDATE SET revoked = 1`,
			digest("grant", id), micros(l.now().Add(stubLife)), []byte{}); err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}
