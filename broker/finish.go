package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tillid/tillid/authn"
)

// finish gives the answer: the policy is asked once more, the session is kept, and the audit line is durable before
// anybody learns of it.
func (b *Broker) finish(ctx context.Context, s *situation, br *Browser) (Step, error) {
	tx, proof := s.tx, *s.proof()
	session, secret, err := b.keep(ctx, s, br, proof)
	if err != nil {
		return nil, err
	}
	if err := b.permit(ctx, s.party, claimant{person: proof.Person, session: session.ID, epoch: session.Epoch,
		levels: proof.Levels.Under(b.fal), connector: proof.Connector}); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Code == Refused {
			return b.refuse(ctx, tx, "not_permitted", e)
		}
		return nil, err
	}
	tx.Stage, tx.Proof, tx.Session, tx.Epoch = answered, &proof, session.ID, session.Epoch
	tx.State, tx.Turn, tx.Have = nil, nil, nil
	if err := b.save(ctx, tx, ""); err != nil { // of two answers only one gets past here
		return nil, err
	}
	if err := b.saveSession(ctx, session); err != nil {
		return nil, err
	}
	result := b.result(tx, s.party)
	if err := b.ledger.Record(ctx, b.line(tx, Line{Event: "answered", Check: tx.Check, Outcome: result.levels.LoA().String(),
		Detail: map[string]string{"ial": result.levels.IAL.String(), "aal": result.levels.AAL.String(),
			"fal": result.levels.FAL.String()}})); err != nil {
		return nil, err
	}
	if secret != "" {
		br.enter(secret)
	}
	br.remember(b, proof.Person)
	return Done{result}, nil
}

// result is what the checks have passed.
func (b *Broker) result(tx *Transaction, party RelyingParty) Result {
	levels := tx.Proof.Levels.Under(b.fal)
	match, _ := ask(tx.Request, party).Pick(levels) // the checks have passed; a change of registration since is permit's to find
	r := Result{tx: tx.ID, request: tx.Request, identity: *tx.Proof, levels: levels, session: tx.Session, epoch: tx.Epoch,
		sid: b.sid(tx.Session, tx.Request.Protocol, tx.Request.Party), claims: tx.Request.Claims, match: match}
	if tx.Request.Fetched {
		r.code = b.code(tx)
	}
	return r
}

// keep returns the session that the answer rests on, with the party among its participants, and the secret for the
// cookie where the session is a new one for the browser. Nothing is stored yet.
func (b *Broker) keep(ctx context.Context, s *situation, br *Browser, proof Identity) (*Session, string, error) {
	now := b.now()
	self := Participant{Protocol: s.party.Protocol, Party: s.party.ID, Data: s.tx.Request.Data}
	old := s.session
	if old == nil && s.tx.Session != "" { // consent was given to an answer out of a session
		found, err := b.sessionByID(ctx, s.tx.Session)
		if isNotFound(err) {
			return nil, "", Fail(Expired, "The session has ended.")
		}
		if err != nil {
			return nil, "", err
		}
		old = found
	} else if old == nil && s.party.SSO {
		found, err := b.session(ctx, br)
		if err != nil {
			return nil, "", err
		}
		if found != nil && found.Identity.Person != proof.Person {
			if err := b.end(ctx, found, "other_person"); err != nil {
				return nil, "", err
			}
			found = nil
		}
		old = found
	}
	if old != nil && (s.tx.Session == old.ID || s.party.SSO) {
		if proof.Levels.AAL >= old.Identity.Levels.AAL {
			old.Identity = proof
		}
		old.Used = now
		old.join(self)
		return old, "", nil
	}
	standing, err := b.ledger.Standing(ctx, proof.Person, "")
	if err != nil {
		return nil, "", err
	}
	secret := b.token()
	fresh := &Session{ID: digest(secret), Identity: proof, Epoch: standing.Epoch, Begun: now, Used: now}
	fresh.join(self)
	if !s.party.SSO {
		secret = "" // nobody else may rest on it, this party neither: it logs in afresh every time
	}
	return fresh, secret, nil
}

func (s *Session) join(p Participant) {
	s.Participants = slices.DeleteFunc(s.Participants, func(o Participant) bool {
		return o.Protocol == p.Protocol && o.Party == p.Party
	})
	s.Participants = append(s.Participants, p)
}

func (b *Broker) sessionIndex(person string) string { return "p/" + b.sids.mac(person) }

// saveSession writes a session. When another answer changed it in between, the two are joined.
func (b *Broker) saveSession(ctx context.Context, s *Session) error {
	for {
		r, err := b.record(sessionKey(s.ID), b.sessionIndex(s.Identity.Person), s.ends(b.lifetimes), s.version, s)
		if err != nil {
			return err
		}
		if s.version == 0 {
			return b.store.Create(ctx, r)
		}
		_, err = b.store.Update(ctx, r)
		if !errors.Is(err, ErrConflict) {
			if isNotFound(err) {
				return Fail(Expired, "The session has ended.")
			}
			return err
		}
		other, err := b.sessionByID(ctx, s.ID)
		if isNotFound(err) {
			return Fail(Expired, "The session has ended.")
		}
		if err != nil {
			return err
		}
		mine := s.Participants[len(s.Participants)-1]
		if s.Identity.Levels.AAL > other.Identity.Levels.AAL || s.Identity.AuthTime.After(other.Identity.AuthTime) &&
			s.Identity.Levels.AAL == other.Identity.Levels.AAL {
			other.Identity = s.Identity
		}
		other.Used = latest(s.Used, other.Used)
		other.join(mine)
		*s = *other
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// consented remembers what the person allowed.
func (b *Broker) consented(ctx context.Context, tx *Transaction, party RelyingParty) error {
	c := Consent{Claims: slices.Clone(tx.Request.Claims), Given: b.now()}
	slices.Sort(c.Claims)
	if err := b.ledger.SetConsent(ctx, tx.Proof.Person, consentParty(party), c, b.line(tx, Line{Event: "consented"})); err != nil {
		return err
	}
	tx.Consented = true
	return nil
}

// person returns somebody who may be asserted, or a Refused error.
func (b *Broker) person(ctx context.Context, id string) (authn.Person, error) {
	p, err := b.directory.Person(ctx, authn.PersonID(id))
	switch {
	case errors.Is(err, authn.ErrNotFound):
		return p, Fail(Refused, "The person is not registered.")
	case err != nil:
		return p, err
	case p.State != authn.PersonActive:
		return p, Fail(Refused, "The person's eID is blocked.")
	}
	return p, nil
}
