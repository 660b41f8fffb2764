package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tillid/tillid/authn"
)

// finish gives the answer: the policy is asked once more, the session is kept, and the audit line is durable before
// anybody learns of it.
func (b *Broker) finish(ctx context.Context, s *situation, br *Browser) (Step, error) {
	tx, proof := s.tx, *s.proof()
	session, other, err := b.keep(ctx, s, br, proof)
	if err != nil {
		return nil, err
	}
	epoch := tx.Epoch
	if s.unproven() {
		epoch = session.Epoch
	}
	if err := b.permit(ctx, s.party, claimant{person: proof.Person, session: session.ID, epoch: epoch,
		levels: proof.Levels.Under(b.fal), connector: proof.Connector}); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Code == Refused {
			return b.refuse(ctx, tx, "not_permitted", e)
		}
		return nil, err
	}
	if other != nil {
		if err := b.end(ctx, other, "other_person"); err != nil {
			return nil, err
		}
	}
	// The session comes first, since an answer that is repeated rests on it. Whatever this transaction makes of it is the
	// same however often it is done.
	if err := b.saveSession(ctx, session); err != nil {
		return nil, err
	}
	tx.Stage, tx.Proof, tx.Session, tx.Epoch = answered, &proof, session.ID, epoch
	tx.SID = session.Participants[len(session.Participants)-1].SID
	tx.State, tx.Turn, tx.Have = nil, nil, nil
	if err := b.save(ctx, tx, ""); err != nil { // of two answers only one gets past here
		return nil, err
	}
	return b.answer(ctx, tx, s.party, session, br)
}

// answer gives an answer that has been stored, for the first time or again.
func (b *Broker) answer(ctx context.Context, tx *Transaction, party RelyingParty, session *Session, br *Browser) (Step, error) {
	result, err := b.result(tx, party)
	if err != nil {
		return nil, err
	}
	if err := b.ledger.Record(ctx, b.line(tx, Line{Event: "answered", Check: tx.Check, Outcome: result.levels.LoA().String(),
		Detail: map[string]string{"ial": result.levels.IAL.String(), "aal": result.levels.AAL.String(),
			"fal": result.levels.FAL.String()}})); err != nil {
		return nil, err
	}
	if party.SSO {
		if secret := b.cookieOf(tx, session, br); secret != "" {
			br.enter(secret)
		}
	}
	br.remember(b, *tx.Proof)
	return Done{result}, nil
}

// result is what the checks have passed. It fails with LevelUnmet when the party's registration, or the broker's own level,
// has changed since.
func (b *Broker) result(tx *Transaction, party RelyingParty) (Result, error) {
	levels := tx.Proof.Levels.Under(b.fal)
	match, err := ask(tx.Request, party).Pick(levels)
	if err != nil {
		return Result{}, &Error{Code: LevelUnmet, Text: "The level reached is below what is required by now.", Err: err}
	}
	r := Result{tx: tx.ID, request: tx.Request, identity: *tx.Proof, levels: levels, session: tx.Session, epoch: tx.Epoch,
		sid: tx.SID, match: match}
	for _, c := range tx.Request.Claims {
		if party.receives(c) {
			r.claims = append(r.claims, c)
		}
	}
	if tx.Request.Fetched {
		r.code = b.code(tx)
	}
	return r, nil
}

// keep returns the session that the answer rests on, with the party among its participants, and another person's session
// that it takes the place of. Nothing is stored yet.
func (b *Broker) keep(ctx context.Context, s *situation, br *Browser, proof Identity) (session, other *Session, err error) {
	now := b.now()
	join := func(session *Session) {
		session.join(Participant{Protocol: s.party.Protocol, Party: s.party.ID, Data: s.tx.Request.Departure,
			SID: b.sid(session.ID, s.party.Protocol, s.party.ID)})
	}
	own := false // the browser's session gets an authentication of this transaction
	session = s.session
	switch {
	case session != nil:
	case s.tx.Session != "": // consent was given to an answer out of a session
		session, err = b.sessionByID(ctx, s.tx.Session)
		if isNotFound(err) {
			err = Fail(Expired, "The session has ended.")
		}
	case s.party.SSO:
		own = true
		session, err = b.session(ctx, br)
	}
	if err != nil {
		return nil, nil, err
	}
	if session != nil && session.Identity.Person != proof.Person {
		session, other = nil, session
	}
	if session == nil {
		// Nobody but a party in single sign-on gets the cookie: without it nobody rests on the session later, this party
		// neither, which logs in afresh every time.
		session = &Session{ID: digest(b.sessionRef(s.tx)), Secret: digest(b.sessionSecret(s.tx)), Identity: proof,
			Epoch: s.tx.Epoch, Begun: now, Used: now}
		join(session)
		return session, other, nil
	}
	if proof.replaces(session.Identity) {
		session.Identity = proof
	}
	if own { // who holds a copy of the cookie has not proved what has been proved now
		session.Secret, session.renewed = digest(b.sessionSecret(s.tx)), true
	}
	session.Used = now
	join(session)
	return session, nil, nil
}

// replaces reports that a session of o is one of i from now on: at least as sure, and of two that are as sure the newer.
func (i Identity) replaces(o Identity) bool {
	return cmp.Or(cmp.Compare(i.Levels.LoA(), o.Levels.LoA()), cmp.Compare(i.Levels.AAL, o.Levels.AAL),
		cmp.Compare(i.Levels.IAL, o.Levels.IAL), i.AuthTime.Compare(o.AuthTime)) >= 0
}

// join makes a party the last of the participants. It goes on knowing the session by the name that it was told first,
// which would be another after a change of secrets.
func (s *Session) join(p Participant) {
	s.Participants = slices.DeleteFunc(s.Participants, func(o Participant) bool {
		same := o.Protocol == p.Protocol && o.Party == p.Party
		if same {
			p.SID = o.SID
		}
		return same
	})
	s.Participants = append(s.Participants, p)
}

// saveSession writes a session. When another answer made or changed it in between, the two are joined.
func (b *Broker) saveSession(ctx context.Context, s *Session) error {
	for {
		r, err := b.record(sessionKey(s.ID), b.sessionIndex(s.Identity.Person), s.ends(b.lifetimes), s.version, s)
		if err != nil {
			return err
		}
		if s.version == 0 {
			err = b.store.Create(ctx, r)
		} else {
			_, err = b.store.Update(ctx, r)
		}
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrExists) {
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
		if s.Identity.replaces(other.Identity) {
			other.Identity = s.Identity
		}
		if s.renewed {
			other.Secret, other.renewed = s.Secret, true
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
	case err != nil: // whatever it is, nothing was decided about the person
		return p, fmt.Errorf("directory: %w: %w", ErrUnavailable, err)
	case p.State != authn.PersonActive:
		return p, Fail(Refused, "The person's eID is blocked.")
	}
	return p, nil
}
