package broker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tillid/tillid/assurance"
)

// situation is everything that the checks may look at.
type situation struct {
	tx      *Transaction
	party   RelyingParty
	ask     assurance.Ask
	fal     assurance.Level
	session *Session // live, or nil
	now     time.Time
	// consented is what the person has allowed the party before.
	consented []string
	// subject is the person's subject at the party, where the request names the only one that will do.
	subject string
}

// proof is the identity that an answer would rest on: this transaction's own, else the session's, else nil.
func (s *situation) proof() *Identity {
	switch {
	case s.tx.Proof != nil:
		return s.tx.Proof
	case s.session != nil:
		return &s.session.Identity
	}
	return nil
}

// shortfall is nil when the proof suffices.
func (s *situation) shortfall() *assurance.ShortfallError {
	err := s.ask.Check(s.proof().Levels.Under(s.fal))
	if err == nil {
		return nil
	}
	return err.(*assurance.ShortfallError) // the only error that Ask.Check returns
}

// unproven says that the transaction has to rest on the session, if on anything.
func (s *situation) unproven() bool { return s.tx.Proof == nil }

// verdict is what a check decides when it applies.
type verdict int

const (
	authenticate verdict = iota // prove everything afresh
	stepUp                      // prove what is missing, as the same person
	refuse                      // see check.fail
	consent
	answer
)

// check is one reason why an answer cannot be given yet, or why it can.
type check struct {
	name    string // into the audit log and the operator's log, verbatim
	verdict verdict
	applies func(*situation) bool
	fail    func(*situation) *Error // for refuse
}

// checks is the whole policy of a login, in order: the first that applies decides. Each is about one thing, none knows
// another.
var checks = []check{
	{"impossible", refuse,
		func(s *situation) bool { return s.ask.Validate() != nil },
		func(*situation) *Error { return Fail(LevelUnmet, "No login can satisfy what is asked for.") }},
	{"broker_too_low", refuse,
		func(s *situation) bool { return s.ask.Least().LoA > s.fal },
		func(s *situation) *Error {
			least := s.ask.Least()
			return unmet(&assurance.ShortfallError{Wanted: least,
				Got:     assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: s.fal}, // whoever it is, and whatever they use
				Missing: []assurance.Shortfall{{Axis: assurance.LoA, Wanted: least.LoA, Got: s.fal}}})
		}},

	// This transaction has its own authentication: it suffices or it does not.
	{"other_person", refuse,
		func(s *situation) bool {
			return !s.unproven() && (s.tx.Only != "" && s.tx.Proof.Person != s.tx.Only ||
				s.tx.Request.Subject != "" && s.subject != s.tx.Request.Subject)
		},
		func(*situation) *Error { return Fail(Refused, "Another person logged in than the one asked for.") }},
	{"authentication_too_old", refuse,
		func(s *situation) bool {
			if s.unproven() || s.tx.Session != "" {
				return false
			}
			at, r := s.tx.Proof.AuthTime, s.tx.Request
			return r.Force && at.Before(s.tx.Begun.Add(-skew)) || r.MaxAge != nil && s.tx.Begun.Sub(at) > *r.MaxAge+skew
		},
		func(*situation) *Error { return Fail(LoginRequired, "The authentication is older than was asked for.") }},
	{"level_unmet", refuse,
		func(s *situation) bool { return !s.unproven() && s.shortfall() != nil },
		func(s *situation) *Error { return unmet(s.shortfall()) }},

	// Without one, the session may do.
	{"no_session", authenticate, func(s *situation) bool { return s.unproven() && s.session == nil }, nil},
	{"sso_not_registered", authenticate, func(s *situation) bool { return s.unproven() && !s.party.SSO }, nil},
	{"other_subject", authenticate,
		func(s *situation) bool {
			return s.unproven() && s.tx.Request.Subject != "" && s.subject != s.tx.Request.Subject
		}, nil},
	{"forced", authenticate, func(s *situation) bool { return s.unproven() && s.tx.Request.Force }, nil},
	{"select", authenticate, func(s *situation) bool { return s.unproven() && s.tx.Request.Select }, nil},
	{"session_too_old", authenticate,
		func(s *situation) bool {
			return s.unproven() && s.tx.Request.MaxAge != nil && s.now.Sub(s.session.Identity.AuthTime) > *s.tx.Request.MaxAge
		}, nil},
	{"connector_not_permitted", authenticate,
		func(s *situation) bool {
			c := s.session
			return s.unproven() && (!s.party.permits(c.Identity.Connector) ||
				s.tx.Request.Connector != "" && s.tx.Request.Connector != c.Identity.Connector)
		}, nil},
	// Exactly Low, or at most Low, cannot come of a session that has proved more: only of less.
	{"session_too_strong", authenticate,
		func(s *situation) bool {
			if !s.unproven() {
				return false
			}
			short := s.shortfall()
			return short != nil && short.Comparison != assurance.AtLeast
		}, nil},
	{"ial_too_low", refuse,
		func(s *situation) bool {
			ial, _ := s.ask.Least().Needs()
			return s.unproven() && s.session.Identity.Levels.IAL < ial
		},
		func(s *situation) *Error { return unmet(s.shortfall()) }},
	{"aal_too_low", stepUp, func(s *situation) bool { return s.unproven() && s.shortfall() != nil }, nil},

	{"consent_missing", consent,
		func(s *situation) bool {
			return s.asksConsent() && !s.tx.Consented && !covers(s.consented, s.tx.Request.Claims)
		}, nil},
	{"satisfied", answer, func(*situation) bool { return true }, nil},
}

// first returns the check that decides. There always is one: the last applies to everything.
func first(s *situation) check {
	for _, c := range checks {
		if c.applies(s) {
			return c
		}
	}
	return check{name: "undecided", verdict: refuse, fail: func(*situation) *Error { return Fail(Internal, "") }}
}

// asksConsent: the party is registered to ask, or the CPR number is released on the person's consent.
func (s *situation) asksConsent() bool {
	claims := s.tx.Request.Claims
	return len(claims) > 0 && (s.party.Consent || s.party.CPRBasis == BasisConsent && slices.Contains(claims, ClaimCPR))
}

// BasisConsent is the legal basis of a party that receives the CPR number because the person agrees to it.
const BasisConsent = "consent"

func covers(given, asked []string) bool {
	for _, a := range asked {
		if !slices.Contains(given, a) {
			return false
		}
	}
	return true
}

// unmet says in one sentence which axis was too weak, and names the broker where it is the reason.
func unmet(short *assurance.ShortfallError) *Error {
	m := short.Missing[0]
	if short.BrokerLimited() {
		return &Error{Code: LevelUnmet, Err: short,
			Text: fmt.Sprintf("This broker is notified at level %v and cannot assert %v.", short.Got.FAL, short.Wanted.LoA)}
	}
	weak := m.Axis
	if m.Axis == assurance.LoA { // name what held it down
		switch m.Got {
		case short.Got.IAL:
			weak = assurance.IAL
		case short.Got.AAL:
			weak = assurance.AAL
		}
	}
	why := map[assurance.Axis]string{
		assurance.IAL: " because the person's identity was proofed at that level",
		assurance.AAL: " because of the authenticators used",
	}[weak]
	return &Error{Code: LevelUnmet, Err: short,
		Text: fmt.Sprintf("Level %v is required; %v was reached%s.", m.Wanted, m.Got, why)}
}

// situate gathers what the checks look at, and nothing that they will not.
func (b *Broker) situate(ctx context.Context, tx *Transaction, party RelyingParty, br *Browser) (*situation, error) {
	s := &situation{tx: tx, party: party, ask: ask(tx.Request, party), fal: b.fal, now: b.now()}
	if tx.Proof == nil {
		session, err := b.session(ctx, br)
		if err != nil {
			return nil, err
		}
		s.session = session
	}
	proof := s.proof()
	if proof == nil {
		return s, nil
	}
	if tx.Request.Subject != "" {
		subject, err := b.ledger.Subject(ctx, party.Sector(), proof.Person)
		if err != nil {
			return nil, err
		}
		s.subject = subject
	}
	if s.asksConsent() {
		given, err := b.ledger.Consent(ctx, proof.Person, consentParty(party))
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		s.consented = given.Claims
	}
	return s, nil
}

func consentParty(p RelyingParty) string { return p.Protocol + ":" + p.ID }
