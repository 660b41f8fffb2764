package broker_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// TestConnectorsAreAskedForWhatWouldDo compares what is asked of a connector with what the broker accepts.
func TestConnectorsAreAskedForWhatWouldDo(t *testing.T) {
	w := newWorld(t)
	levels := []assurance.Level{assurance.Low, assurance.Substantial, assurance.High}
	for _, comparison := range []assurance.Comparison{assurance.AtLeast, assurance.Exact, assurance.AtMost, assurance.Better} {
		for _, a := range levels {
			for _, b := range levels {
				for _, party := range []string{"casual", "shop"} {
					r := request(party)
					r.Comparison, r.Want = comparison, []assurance.Minimum{{LoA: a}, {LoA: b}}
					br := w.browser()
					tx, step := w.begin(br, r)
					if _, refused := step.(broker.Refuse); refused {
						continue
					}
					ask := w.connector.last()
					aim := ask.Want.LoA
					if len(ask.Prefer) > 0 {
						aim = ask.Prefer[0].LoA
					}
					for _, p := range ask.Prefer {
						if p.Join(ask.Want) != p {
							t.Errorf("%s %q %v %v: prefers %v to at least %v", party, comparison, a, b, p, ask.Want)
						}
					}
					fields := proves("anna", aim)
					fields["ial"] = aim.String()
					if _, step, err := w.next(br, tx.ID, fields); err != nil {
						t.Fatal(err)
					} else if _, ok := step.(broker.Done); !ok {
						t.Errorf("%s %q %v %v: %v was asked for and does not do: %#v", party, comparison, a, b, aim, step)
					}
				}
			}
		}
	}
}

// TestSessionThatIsTooStrong is asked for exactly less.
func TestSessionThatIsTooStrong(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("casual"), "anna", assurance.Substantial)
	r := request("casual")
	r.Comparison, r.Want = assurance.Exact, []assurance.Minimum{{LoA: assurance.Low}}
	tx, _ := w.begin(br, r)
	if ask := w.connector.last(); tx.Check != "session_too_strong" || ask.Have != nil {
		t.Errorf("%s: nothing less can come of what is there", tx.Check)
	}
	_, step, err := w.next(br, tx.ID, proves("anna", assurance.Low))
	done, ok := step.(broker.Done)
	if err != nil || !ok || done.Result.Levels().LoA() != assurance.Low {
		t.Errorf("%#v, %v", step, err)
	}
	if result, ok := w.passive(br, "shop"); !ok || result.Levels().LoA() != assurance.Substantial {
		t.Error("the session lost its level")
	}
}

// TestBrokerThatLostItsLevel redeems and uses at a broker of Substantial what one of High has answered.
func TestBrokerThatLostItsLevel(t *testing.T) {
	w := newWorld(t)
	lowered := w.another(func(c *broker.Config) { c.FAL = assurance.Substantial })
	high := func(want ...assurance.Minimum) broker.Result {
		br := w.browser()
		r := request("shop")
		r.Want = want
		tx, _ := w.begin(br, r)
		fields := proves("anna", assurance.High)
		fields["ial"] = assurance.High.String()
		_, step, err := w.next(br, tx.ID, fields)
		if err != nil {
			t.Fatal(err)
		}
		return step.(broker.Done).Result
	}
	if result, err := lowered.Redeem(w.ctx, "oidc", "shop", high(assurance.Minimum{LoA: assurance.High}).Code()); broker.CodeOf(err) != broker.LevelUnmet {
		t.Errorf("%v was given to whom High is required: %v", result.Levels(), err)
	}
	result, err := w.broker.Redeem(w.ctx, "oidc", "shop", high().Code())
	if err != nil {
		t.Fatal(err)
	}
	grant, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Offline: true})
	if err != nil || grant.Levels.LoA() != assurance.High {
		t.Fatal(grant.Levels, err)
	}
	if g, err := lowered.Access(w.ctx, "oidc", "shop", grant.ID, "t"); err != nil || g.Levels.LoA() != assurance.Substantial {
		t.Errorf("access at %v, %v", g.Levels, err)
	}
	if g, err := lowered.Refresh(w.ctx, "oidc", "shop", w.broker.RefreshToken(grant)); err != nil || g.Levels.LoA() != assurance.Substantial {
		t.Errorf("refreshed at %v, %v", g.Levels, err)
	}
}

// TestRegistrationThatWasWithdrawn takes claims and ways to log in from a party that has its answer.
func TestRegistrationThatWasWithdrawn(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _ := w.begin(br, request("asking"))
	if _, _, err := w.next(br, tx.ID, proves("anna", assurance.Substantial)); err != nil {
		t.Fatal(err)
	}
	_, step, err := w.next(br, tx.ID, map[string]string{"consent": "yes"})
	if err != nil {
		t.Fatal(err)
	}
	w.parties.change("asking", func(p *broker.RelyingParty) { p.Claims = nil })
	result, err := w.broker.Redeem(w.ctx, "oidc", "asking", step.(broker.Done).Result.Code())
	if err != nil || len(result.Claims()) != 0 {
		t.Errorf("%q, %v", result.Claims(), err)
	}
	grant, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	w.parties.change("asking", func(p *broker.RelyingParty) { p.Connectors = []string{"another"} })
	if _, err := w.broker.Access(w.ctx, "oidc", "asking", grant.ID, "t"); broker.CodeOf(err) != broker.Refused {
		t.Errorf("access: %v", err)
	}
	if _, err := w.broker.Refresh(w.ctx, "oidc", "asking", w.broker.RefreshToken(grant)); broker.CodeOf(err) != broker.Refused {
		t.Errorf("refresh: %v", err)
	}
}

// TestSecretsReplacedInBetween ends at a broker with a new first secret what one with the old secret began.
func TestSecretsReplacedInBetween(t *testing.T) {
	w := newWorld(t)
	w.departer.fail.Store(false)
	rotated := w.another(func(c *broker.Config) {
		c.Secrets = [][]byte{bytes.Repeat([]byte("n"), broker.MinimumSecret), testSecret}
	})
	result := w.login(w.browser(), request("shop"), "anna", assurance.Substantial)
	grant := w.redeem("shop", result.Code())
	if _, err := rotated.Redeem(w.ctx, "oidc", "shop", result.Code()); broker.CodeOf(err) != broker.Expired {
		t.Fatal(err)
	}
	if _, err := rotated.Access(w.ctx, "oidc", "shop", grant.ID, "t"); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a replayed code's grant lives: %v", err)
	}
	if err := rotated.EndSessions(w.ctx, "anna", "asked"); err != nil {
		t.Fatal(err)
	}
	if err := rotated.Deliver(w.ctx); err != nil || !slices.Equal(w.departer.told(), []string{"shop " + result.SID()}) {
		t.Errorf("told %q, %v", w.departer.told(), err)
	}
}

// TestWhatIsConfiguredNoLonger meets a transaction and a notice of a connector and a protocol that are gone.
func TestWhatIsConfiguredNoLonger(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _ := w.begin(br, request("shop"))
	bare := w.another(func(c *broker.Config) { c.Connectors, c.Departers = []broker.Connector{renamed{w.connector}}, nil })
	if _, step, err := bare.Next(w.ctx, tx.ID, br.open(), broker.Input{Fields: proves("anna", assurance.Substantial)}); broker.CodeOf(err) != broker.Expired {
		t.Errorf("%T, %v", step, err)
	}
	if _, _, err := w.next(br, tx.ID, map[string]string{"wait": "anna"}); err != nil {
		t.Fatal(err)
	}
	waiting, err := w.broker.WaitingFor(w.ctx, "waiting-anna")
	if err != nil || len(waiting) != 1 {
		t.Fatal(waiting, err)
	}
	if _, _, err := bare.Remote(w.ctx, waiting[0].Channel, broker.Input{}); broker.CodeOf(err) != broker.Expired {
		t.Error(err)
	}
	w.login(br, request("shop"), "bo", assurance.Substantial)
	if err := w.broker.EndSessions(w.ctx, "bo", "asked"); err != nil {
		t.Fatal(err)
	}
	if err := bare.Deliver(w.ctx); err != nil {
		t.Error(err)
	}
	w.departer.fail.Store(false)
	if err := w.broker.Deliver(w.ctx); err != nil || len(w.departer.told()) != 1 {
		t.Errorf("told %q, %v", w.departer.told(), err)
	}
}

type renamed struct{ *scripted }

func (renamed) Name() string { return "renamed" }

// TestSessionOfManyParties joins as many as somebody may meet in a day, each with all the data that a request may carry.
func TestSessionOfManyParties(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	for i := range 100 {
		id := fmt.Sprintf("party-%d", i)
		w.parties.change(id, func(p *broker.RelyingParty) { p.SSO = true })
		r := request(id)
		r.Data = bytes.Repeat([]byte("d"), broker.MaxData)
		if i == 0 {
			w.login(br, r, "anna", assurance.Substantial)
			continue
		}
		if _, step := w.begin(br, r); i > 0 {
			if _, ok := step.(broker.Done); !ok {
				t.Fatalf("party %d: %T", i, step)
			}
		}
		w.clock.advance(time.Second)
	}
	r := request("shop")
	r.Data = make([]byte, broker.MaxData+1)
	if _, _, err := w.broker.Begin(w.ctx, r, br.open()); broker.CodeOf(err) != broker.InvalidRequest {
		t.Errorf("data without a limit: %v", err)
	}
}
