package broker

import (
	"context"
	"errors"
)

// LogoutRequest is a wish to end a session: a party's, or, with no Party, the person's own.
type LogoutRequest struct {
	Protocol  string
	Party     string
	SID       string // names the session, from a token or assertion of ours that the party holds; empty: the browser's own
	Languages []string
	Data      []byte // the adapter's own: where to send the browser afterwards
}

// departing is a logout at rest.
type departing struct {
	Session string `json:"session,omitempty"`
}

// BeginLogout ends the session that the request names. A request that names none, and so may come from anybody who can
// make a browser follow a link, has to be confirmed by the person first (OpenID Connect RP-Initiated Logout 1.0
// section 6): the step is Leave then, and Next goes on with the field "logout".
func (b *Broker) BeginLogout(ctx context.Context, r LogoutRequest, br *Browser) (Transaction, Step, error) {
	tx := Transaction{ID: b.token(), Begun: b.now(), Stage: leaving, Browser: digest(br.token),
		Request:  Request{Protocol: r.Protocol, Party: r.Party, Data: r.Data},
		Language: language(r.Languages, br.languages), Logout: &departing{}}
	if len(r.Data) > MaxData {
		return Transaction{}, nil, Fail(InvalidRequest, "The request carries too much data.")
	}
	named := ""
	if r.SID != "" {
		named = b.openSID(r.SID, r.Protocol, r.Party)
	}
	switch {
	case named != "":
		tx.Logout.Session = named
		step, err := b.depart(ctx, &tx, br)
		return tx, step, err
	case br.session == "":
		step, err := b.depart(ctx, &tx, br)
		return tx, step, err
	}
	tx.Logout.Session = br.sessionID()
	if err := b.save(ctx, &tx, ""); err != nil {
		return Transaction{}, nil, err
	}
	return tx, Leave{}, nil
}

// leave goes on with a logout that waits for the person's word.
func (b *Broker) leave(ctx context.Context, tx *Transaction, br *Browser, in Input) (Step, error) {
	switch {
	case has(in, "cancel"):
		tx.Stage = answered
		if err := b.save(ctx, tx, ""); err != nil {
			return nil, err
		}
		return Refuse{Err: Fail(Cancelled, "The person stays logged in.")}, nil
	case in.Fields["logout"] == "yes":
		step, err := b.depart(ctx, tx, br)
		if err != nil {
			return nil, err // and the person can say it again
		}
		tx.Stage = answered
		return step, b.save(ctx, tx, "")
	}
	return Leave{}, nil
}

// depart ends the session of a logout.
func (b *Broker) depart(ctx context.Context, tx *Transaction, br *Browser) (Step, error) {
	id := tx.Logout.Session
	if id == "" {
		return Left{}, nil
	}
	session, err := b.remembered(ctx, id)
	switch {
	case isNotFound(err) && tx.Request.Party != "", CodeOf(err) == Unavailable:
		// The store does not know it any more, or cannot say. Grants may rest on it all the same, and the ledger ends those.
		session = &Session{ID: id, Begun: b.now()}
	case isNotFound(err):
		return Left{}, nil
	case err != nil:
		return nil, err
	}
	if err := b.end(ctx, session, "logout"); err != nil {
		return nil, err
	}
	if br.sessionID() == id {
		br.leave()
	}
	return Left{session.Participants}, nil
}

// end ends a session: first in the ledger, so that nothing rests on it any more whatever the store says or brings back;
// then its participants are to be told, those too that joined in the last moment. The record goes last: an end that fails
// half-way can be repeated, and then still reaches everybody.
func (b *Broker) end(ctx context.Context, s *Session, why string) error {
	line := Line{Time: b.now(), Event: "logged_out", Person: s.Identity.Person, Session: s.ID, Check: why}
	if err := b.ledger.EndSession(ctx, s.ID, s.Begun.Add(b.lifetimes.Session), line); err != nil {
		return err
	}
	return b.dissolve(ctx, s)
}

// dissolve has the participants of a dead session told and removes its record.
func (b *Broker) dissolve(ctx context.Context, s *Session) error {
	if err := b.notify(ctx, s); err != nil {
		return err
	}
	defer b.wake()
	last, err := b.store.Take(ctx, sessionKey(s.ID))
	if isNotFound(err) {
		return nil
	}
	if err != nil || last.Version == s.version {
		return err
	}
	if err := b.unseal(last, s); err != nil {
		return err
	}
	return b.notify(ctx, s)
}

// EndSessions logs a person out everywhere: every session and every grant ends, offline ones too, and every participant
// is told. It is what a block, and the person's own wish, come to. An error with code Unavailable may mean that everything
// has ended but not everybody is going to be told; repeating it tells the others.
func (b *Broker) EndSessions(ctx context.Context, person, why string) error {
	line := Line{Time: b.now(), Event: "logged_out_everywhere", Person: person, Check: why}
	if err := b.ledger.EndEpoch(ctx, person, line); err != nil {
		return err
	}
	standing, err := b.ledger.Standing(ctx, person, "")
	if err != nil {
		return err
	}
	var faults []error
	for _, mac := range b.sids.macs(person) {
		records, err := b.store.Find(ctx, sessionIndex(mac))
		faults = append(faults, err)
		for _, r := range records {
			var s Session
			if err := b.unseal(r, &s); err != nil {
				faults = append(faults, err)
				continue
			}
			if s.version = r.Version; s.Epoch < standing.Epoch { // another is of somebody who has logged in since
				faults = append(faults, b.dissolve(ctx, &s))
			}
		}
	}
	return errors.Join(faults...)
}
