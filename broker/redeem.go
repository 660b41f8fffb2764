package broker

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// codeClaim is what a code says to us, and to nobody else.
type codeClaim struct {
	Tx       string `json:"t"`
	Protocol string `json:"p"`
	Party    string `json:"a"`
}

func (b *Broker) code(tx *Transaction) string {
	plain, err := json.Marshal(codeClaim{tx.ID, tx.Request.Protocol, tx.Request.Party})
	if err != nil {
		return "" // three strings always marshal
	}
	return b.codes.text(plain, "code")
}

// grantID is the grant that a transaction's code opens. Both redemptions of one code name the same grant, so the ledger
// finds the second even if the store has forgotten the first, and whichever secret is the first by then. Knowing it gives
// nothing: tokens name a grant only sealed.
func grantID(tx string) string { return digest("grant/" + tx) }

// Redeem exchanges a code for the result it stands for, once. It fails with Expired when the code is not ours, was given
// to another party, is too old or was redeemed before; a second redemption also revokes what the first one gave
// (RFC 6749 section 4.1.2).
func (b *Broker) Redeem(ctx context.Context, protocol, party, code string) (Result, error) {
	plain, err := b.codes.openText(code, "code")
	if err != nil {
		return Result{}, Fail(Expired, "The code is not valid.")
	}
	var c codeClaim
	if err := json.Unmarshal(plain, &c); err != nil || c.Protocol != protocol || c.Party != party {
		return Result{}, Fail(Expired, "The code was not given to this service.")
	}
	registered, err := b.party(ctx, protocol, party)
	if err != nil {
		return Result{}, err
	}
	record, err := b.store.Take(ctx, transactionKey(c.Tx))
	if isNotFound(err) {
		return Result{}, b.replayed(ctx, c)
	}
	if err != nil {
		return Result{}, err
	}
	var tx Transaction
	if err := b.unseal(record, &tx); err != nil {
		return Result{}, err
	}
	if tx.Stage != answered || tx.Failure != nil || tx.Proof == nil {
		return Result{}, Fail(Expired, "The code is not valid.")
	}
	err = b.permit(ctx, registered, claimant{person: tx.Proof.Person, session: tx.Session, epoch: tx.Epoch,
		levels: tx.Proof.Levels, connector: tx.Proof.Connector})
	if err != nil {
		return Result{}, err
	}
	return b.result(&tx, registered)
}

// replayed: the code is genuine and its transaction gone. Either it is late, or it was redeemed before, perhaps a moment
// ago. Whatever comes of it, or is coming, ends.
func (b *Broker) replayed(ctx context.Context, c codeClaim) error {
	line := Line{Time: b.now(), Event: "code_replayed", Transaction: digest(c.Tx), Party: c.Protocol + ":" + c.Party}
	if err := b.ledger.RevokeGrant(ctx, grantID(c.Tx), line); err != nil {
		return err
	}
	return Fail(Expired, "The code has expired or was used before.")
}

// GrantTerms are an adapter's part of a Grant.
type GrantTerms struct {
	AMR     []string      // in the party's dialect
	Data    []byte        // the adapter's own
	Offline bool          // refresh tokens, and a life beyond the session
	Life    time.Duration // of a grant that is not offline: that of its access token
}

// OfflineLife is the absolute life of an offline grant.
const OfflineLife = 365 * 24 * time.Hour

// Grant makes durable that a result is being issued, in one commit with its audit line. Tokens may be made only after it
// has returned. A second grant from the same result, as after a code that a store brought back, is refused as Expired and
// ends the first.
func (b *Broker) Grant(ctx context.Context, r Result, t GrantTerms) (Grant, error) {
	party, err := b.party(ctx, r.request.Protocol, r.request.Party)
	if err != nil {
		return Grant{}, err
	}
	if err := ask(r.request, party).Check(r.levels.Under(b.fal)); err != nil {
		return Grant{}, &Error{Code: LevelUnmet, Text: "The level reached is below what is required by now.", Err: err}
	}
	subject, err := b.Subject(ctx, party, r)
	if err != nil {
		return Grant{}, err
	}
	now := b.now()
	g := Grant{ID: grantID(r.tx), Party: consentParty(party), Person: r.identity.Person, Connector: r.identity.Connector,
		Session: r.session, SID: r.sid, Epoch: r.epoch,
		Subject: subject, Levels: r.levels, AMR: t.AMR, AuthTime: r.identity.AuthTime, Created: now, Used: now,
		Expires: now.Add(t.Life), Offline: t.Offline, Data: t.Data}
	if t.Offline {
		g.Expires = now.Add(OfflineLife)
	}
	line := Line{Time: now, Event: "issued", Transaction: digest(r.tx), Party: g.Party, Person: g.Person, Session: g.Session,
		Outcome: r.levels.LoA().String(), Detail: map[string]string{"grant": g.ID}}
	err = b.ledger.OpenGrant(ctx, g, line)
	if errors.Is(err, ErrExists) {
		line.Event, line.Outcome = "code_replayed", ""
		if err := b.ledger.RevokeGrant(ctx, g.ID, line); err != nil {
			return Grant{}, err
		}
		return Grant{}, Fail(Expired, "The code has been used before.")
	}
	return g, err
}

// Subject is the pairwise subject under which the party's sector knows the person.
func (b *Broker) Subject(ctx context.Context, party RelyingParty, r Result) (string, error) {
	return b.ledger.Subject(ctx, party.Sector(), r.identity.Person)
}
