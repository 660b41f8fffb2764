package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// TestWhoJoinsDuringALogoutIsTold lets a party get its answer, and its tokens, in the last moment.
func TestWhoJoinsDuringALogoutIsTold(t *testing.T) {
	for _, everywhere := range []bool{false, true} {
		t.Run(fmt.Sprint(everywhere), func(t *testing.T) {
			w := newWorld(t)
			w.departer.fail.Store(false)
			br := w.browser()
			first := w.login(br, request("shop"), "anna", assurance.Substantial)
			var late broker.Grant
			w.ledger.on(map[bool]string{false: "logged_out", true: "logged_out_everywhere"}[everywhere], func() error {
				result, ok := w.passive(br, "bank")
				if !ok {
					t.Error("no answer")
				}
				late = w.redeem("bank", result.Code())
				return nil
			})
			var err error
			if everywhere {
				err = w.broker.EndSessions(w.ctx, "anna", "asked")
			} else {
				_, _, err = w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: first.SID()}, w.browser().open())
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := w.broker.Deliver(w.ctx); err != nil {
				t.Fatal(err)
			}
			if n := len(w.departer.told()); n != 2 {
				t.Errorf("told %q", w.departer.told())
			}
			if _, err := w.broker.Access(w.ctx, "oidc", "bank", late.ID, "t"); broker.CodeOf(err) != broker.Expired {
				t.Errorf("the late grant lives: %v", err)
			}
		})
	}
}

// TestLogoutNeedsNoStore ends what there is while the store is down: the ledger is enough, and telling can be repeated.
func TestLogoutNeedsNoStore(t *testing.T) {
	for _, everywhere := range []bool{false, true} {
		t.Run(fmt.Sprint(everywhere), func(t *testing.T) {
			w := newWorld(t)
			w.departer.fail.Store(false)
			br := w.browser()
			result := w.login(br, request("shop"), "anna", assurance.Substantial)
			grant := w.redeem("shop", result.Code())
			end := func() error {
				if everywhere {
					return w.broker.EndSessions(w.ctx, "anna", "blocked")
				}
				_, _, err := w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: result.SID()}, w.browser().open())
				return err
			}
			w.store.down.Store(true)
			if err := end(); broker.CodeOf(err) != broker.Unavailable {
				t.Fatalf("nobody says that nobody was told: %v", err)
			}
			w.store.down.Store(false)
			if _, err := w.broker.Access(w.ctx, "oidc", "shop", grant.ID, "t"); broker.CodeOf(err) != broker.Expired {
				t.Errorf("the grant lives: %v", err)
			}
			if _, ok := w.passive(br, "bank"); ok {
				t.Error("the session lives")
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			if err := w.broker.Deliver(w.ctx); err != nil || len(w.departer.told()) != 1 {
				t.Errorf("told %q, %v", w.departer.told(), err)
			}
		})
	}
}

// TestConfirmedLogoutCanBeRepeated fails the ledger when a person has confirmed a logout.
func TestConfirmedLogoutCanBeRepeated(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("shop"), "anna", assurance.Substantial)
	tx, step, err := w.broker.BeginLogout(w.ctx, broker.LogoutRequest{}, br.open())
	if _, ok := step.(broker.Leave); err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	w.ledger.on("logged_out", func() error { return errPlayed })
	yes := map[string]string{"logout": "yes"}
	if _, _, err := w.next(br, tx.ID, yes); broker.CodeOf(err) != broker.Unavailable {
		t.Fatal(err)
	}
	_, step, err = w.next(br, tx.ID, yes)
	if left, ok := step.(broker.Left); err != nil || !ok || len(left.Participants) != 1 {
		t.Fatalf("the logout cannot be repeated: %#v, %v", step, err)
	}
	if _, ok := w.passive(br, "bank"); ok {
		t.Error("still logged in")
	}
	if _, _, err = w.next(br, tx.ID, yes); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a logout that is over: %v", err)
	}
}

func TestLogoutReachesEverybody(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := w.login(br, request("shop"), "anna", assurance.Substantial)
	grant := w.redeem("shop", first.Code())
	_, step, err := w.broker.Begin(w.ctx, request("bank"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	second := step.(broker.Done).Result

	// Nobody is logged out by a link alone.
	tx, step, err := w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop"}, br.open())
	if _, ok := step.(broker.Leave); err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	if _, step, err = w.next(br, tx.ID, nil); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Leave); !ok {
		t.Fatalf("%T", step)
	}
	// Another party's name for the session is nothing here.
	if _, step, err = w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: second.SID()}, br.open()); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Leave); !ok {
		t.Fatalf("%T", step)
	}
	// Its own name, without any cookie, is enough.
	_, step, err = w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: first.SID()}, w.browser().open())
	left, ok := step.(broker.Left)
	if err != nil || !ok || len(left.Participants) != 2 {
		t.Fatalf("%#v, %v", step, err)
	}
	if err := w.broker.Deliver(w.ctx); err == nil && len(w.departer.told()) != 0 {
		t.Fatal("the departer fails at first in this test")
	}
	w.departer.fail.Store(false)
	w.clock.advance(time.Minute)
	if err := w.broker.Deliver(w.ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.departer.told(); !slices.Equal(got, []string{"bank " + second.SID(), "shop " + first.SID()}) {
		t.Fatalf("told %q", got)
	}
	w.clock.advance(time.Hour)
	if err := w.broker.Deliver(w.ctx); err != nil || len(w.departer.told()) != 2 {
		t.Fatal("somebody was told twice")
	}
	if _, err := w.broker.Access(w.ctx, "oidc", "shop", grant.ID, "t"); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a token outlived its session: %v", err)
	}
	if _, step, err = w.broker.Begin(w.ctx, request("bank"), br.open()); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("the session lives on: %T", step)
	}
}

// TestRevivedSessionStaysDead brings a session back after its logout, as a failover can.
func TestRevivedSessionStaysDead(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	result := w.login(br, request("shop"), "anna", assurance.Substantial)
	w.store.revive.Store(true) // deletions do not last any more
	if _, _, err := w.broker.BeginLogout(w.ctx, broker.LogoutRequest{Protocol: "oidc", Party: "shop", SID: result.SID()}, w.browser().open()); err != nil {
		t.Fatal(err)
	}
	if _, step, err := w.broker.Begin(w.ctx, request("bank"), br.open()); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("a revived session was used: %T", step)
	}
}

// departer tells parties, or fails.
type departer struct {
	fail atomic.Bool
	mu   sync.Mutex
	got  []string
}

func (d *departer) Depart(_ context.Context, dep broker.Departure) error {
	if d.fail.Load() {
		return errors.New("the party does not answer")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, dep.Participant.Party+" "+dep.SID)
	return nil
}

func (d *departer) told() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.got)
	return slices.Clone(d.got)
}

// TestSilentPartyHoldsNobodyUp lets one party answer only after the other has been told.
func TestSilentPartyHoldsNobodyUp(t *testing.T) {
	for _, silent := range []string{"shop", "bank"} {
		w := newWorld(t)
		told := make(chan struct{})
		b := w.another(func(c *broker.Config) {
			c.Departers = map[string]broker.Departer{"oidc": departing(func(ctx context.Context, d broker.Departure) error {
				if d.Participant.Party != silent {
					close(told)
					return nil
				}
				select {
				case <-told:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})}
		})
		br := w.browser()
		w.login(br, request("shop"), "anna", assurance.Substantial)
		if _, ok := w.passive(br, "bank"); !ok {
			t.Fatal("no answer")
		}
		if err := w.broker.EndSessions(w.ctx, "anna", "asked"); err != nil {
			t.Fatal(err)
		}
		if err := b.Deliver(w.ctx); err != nil {
			t.Fatal(err)
		}
		records, err := w.store.Find(w.ctx, "notices")
		if err != nil || len(records) != 0 {
			t.Errorf("%d notices are left, %v", len(records), err)
		}
	}
}

type departing func(context.Context, broker.Departure) error

func (f departing) Depart(ctx context.Context, d broker.Departure) error { return f(ctx, d) }
