package broker_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// count is how often the audit log says that something happened.
func (w *world) count(event string) int {
	w.t.Helper()
	n := 0
	for _, e := range w.events() {
		if e == event {
			n++
		}
	}
	return n
}

func (w *world) begin(br *browser, r broker.Request) (broker.Transaction, broker.Step) {
	w.t.Helper()
	state := br.open()
	tx, step, err := w.broker.Begin(w.ctx, r, state)
	br.close(state)
	if err != nil {
		w.t.Fatal(err)
	}
	return tx, step
}

// passive asks for an answer out of the browser's session.
func (w *world) passive(br *browser, party string) (broker.Result, bool) {
	w.t.Helper()
	r := request(party)
	r.Passive = true
	_, step := w.begin(br, r)
	done, ok := step.(broker.Done)
	return done.Result, ok
}

func proves(user string, level assurance.Level) map[string]string {
	return map[string]string{"user": user, "level": level.String()}
}

func prefix(s string) *string { return &s }

// TestNoAnswerWithoutItsLine fails the audit log at the answer: what is answered on the second try has a line all the same.
func TestNoAnswerWithoutItsLine(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _ := w.begin(br, request("shop"))
	w.ledger.on("answered", func() error { return errPlayed })
	if _, step, err := w.next(br, tx.ID, proves("anna", assurance.Substantial)); broker.CodeOf(err) != broker.Unavailable {
		t.Fatalf("answered without a line: %T, %v", step, err)
	}
	w.ledger.on("answered", func() error { return errPlayed })
	if _, step, err := w.next(br, tx.ID, nil); broker.CodeOf(err) != broker.Unavailable {
		t.Fatalf("answered without a line: %T, %v", step, err)
	}
	_, step, err := w.next(br, tx.ID, nil)
	done, ok := step.(broker.Done)
	if err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	w.redeem("shop", done.Result.Code())
	if n := w.count("answered"); n != 1 {
		t.Errorf("%d lines for one answer", n)
	}
}

// TestNoAnswerWithoutItsSession fails the store when the session is kept, anew or joined.
func TestNoAnswerWithoutItsSession(t *testing.T) {
	w := newWorld(t)
	w.departer.fail.Store(false)
	for _, joined := range []bool{false, true} {
		br := w.browser()
		if joined {
			w.login(br, request("bank"), "anna", assurance.Substantial)
		}
		r := request("shop")
		r.Force = true
		tx, _ := w.begin(br, r)
		w.store.refuse.Store(prefix("s/"))
		if _, step, err := w.next(br, tx.ID, proves("anna", assurance.Substantial)); err == nil {
			t.Fatalf("%T", step)
		}
		_, step, err := w.next(br, tx.ID, proves("anna", assurance.Substantial))
		done, ok := step.(broker.Done)
		if err != nil || !ok {
			t.Fatalf("a retry cannot mend it: %T, %v", step, err)
		}
		_, step, err = w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: done.Result.SID()}, w.browser().open())
		left, ok := step.(broker.Left)
		if err != nil || !ok || !slices.ContainsFunc(left.Participants, func(p broker.Participant) bool { return p.Party == "shop" }) {
			t.Errorf("joined %v: the answer's session knows nothing of its party: %#v, %v", joined, step, err)
		}
	}
}

// TestAnswerIsNotRepeatedToWhoMayNotHaveIt blocks between an answer and its repetition.
func TestAnswerIsNotRepeatedToWhoMayNotHaveIt(t *testing.T) {
	for name, change := range map[string]func(*world){
		"logged out":     func(w *world) { _ = w.broker.EndSessions(w.ctx, "anna", "asked") },
		"minimum raised": func(w *world) { w.parties.raise("shop", assurance.High) },
		"disabled":       func(w *world) { w.parties.change("shop", func(p *broker.RelyingParty) { p.Disabled = true }) },
		"blocked":        func(w *world) { w.people.set("anna", "blocked") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			tx, _ := w.begin(br, request("shop"))
			if _, _, err := w.next(br, tx.ID, proves("anna", assurance.Substantial)); err != nil {
				t.Fatal(err)
			}
			change(w)
			if _, step, err := w.next(br, tx.ID, nil); err == nil {
				if _, done := step.(broker.Done); done {
					t.Error("the answer was given again")
				}
			}
		})
	}
}

// TestStepUpDiesWithItsSession ends the session that a step-up builds upon while it is under way.
func TestStepUpDiesWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*world, broker.Result) error{
		"logged out everywhere": func(w *world, _ broker.Result) error { return w.broker.EndSessions(w.ctx, "anna", "asked") },
		"logged out": func(w *world, r broker.Result) error {
			_, _, err := w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "casual", SID: r.SID()}, w.browser().open())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			br := w.browser()
			low := w.login(br, request("casual"), "anna", assurance.Low)
			tx, _ := w.begin(br, request("shop"))
			if ask := w.connector.last(); ask.Have == nil {
				t.Fatal("not a step-up")
			}
			if err := end(w, low); err != nil {
				t.Fatal(err)
			}
			_, step, err := w.next(br, tx.ID, proves("anna", assurance.Substantial))
			if _, ok := step.(broker.Show); err != nil || !ok {
				t.Fatalf("a login rests on a session that has ended: %T, %v", step, err)
			}
			if ask := w.connector.last(); ask.Have != nil || ask.Person != "" {
				t.Errorf("the connector builds upon it still: %+v", ask)
			}
			if _, step, err = w.next(br, tx.ID, proves("anna", assurance.Substantial)); err != nil {
				t.Fatal(err)
			} else if _, ok := step.(broker.Done); !ok {
				t.Errorf("proving everything is not enough: %T", step)
			}
		})
	}
}

// TestProofDiesWithItsEpoch logs the person out everywhere while a login that has proved everything waits for consent.
func TestProofDiesWithItsEpoch(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _ := w.begin(br, request("asking"))
	if _, step, err := w.next(br, tx.ID, proves("anna", assurance.Substantial)); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Consenting); !ok {
		t.Fatalf("%T", step)
	}
	if err := w.broker.EndSessions(w.ctx, "anna", "asked"); err != nil {
		t.Fatal(err)
	}
	if _, step, err := w.next(br, tx.ID, map[string]string{"consent": "yes"}); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a proof outlived the logout: %T, %v", step, err)
	}
}

// TestSessionKeepsTheBestIdentity logs in again at a level that is higher on one axis and lower in all.
func TestSessionKeepsTheBestIdentity(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("casual"), "anna", assurance.Substantial)
	r := request("casual")
	r.Force = true
	tx, _ := w.begin(br, r)
	fields := proves("anna", assurance.High)
	fields["ial"] = assurance.Low.String()
	_, step, err := w.next(br, tx.ID, fields)
	done, ok := step.(broker.Done)
	if err != nil || !ok || done.Result.Levels().LoA() != assurance.Low {
		t.Fatalf("%#v, %v", step, err)
	}
	if result, ok := w.passive(br, "shop"); !ok || result.Levels().LoA() != assurance.Substantial {
		t.Errorf("the session lost its level: %v", result.Levels())
	}
}

// TestStolenSessionIsNotSteppedUp copies the cookies of a session at Low, whose owner goes on to Substantial.
func TestStolenSessionIsNotSteppedUp(t *testing.T) {
	w := newWorld(t)
	owner, thief := w.browser(), w.browser()
	w.login(owner, request("casual"), "anna", assurance.Low)
	thief.jar = maps.Clone(owner.jar)
	w.login(owner, request("shop"), "anna", assurance.Substantial)
	if _, ok := w.passive(thief, "bank"); ok {
		t.Error("the stolen cookie rose with the session")
	}
	if result, ok := w.passive(owner, "bank"); !ok || result.Levels().LoA() != assurance.Substantial {
		t.Error("the owner's cookie did not")
	}
	if result, ok := w.passive(owner, "casual"); !ok || result.Levels().LoA() != assurance.Substantial {
		t.Error("the owner's cookie did not")
	}
}
