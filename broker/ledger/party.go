package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// maxPartyData bounds a registration; the largest are SAML metadata with their certificates.
const maxPartyData = 1 << 20

// Party is a relying party that was added at run time.
type Party struct {
	ID      string
	Data    []byte    // the adapter's registration, as PutParty was given it
	Changed time.Time // by PutParty, to the microsecond
}

// partyPlace keeps protocol and ID apart whatever they hold.
func partyPlace(protocol, id string) string { return "party|" + strconv.Quote(protocol) + "|" + id }

// PutParty adds a relying party or replaces its registration, of at most 1 MiB. The protocol is the adapter's name.
func (l *Ledger) PutParty(ctx context.Context, protocol, id string, data []byte, line broker.Line) error {
	if protocol == "" || id == "" {
		return errors.New("ledger: a party needs a protocol and an ID")
	}
	if len(data) > maxPartyData {
		return fmt.Errorf("ledger: the registration of a party has %d bytes, more than %d", len(data), maxPartyData)
	}
	sealed, err := l.seal(partyPlace(protocol, id), data)
	if err != nil {
		return err
	}
	changed := micros(l.now())
	return l.write(ctx, "put party", func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO ledger_parties (protocol, id, changed, sealed) VALUES (?, ?, ?, ?)
ON CONFLICT (protocol, id) DO UPDATE SET changed = excluded.changed, sealed = excluded.sealed`,
			protocol, id, changed, sealed); err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}

// Parties returns the relying parties that were added for a protocol, in the order of their IDs. One that cannot be
// unsealed fails the whole: a party that is silently missing would look like one that was never registered.
func (l *Ledger) Parties(ctx context.Context, protocol string) ([]Party, error) {
	rows, err := l.db.Query(ctx, `SELECT id, changed, sealed FROM ledger_parties WHERE protocol = ? ORDER BY id`, protocol)
	if err != nil {
		return nil, unavailable("parties", err)
	}
	defer rows.Close()
	parties := []Party{}
	for rows.Next() {
		var p Party
		var changed int64
		var sealed []byte
		if err := rows.Scan(&p.ID, &changed, &sealed); err != nil {
			return nil, unavailable("parties", err)
		}
		p.Changed = instant(changed)
		if err := l.unseal(partyPlace(protocol, p.ID), sealed, &p.Data); err != nil {
			return nil, fmt.Errorf("ledger: party %q: %w", p.ID, err)
		}
		parties = append(parties, p)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable("parties", err)
	}
	return parties, nil
}

// DropParty removes a relying party that PutParty added, or returns broker.ErrNotFound.
func (l *Ledger) DropParty(ctx context.Context, protocol, id string, line broker.Line) error {
	return l.write(ctx, "drop party", func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM ledger_parties WHERE protocol = ? AND id = ?`, protocol, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("ledger: drop party: %w", broker.ErrNotFound)
		}
		return l.audit.Append(ctx, tx, line)
	})
}
