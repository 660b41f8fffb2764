package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// Subject returns the random UUID under which the sector knows the person (OpenID Connect Core section 8.1; a table rather
// than a hash, so that it cannot be computed). The first call for the two makes it, with an audit line of event
// "subject"; any number of first calls at once get the same one.
func (l *Ledger) Subject(ctx context.Context, sector, person string) (string, error) {
	if sector == "" || person == "" {
		return "", errors.New("ledger: a subject needs a sector and a person")
	}
	const read = `SELECT subject FROM ledger_subjects WHERE sector = ? AND person = ?`
	var subject string
	err := l.db.QueryRow(ctx, read, sector, person).Scan(&subject)
	if !errors.Is(err, sqldb.ErrNoRows) {
		return subject, unavailable("subject", err)
	}
	fresh, err := uuid.NewRandomFromReader(l.random)
	if err != nil {
		return "", fmt.Errorf("ledger: random: %w", err)
	}
	err = l.write(ctx, "subject", func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO ledger_subjects (sector, person, subject) VALUES (?, ?, ?)
			ON CONFLICT (sector, person) DO NOTHING`, sector, person, fresh.String())
		if err != nil {
			return err
		}
		if n == 0 {
			return tx.QueryRow(ctx, read, sector, person).Scan(&subject)
		}
		subject = fresh.String()
		return l.audit.Append(ctx, tx, broker.Line{Event: "subject", Person: person, Detail: map[string]string{"sector": sector}})
	})
	if err != nil {
		return "", err
	}
	return subject, nil
}

// Consent returns what the person allowed the party, or broker.ErrNotFound.
func (l *Ledger) Consent(ctx context.Context, person, party string) (broker.Consent, error) {
	var claims string
	var given int64
	err := l.db.QueryRow(ctx, `SELECT claims, given FROM ledger_consents WHERE person = ? AND party = ?`, person, party).Scan(&claims, &given)
	switch {
	case errors.Is(err, sqldb.ErrNoRows):
		return broker.Consent{}, fmt.Errorf("ledger: consent: %w", broker.ErrNotFound)
	case err != nil:
		return broker.Consent{}, unavailable("consent", err)
	}
	c := broker.Consent{Given: instant(given)}
	if err := json.Unmarshal([]byte(claims), &c.Claims); err != nil {
		return broker.Consent{}, errors.New("ledger: a consent is unreadable")
	}
	return c, nil
}

// SetConsent replaces what the person allowed the party; a Consent without claims withdraws it.
func (l *Ledger) SetConsent(ctx context.Context, person, party string, c broker.Consent, line broker.Line) error {
	if person == "" || party == "" {
		return errors.New("ledger: a consent needs a person and a party")
	}
	claims, err := json.Marshal(c.Claims)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return l.write(ctx, "set consent", func(ctx context.Context, tx *sqldb.Tx) error {
		if len(c.Claims) == 0 {
			_, err = tx.Exec(ctx, `DELETE FROM ledger_consents WHERE person = ? AND party = ?`, person, party)
		} else {
			_, err = tx.Exec(ctx, `
INSERT INTO ledger_consents (person, party, claims, given) VALUES (?, ?, ?, ?)
ON CONFLICT (person, party) DO UPDATE SET claims = excluded.claims, given = excluded.given`,
				person, party, string(claims), micros(c.Given))
		}
		if err != nil {
			return err
		}
		return l.audit.Append(ctx, tx, line)
	})
}
