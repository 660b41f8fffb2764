package broker

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tillid/tillid/assurance"
)

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func transactionKey(id string) string { return "t/" + digest(id) }

// Next answers what must happen next, after taking in what the browser sent. Empty input is a visit to the transaction's
// page: it shows the last step again, and asks the connector anew where the person is waiting for something.
//
// Fields that the broker itself understands: "cancel", "connector" (another way to log in), "consent" (yes or no), "back"
// (to the service, from an explanation), "lang". All others are the connector's.
//
// Errors carry a Code: Expired, WrongBrowser, Unavailable, Busy or Internal. Whatever ends the login for the party is a
// Refuse step, not an error.
func (b *Broker) Next(ctx context.Context, id string, br *Browser, in Input) (Transaction, Step, error) {
	tx, err := b.transaction(ctx, id)
	if err != nil {
		return Transaction{}, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(tx.Browser), []byte(digest(br.token))) != 1 {
		return Transaction{}, nil, Fail(WrongBrowser, "This login was begun in another browser.")
	}
	if l := in.Fields["lang"]; l == "da" || l == "en" {
		tx.dirty = tx.dirty || tx.Language != l
		tx.Language = l
		rest := maps.Clone(in.Fields)
		delete(rest, "lang")
		in.Fields = rest
	}
	switch tx.Stage {
	case refused:
		step, err := b.explained(ctx, &tx, in)
		return tx, step, err
	case leaving:
		step, err := b.leave(ctx, &tx, br, in)
		return tx, step, err
	}
	if tx.Logout != nil {
		return tx, nil, Fail(Expired, "This logout is over.")
	}
	party, err := b.party(ctx, tx.Request.Protocol, tx.Request.Party)
	if err != nil {
		return tx, nil, err
	}
	if tx.Stage == answered {
		step, err := b.again(ctx, &tx, party, br)
		return tx, step, err
	}
	step, err := b.take(ctx, &tx, party, br, in)
	if errors.Is(err, ErrConflict) { // the same form sent twice: whoever came second gets what the first was given
		if now, e := b.transaction(ctx, id); e == nil && now.Stage == answered {
			step, err := b.again(ctx, &now, party, br)
			return now, step, err
		}
	}
	return tx, step, err
}

// again repeats an answer that waits to be fetched, to whom may still have it and with an audit line of its own. It names
// the same code's transaction, so it can be redeemed no more than once all the same.
func (b *Broker) again(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser) (Step, error) {
	if !tx.Request.Fetched || tx.Failure != nil || tx.Proof == nil {
		return nil, Fail(Expired, "This login has been answered.")
	}
	session, err := b.sessionByID(ctx, tx.Session)
	if isNotFound(err) {
		return nil, Fail(Expired, "The session has ended.")
	}
	if err != nil {
		return nil, err
	}
	if err := b.permit(ctx, party, claimant{person: tx.Proof.Person, session: tx.Session, epoch: tx.Epoch,
		levels: tx.Proof.Levels, connector: tx.Proof.Connector}); err != nil {
		return nil, err
	}
	return b.answer(ctx, tx, party, session, br)
}

// transaction loads a live transaction; one that is gone has Expired.
func (b *Broker) transaction(ctx context.Context, id string) (Transaction, error) {
	var tx Transaction
	version, err := b.load(ctx, transactionKey(id), &tx)
	switch {
	case isNotFound(err):
		return tx, Fail(Expired, "This login has expired.")
	case err != nil:
		return tx, err
	}
	tx.version = version
	return tx, nil
}

// take applies input and decides.
func (b *Broker) take(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser, in Input) (Step, error) {
	switch {
	case has(in, "cancel"):
		return b.refuse(ctx, tx, "cancelled", Fail(Cancelled, "The person cancelled the login."))
	case tx.Proof != nil: // only consent can be outstanding
		switch in.Fields["consent"] {
		case "yes":
			if err := b.consented(ctx, tx, party); err != nil {
				return nil, err
			}
		case "no":
			return b.refuse(ctx, tx, "consent_refused", Fail(Cancelled, "The person did not consent."))
		}
		return b.decide(ctx, tx, party, br)
	case has(in, "connector") && in.Fields["connector"] != tx.Connector:
		if !slices.ContainsFunc(b.offered(tx, party), func(o Option) bool { return o.Value == in.Fields["connector"] }) {
			return nil, Fail(InvalidRequest, "There is no such way to log in.")
		}
		tx.Connector, tx.State, tx.Turn = in.Fields["connector"], nil, nil
		return b.start(ctx, tx, party, br)
	case tx.Connector == "":
		return b.decide(ctx, tx, party, br)
	case len(in.Fields) == 0 && in.Request == nil && tx.Turn != nil && !tx.Turn.waits():
		if tx.dirty {
			if err := b.save(ctx, tx, ""); err != nil {
				return nil, err
			}
		}
		return Show{tx.Turn.turn()}, nil
	}
	connector := b.connector(tx.Connector)
	if connector == nil {
		return nil, errNoConnector
	}
	turn, state, err := connector.Continue(ctx, b.askOf(tx, party, br), tx.State, in)
	return b.turned(ctx, tx, party, br, turn, state, err)
}

// errNoConnector: a login was begun by a broker that had another configuration.
var errNoConnector = Fail(Expired, "The way to log in that was begun with is not offered any more.")

func has(in Input, field string) bool { return in.Fields[field] != "" }

// decide is the dispatcher: it asks the checks and does what they say.
func (b *Broker) decide(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser) (Step, error) {
	s, err := b.situate(ctx, tx, party, br)
	if err != nil {
		return nil, err
	}
	c := first(s)
	tx.Check = c.name
	if c.verdict != answer { // the answer has a line of its own
		if err := b.note(ctx, tx, Line{Event: "decided", Check: c.name}); err != nil {
			return nil, err
		}
	}
	passive := tx.Request.Passive
	switch c.verdict {
	case authenticate, stepUp:
		if passive {
			return b.refuse(ctx, tx, c.name, Fail(LoginRequired, "Nobody is logged in as required."))
		}
		if c.verdict == stepUp {
			tx.Have, tx.Base = &s.session.Identity, s.session.ID
			tx.Only, tx.Connector = s.session.Identity.Person, s.session.Identity.Connector
		}
		return b.start(ctx, tx, party, br)
	case consent:
		if passive {
			return b.refuse(ctx, tx, c.name, Fail(ConsentRequired, "The person has not consented."))
		}
		tx.Proof = s.proof() // what is consented to stays what it was
		if s.session != nil {
			tx.Session, tx.Epoch = s.session.ID, s.session.Epoch
		}
		if err := b.save(ctx, tx, ""); err != nil {
			return nil, err
		}
		return Consenting{Claims: tx.Request.Claims, CPRBasis: cprBasis(tx.Request.Claims, party)}, nil
	case answer:
		return b.finish(ctx, s, br)
	}
	return b.refuse(ctx, tx, c.name, c.fail(s))
}

func cprBasis(claims []string, party RelyingParty) string {
	if slices.Contains(claims, ClaimCPR) {
		return party.CPRBasis
	}
	return ""
}

// start opens the conversation with the chosen connector, or with the first that will do.
func (b *Broker) start(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser) (Step, error) {
	offered := b.offered(tx, party)
	if len(offered) == 0 {
		return b.refuse(ctx, tx, "no_connector", Fail(NotAllowed, "No way to log in is open to the service."))
	}
	if tx.Connector == "" {
		tx.Connector = offered[0].Value
	}
	turn, state, err := b.connector(tx.Connector).Start(ctx, b.askOf(tx, party, br))
	return b.turned(ctx, tx, party, br, turn, state, err)
}

// offered are the ways to log in that the request, the party and a step-up leave open.
func (b *Broker) offered(tx *Transaction, party RelyingParty) []Option {
	var out []Option
	for _, c := range b.connectors {
		n := c.Name()
		if party.permits(n) && (tx.Request.Connector == "" || tx.Request.Connector == n) &&
			(tx.Have == nil || tx.Have.Connector == n) {
			out = append(out, Option{Value: n, Label: "connector." + n})
		}
	}
	return out
}

// Connectors are the ways to log in that the transaction's page offers, the one in use included.
func (b *Broker) Connectors(ctx context.Context, tx Transaction) ([]Option, error) {
	party, err := b.party(ctx, tx.Request.Protocol, tx.Request.Party)
	if err != nil {
		return nil, err
	}
	return b.offered(&tx, party), nil
}

// Party is the relying party of a transaction, for its pages.
func (b *Broker) Party(ctx context.Context, tx Transaction) (RelyingParty, error) {
	return b.party(ctx, tx.Request.Protocol, tx.Request.Party)
}

// askOf is what the connector is to achieve.
func (b *Broker) askOf(tx *Transaction, party RelyingParty, br *Browser) Ask {
	want := ask(tx.Request, party)
	a := Ask{Want: want.Least(), Party: party.Title(tx.Language), Purpose: tx.Request.Purpose, Action: tx.Request.Action,
		Text: tx.Request.Text, Hint: tx.Request.Hint, Language: tx.Language, Person: tx.Only, Have: tx.Have,
		Channel: b.channels.fixed([]byte(tx.ID)), Lane: br.lane, Now: b.now()}
	if a.Action == "" {
		a.Action = LogOn
	}
	for i, alt := range want.Alternatives {
		m := want.Floor.Join(alt)
		ial, aal := m.Needs()
		// What meets one alternative may still not do, for being too strong (Exact), too weak (Better) or beyond this broker.
		if got, err := want.Pick(assurance.Levels{IAL: ial, AAL: aal, FAL: b.fal}); err == nil && got == i {
			a.Prefer = append(a.Prefer, m)
		}
	}
	return a
}

// turned takes in what a connector answered.
func (b *Broker) turned(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser, turn Turn, state []byte, err error) (Step, error) {
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Code == Unavailable || e.Code == Busy || e.Code == InvalidRequest {
			return nil, err // nothing was decided: the person may try again
		}
		return b.refuse(ctx, tx, "connector", e)
	}
	if proven, ok := turn.(Proven); ok {
		if tx.Have != nil {
			if _, err := b.sessionByID(ctx, tx.Base); isNotFound(err) {
				return b.anew(ctx, tx, party, br)
			} else if err != nil {
				return nil, err
			}
		}
		if err := b.prove(ctx, tx, proven.Identity); err != nil {
			return nil, err
		}
		return b.decide(ctx, tx, party, br)
	}
	before, was := tx.Turn, tx.State
	tx.State, tx.Turn = state, showing(turn)
	if len(state) > maxState {
		return nil, Because(Internal, errors.New("a connector has more to remember than it may"))
	}
	if tx.Turn == nil {
		return nil, Because(Internal, errors.New("a connector answered a browser with something that cannot be shown"))
	}
	if prompt, ok := turn.(Prompt); ok && prompt.Problem != "" {
		if err := b.note(ctx, tx, Line{Event: "rejected", Check: prompt.Problem, Detail: map[string]string{"connector": tx.Connector}}); err != nil {
			return nil, err
		}
	}
	if err := b.saveTurn(ctx, tx, before, was); err != nil {
		return nil, err
	}
	return Show{turn}, nil
}

// anew begins a step-up again without the session that it was built upon, because that has ended: what was proved in it
// counts for nothing any more.
func (b *Broker) anew(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser) (Step, error) {
	tx.Have, tx.Base, tx.Only, tx.State, tx.Turn, tx.Check = nil, "", "", nil, nil, "session_ended"
	if err := b.note(ctx, tx, Line{Event: "decided", Check: tx.Check}); err != nil {
		return nil, err
	}
	return b.start(ctx, tx, party, br)
}

// skew is how far the clocks of connectors and their upstreams may differ from ours.
const skew = time.Minute

// prove takes a connector's word, as far as it can be true.
func (b *Broker) prove(ctx context.Context, tx *Transaction, id Identity) error {
	now := b.now()
	switch {
	case id.Connector != tx.Connector, id.Person == "":
		return Because(Internal, errors.New("a connector proved an identity that is not its own"))
	case id.AuthTime.After(now.Add(skew)):
		return Because(Internal, errors.New("a connector proved an authentication of the future"))
	}
	if id.Type == "" {
		id.Type = Private
	}
	standing, err := b.ledger.Standing(ctx, id.Person, "")
	if err != nil {
		return err
	}
	tx.Proof, tx.Epoch, tx.State, tx.Turn = &id, standing.Epoch, nil, nil
	return b.note(ctx, tx, Line{Event: "authenticated", Person: id.Person, Outcome: id.Levels.LoA().String(),
		Detail: map[string]string{"connector": id.Connector, "ial": id.Levels.IAL.String(), "aal": id.Levels.AAL.String(),
			"fal": id.Levels.FAL.String(), "proofed": id.Proofed, "used": id.Used}})
}

// save writes the transaction: anew at its first step, else over the version that was read. Somebody else's step in
// between is Expired for this one: of two answers only one is given.
func (b *Broker) save(ctx context.Context, tx *Transaction, index string) error {
	life := b.lifetimes.Transaction
	expires := tx.Begun.Add(life)
	if tx.Stage == answered && tx.Request.Fetched && tx.Failure == nil && tx.Logout == nil {
		expires = b.now().Add(b.lifetimes.Code)
	}
	r, err := b.record(transactionKey(tx.ID), index, expires, tx.version, tx)
	if err != nil {
		return err
	}
	if tx.version == 0 {
		return b.store.Create(ctx, r)
	}
	version, err := b.store.Update(ctx, r)
	if errors.Is(err, ErrConflict) || isNotFound(err) {
		return &Error{Code: Expired, Text: "This login went on elsewhere.", Err: err}
	}
	tx.version = version
	return err
}

// saveTurn saves unless nothing has changed since the turn before, which is what most visits of a waiting page come to.
func (b *Broker) saveTurn(ctx context.Context, tx *Transaction, before *shown, was []byte) error {
	index := ""
	if tx.Turn.Wait != nil {
		index = tx.Turn.Wait.Index
	}
	if tx.version != 0 && !tx.dirty && tx.Turn.same(before) && bytes.Equal(tx.State, was) {
		return nil
	}
	return b.save(ctx, tx, index)
}

// line fills in what every line about a transaction says.
func (b *Broker) line(tx *Transaction, l Line) Line {
	l.Time, l.Transaction = b.now(), digest(tx.ID)
	l.Party = tx.Request.Protocol + ":" + tx.Request.Party
	if l.Person == "" && tx.Proof != nil {
		l.Person = tx.Proof.Person
	}
	if l.Session == "" {
		l.Session = tx.Session
	}
	return l
}

func (b *Broker) note(ctx context.Context, tx *Transaction, l Line) error {
	return b.ledger.Note(ctx, b.line(tx, l))
}
