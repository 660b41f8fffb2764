package broker

import (
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
)

// TestChecks holds the whole login policy as one table: what is asked, what there is, and the check that decides.
func TestChecks(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	low, sub, high := assurance.Low, assurance.Substantial, assurance.High
	identity := func(ial, aal assurance.Level) *Identity {
		return &Identity{Connector: "mitid", Person: "anna", Levels: assurance.Levels{IAL: ial, AAL: aal, FAL: high},
			AuthTime: now.Add(-10 * time.Minute)}
	}
	session := func(ial, aal assurance.Level) *Session { return &Session{ID: "s", Identity: *identity(ial, aal)} }
	minutes := func(n int) *time.Duration { d := time.Duration(n) * time.Minute; return &d }
	want := func(levels ...assurance.Level) []assurance.Minimum {
		var out []assurance.Minimum
		for _, l := range levels {
			out = append(out, assurance.Minimum{LoA: l})
		}
		return out
	}
	shared := RelyingParty{Protocol: "oidc", ID: "a", SSO: true}
	lowParty := RelyingParty{Protocol: "oidc", ID: "l", SSO: true, Minimum: assurance.Minimum{LoA: low}}
	asking := RelyingParty{Protocol: "oidc", ID: "c", SSO: true, Consent: true, Claims: []string{"profile"}}
	for _, c := range []struct {
		name      string
		party     RelyingParty
		request   Request
		session   *Session
		proof     *Identity
		only      string
		subject   string
		consented []string
		fal       assurance.Level
		check     string
		verdict   verdict
	}{
		{name: "nobody is logged in", party: shared, check: "no_session", verdict: authenticate},
		{name: "a session suffices", party: shared, session: session(sub, sub), check: "satisfied", verdict: answer},
		{name: "a party outside single sign-on never uses a session", party: RelyingParty{ID: "x"}, session: session(sub, sub),
			check: "sso_not_registered", verdict: authenticate},
		{name: "a session at Low is stepped up", party: shared, session: session(sub, low), check: "aal_too_low", verdict: stepUp},
		{name: "a session at Low does for a party registered for Low", party: lowParty, session: session(sub, low),
			check: "satisfied", verdict: answer},
		{name: "a request raises the registered minimum", party: lowParty, request: Request{Want: want(sub)},
			session: session(sub, low), check: "aal_too_low", verdict: stepUp},
		{name: "a request cannot lower it", party: shared, request: Request{Want: want(low)}, session: session(sub, low),
			check: "aal_too_low", verdict: stepUp},
		{name: "of ordered alternatives any will do", party: lowParty, request: Request{Want: want(high, low)},
			session: session(sub, low), check: "satisfied", verdict: answer},
		{name: "no authenticator mends a proofing that is too weak", party: shared, session: session(low, high),
			check: "ial_too_low", verdict: refuse},
		{name: "forced", party: shared, request: Request{Force: true}, session: session(high, high), check: "forced", verdict: authenticate},
		{name: "choosing", party: shared, request: Request{Select: true}, session: session(high, high), check: "select", verdict: authenticate},
		{name: "young enough", party: shared, request: Request{MaxAge: minutes(10)}, session: session(sub, sub), check: "satisfied", verdict: answer},
		{name: "too old", party: shared, request: Request{MaxAge: minutes(9)}, session: session(sub, sub), check: "session_too_old", verdict: authenticate},
		{name: "max_age=0 is always too old", party: shared, request: Request{MaxAge: minutes(0)}, session: session(sub, sub),
			check: "session_too_old", verdict: authenticate},
		{name: "another way to log in is asked for", party: shared, request: Request{Connector: "nemid"}, session: session(sub, sub),
			check: "connector_not_permitted", verdict: authenticate},
		{name: "the way is not permitted to the party", party: RelyingParty{SSO: true, Connectors: []string{"nemid"}},
			session: session(sub, sub), check: "connector_not_permitted", verdict: authenticate},
		{name: "somebody else is asked for", party: shared, request: Request{Subject: "pairwise-bo"}, session: session(sub, sub),
			subject: "pairwise-anna", check: "other_subject", verdict: authenticate},
		{name: "this very person is asked for", party: shared, request: Request{Subject: "pairwise-anna"}, session: session(sub, sub),
			subject: "pairwise-anna", check: "satisfied", verdict: answer},

		{name: "proven", party: shared, proof: identity(sub, sub), check: "satisfied", verdict: answer},
		{name: "proven, though forced", party: shared, request: Request{Force: true}, proof: &Identity{Person: "anna",
			Levels: assurance.Levels{IAL: sub, AAL: sub, FAL: high}, AuthTime: now}, check: "satisfied", verdict: answer},
		{name: "an upstream's old authentication is not a forced one", party: shared, request: Request{Force: true},
			proof: identity(sub, sub), check: "authentication_too_old", verdict: refuse},
		{name: "proven too weakly", party: shared, proof: identity(sub, low), check: "level_unmet", verdict: refuse},
		{name: "proofed too weakly", party: shared, proof: identity(low, high), check: "level_unmet", verdict: refuse},
		{name: "a step-up by somebody else", party: shared, proof: identity(sub, sub), only: "bo", check: "other_person", verdict: refuse},
		{name: "a login by another subject", party: shared, request: Request{Subject: "pairwise-bo"}, proof: identity(sub, sub),
			subject: "pairwise-anna", check: "other_person", verdict: refuse},

		{name: "the broker itself is too low", party: shared, request: Request{Want: want(high)}, fal: sub, check: "broker_too_low", verdict: refuse},
		{name: "the broker is high enough for one alternative", party: shared, request: Request{Want: want(high, sub)}, fal: sub,
			session: session(high, high), check: "satisfied", verdict: answer},
		{name: "an upstream broker was too low", party: shared, proof: &Identity{Person: "anna", AuthTime: now,
			Levels: assurance.Levels{IAL: high, AAL: high, FAL: low}}, check: "level_unmet", verdict: refuse},

		{name: "consent is missing", party: asking, request: Request{Claims: []string{"profile"}}, session: session(sub, sub),
			check: "consent_missing", verdict: consent},
		{name: "consent was given before", party: asking, request: Request{Claims: []string{"profile"}}, session: session(sub, sub),
			consented: []string{"profile"}, check: "satisfied", verdict: answer},
		{name: "nothing to consent to", party: asking, session: session(sub, sub), check: "satisfied", verdict: answer},
		{name: "the CPR number rests on consent", party: RelyingParty{SSO: true, Claims: []string{"ssn"}, CPRBasis: BasisConsent},
			request: Request{Claims: []string{"ssn"}}, session: session(sub, sub), check: "consent_missing", verdict: consent},
		{name: "the CPR number rests on law", party: RelyingParty{SSO: true, Claims: []string{"ssn"}, CPRBasis: "public"},
			request: Request{Claims: []string{"ssn"}}, session: session(sub, sub), check: "satisfied", verdict: answer},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.fal == assurance.None {
				c.fal = high
			}
			tx := &Transaction{Request: c.request, Begun: now, Proof: c.proof, Only: c.only}
			s := &situation{tx: tx, party: c.party, ask: ask(c.request, c.party), fal: c.fal, session: c.session, now: now,
				subject: c.subject, consented: c.consented}
			got := first(s)
			if got.name != c.check || got.verdict != c.verdict {
				t.Fatalf("%s (%d) decided, want %s (%d)", got.name, got.verdict, c.check, c.verdict)
			}
			if got.verdict == refuse {
				if e := got.fail(s); e.Code == "" || e.Text == "" {
					t.Errorf("the refusal says nothing: %#v", e)
				}
			}
		})
	}
}

// TestNothingBelowTheFloorIsAnswered goes through every level on every axis, with and without a session: an answer always
// meets the registered minimum and is never above the broker.
func TestNothingBelowTheFloorIsAnswered(t *testing.T) {
	levels := []assurance.Level{assurance.None, assurance.Low, assurance.Substantial, assurance.High}
	for _, floor := range levels {
		for _, wanted := range levels {
			for _, ial := range levels {
				for _, aal := range levels {
					for _, fal := range levels {
						for _, own := range []bool{true, false} {
							party := RelyingParty{SSO: true, Minimum: assurance.Minimum{LoA: floor}}
							tx := &Transaction{Request: Request{Want: []assurance.Minimum{{LoA: wanted}}}}
							id := Identity{Person: "anna", Levels: assurance.Levels{IAL: ial, AAL: aal, FAL: assurance.High}}
							s := &situation{tx: tx, party: party, ask: ask(tx.Request, party), fal: fal}
							if own {
								tx.Proof = &id
							} else {
								s.session = &Session{Identity: id}
							}
							if first(s).verdict != answer {
								continue
							}
							got := id.Levels.Under(fal).LoA()
							if got < party.floor().LoA || got < wanted || got > fal || got == assurance.None {
								t.Fatalf("answered %v: floor %v, wanted %v, ial %v, aal %v, fal %v", got, floor, wanted, ial, aal, fal)
							}
						}
					}
				}
			}
		}
	}
}
