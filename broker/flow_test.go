package broker_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// TestLoginIsHonest goes from a request to a grant and finds in it what was proven, nothing more.
func TestLoginIsHonest(t *testing.T) {
	w := newWorld(t)
	result := w.login(w.browser(), request("shop"), "anna", assurance.Substantial)
	if got := result.Levels(); got != (assurance.Levels{IAL: assurance.Substantial, AAL: assurance.Substantial, FAL: assurance.High}) {
		t.Fatalf("levels %v", got)
	}
	grant := w.redeem("shop", result.Code())
	if grant.Levels.LoA() != assurance.Substantial || grant.Person != "anna" || grant.Subject == "anna" || grant.Subject == "" {
		t.Fatalf("grant %+v", grant)
	}
	if _, err := w.broker.Access(w.ctx, "oidc", "shop", grant.ID, "token"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.broker.Access(w.ctx, "oidc", "bank", grant.ID, "token"); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("another party used the grant: %v", err)
	}
	w.mustLog("asked", "authenticated", "answered", "issued")
}

func TestSubjectsArePairwise(t *testing.T) {
	w := newWorld(t)
	subject := func(party string) string {
		return w.redeem(party, w.login(w.browser(), request(party), "anna", assurance.Substantial).Code()).Subject
	}
	if subject("shop") != subject("shop-app") || subject("shop") == subject("bank") {
		t.Error("one organisation knows a person by one subject, another by another")
	}
}

// TestStolenAddressIsWorthless opens every step in a browser that did not begin.
func TestStolenAddressIsWorthless(t *testing.T) {
	w := newWorld(t)
	owner, thief := w.browser(), w.browser()
	for _, stage := range []struct {
		name   string
		fields map[string]string
	}{
		{"at the start", nil},
		{"after the user ID", map[string]string{"user": "anna"}},
		{"at consent", map[string]string{"level": "Substantial"}},
		{"when answered", map[string]string{"consent": "yes"}},
	} {
		t.Run(stage.name, func(t *testing.T) {
			if stage.fields == nil {
				tx, _, err := w.broker.Begin(w.ctx, request("asking"), owner.open())
				if err != nil {
					t.Fatal(err)
				}
				w.tx = tx.ID
			} else if _, _, err := w.next(owner, w.tx, stage.fields); err != nil {
				t.Fatal(err)
			}
			for _, fields := range []map[string]string{nil, {"user": "bo"}, {"cancel": "1"}, {"consent": "yes"}} {
				if _, _, err := w.next(thief, w.tx, fields); broker.CodeOf(err) != broker.WrongBrowser {
					t.Fatalf("%v in another browser: %v", fields, err)
				}
			}
		})
	}
}

func TestSingleSignOnKeepsTheLevel(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := w.login(br, request("shop"), "anna", assurance.Substantial)
	w.clock.advance(5 * time.Minute)
	w.store.calls.Store(0)
	r := request("bank")
	tx, step, err := w.broker.Begin(w.ctx, r, br.open())
	done, ok := step.(broker.Done)
	if err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	if tx.Check != "satisfied" || done.Result.Levels() != first.Levels() || !done.Result.AuthTime().Equal(first.AuthTime()) {
		t.Errorf("%s: %v at %v", tx.Check, done.Result.Levels(), done.Result.AuthTime())
	}
	if done.Result.SID() == first.SID() {
		t.Error("two parties know the session by one name")
	}
	w.redeem("bank", done.Result.Code())
	if n := w.store.calls.Load(); n > 6 {
		t.Errorf("%d store round trips, 6 are the limit", n)
	}
	if _, step, err = w.broker.Begin(w.ctx, request("alone"), br.open()); err != nil {
		t.Fatal(err)
	}
	if _, ok := step.(broker.Show); !ok {
		t.Errorf("a party outside single sign-on was answered from the session: %T", step)
	}
}

func TestStepUpAsksOnlyForWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("casual"), "anna", assurance.Low)
	_, step, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := step.(broker.Show); !ok {
		t.Fatalf("%T", step)
	}
	asked := w.connector.last()
	if asked.Person != "anna" || asked.Have == nil || asked.Have.Levels.AAL != assurance.Low || asked.Want.LoA != assurance.Substantial {
		t.Fatalf("the connector was asked %+v", asked)
	}
	// Another person in the middle of it is refused.
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	_, step, err = w.next(br, tx.ID, map[string]string{"user": "bo", "level": "High"})
	if refused, ok := step.(broker.Refuse); err != nil || !ok || refused.Err.Code != broker.Refused {
		t.Fatalf("%#v, %v", step, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		request func(*broker.Request)
		fields  []map[string]string
		code    broker.Code
		explain bool
	}{
		{"passive and nobody there", func(r *broker.Request) { r.Passive = true }, nil, broker.LoginRequired, false},
		{"cancelled", nil, []map[string]string{{"cancel": "1"}}, broker.Cancelled, false},
		{"level not reached", nil, []map[string]string{{"user": "anna", "level": "Low"}}, broker.LevelUnmet, true},
		{"proofed too weakly", nil, []map[string]string{{"user": "david", "level": "High"}}, broker.LevelUnmet, true},
		{"blocked", nil, []map[string]string{{"user": "blocked", "level": "High"}}, broker.Refused, true},
		{"unknown to the directory", nil, []map[string]string{{"user": "nobody", "level": "High"}}, broker.Refused, true},
		{"refused by the connector", nil, []map[string]string{{"fail": "1"}}, broker.Refused, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			br, r := w.browser(), request("shop")
			if c.request != nil {
				c.request(&r)
			}
			tx, step, err := w.broker.Begin(w.ctx, r, br.open())
			for _, f := range c.fields {
				if err != nil {
					break
				}
				_, step, err = w.next(br, tx.ID, f)
			}
			refused, ok := step.(broker.Refuse)
			if err != nil || !ok || refused.Err.Code != c.code || refused.Explain != c.explain {
				t.Fatalf("%#v, %v", step, err)
			}
			if !c.explain {
				return
			}
			if refused.Err.Text == "" {
				t.Error("nothing is explained")
			}
			if _, step, err = w.next(br, tx.ID, nil); err != nil || !step.(broker.Refuse).Explain {
				t.Errorf("a reload explains nothing: %#v, %v", step, err)
			}
			if _, step, err = w.next(br, tx.ID, map[string]string{"back": "1"}); err != nil || step.(broker.Refuse).Explain {
				t.Errorf("no way back: %#v, %v", step, err)
			}
			if _, _, err = w.next(br, tx.ID, map[string]string{"user": "bo", "level": "High"}); broker.CodeOf(err) != broker.Expired {
				t.Errorf("a refused login went on: %v", err)
			}
		})
	}
	w.mustLog("refused")
}

// TestBeginRefusesWhatIsNotRegistered before anything is stored.
func TestBeginRefusesWhatIsNotRegistered(t *testing.T) {
	w := newWorld(t)
	negative := -time.Second
	for name, c := range map[string]struct {
		change func(*broker.Request)
		code   broker.Code
	}{
		"unknown party":        {func(r *broker.Request) { r.Party = "nobody" }, broker.UnknownParty},
		"other protocol":       {func(r *broker.Request) { r.Protocol = "saml" }, broker.UnknownParty},
		"disabled party":       {func(r *broker.Request) { r.Party = "disabled" }, broker.UnknownParty},
		"claim not registered": {func(r *broker.Request) { r.Claims = []string{"mitid"} }, broker.NotAllowed},
		"CPR without a basis":  {func(r *broker.Request) { r.Party, r.Claims = "no-basis", []string{"ssn"} }, broker.NotAllowed},
		"unknown connector":    {func(r *broker.Request) { r.Connector = "bankid" }, broker.NotAllowed},
		"passive and forced":   {func(r *broker.Request) { r.Passive, r.Force = true, true }, broker.InvalidRequest},
		"negative age":         {func(r *broker.Request) { r.MaxAge = &negative }, broker.InvalidRequest},
		"text too long":        {func(r *broker.Request) { r.Text = strings.Repeat("ø", broker.MaxText+1) }, broker.InvalidRequest},
		"not a level":          {func(r *broker.Request) { r.Want = []assurance.Minimum{{LoA: 9}} }, broker.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w.store.calls.Store(0)
			r := request("shop")
			c.change(&r)
			if _, _, err := w.broker.Begin(w.ctx, r, w.browser().open()); broker.CodeOf(err) != c.code {
				t.Fatalf("%v, want %s", err, c.code)
			}
			if w.store.calls.Load() != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestEverythingEnds(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(10 * time.Minute)
	if _, _, err := w.next(br, tx.ID, nil); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a transaction outlived its ten minutes: %v", err)
	}
	result := w.login(br, request("shop"), "anna", assurance.Substantial)
	w.clock.advance(time.Minute)
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", result.Code()); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a code outlived its minute: %v", err)
	}
	for range 10 { // used again and again, a session still ends after four and a half hours
		w.clock.advance(28 * time.Minute)
		if _, step, err := w.broker.Begin(w.ctx, request("bank"), br.open()); err != nil {
			t.Fatal(err)
		} else if _, ok := step.(broker.Done); !ok {
			if _, ok := step.(broker.Show); !ok || w.clock.now().Sub(result.AuthTime()) < 4*time.Hour {
				t.Fatalf("%T after %v", step, w.clock.now().Sub(result.AuthTime()))
			}
			return
		}
	}
	t.Fatal("the session outlived its absolute life")
}

func TestCodeIsRedeemedOnce(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		code := w.login(w.browser(), request("shop"), "anna", assurance.Substantial).Code()
		var grants []broker.Grant
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				result, err := w.broker.Redeem(w.ctx, "oidc", "shop", code)
				if err != nil {
					if broker.CodeOf(err) != broker.Expired {
						t.Error(err)
					}
					return
				}
				grant, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Life: time.Hour})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				grants = append(grants, grant)
			})
		}
		wg.Wait()
		if len(grants) != 1 {
			t.Fatalf("%d of 64 redeemed the code", len(grants))
		}
		if _, err := w.broker.Access(w.ctx, "oidc", "shop", grants[0].ID, "t"); broker.CodeOf(err) != broker.Expired {
			t.Fatalf("what a replayed code gave still works: %v", err)
		}
	}
	w.mustLog("code_replayed")
}

// TestStoreThatForgets brings a redeemed transaction back, as a failover can: the ledger remembers.
func TestStoreThatForgets(t *testing.T) {
	w := newWorld(t)
	code := w.login(w.browser(), request("shop"), "anna", assurance.Substantial).Code()
	w.store.revive.Store(true)
	w.redeem("shop", code)
	result, err := w.broker.Redeem(w.ctx, "oidc", "shop", code)
	if err != nil {
		t.Fatal(err) // the store gave it out again: this is the fault that is played
	}
	if _, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Life: time.Hour}); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a code was redeemed twice: %v", err)
	}
}

func TestCodeIsBoundToItsParty(t *testing.T) {
	w := newWorld(t)
	code := w.login(w.browser(), request("shop"), "anna", assurance.Substantial).Code()
	if _, err := w.broker.Redeem(w.ctx, "oidc", "bank", code); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("another party redeemed the code: %v", err)
	}
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code[:len(code)-2]); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a truncated code was redeemed: %v", err)
	}
	w.redeem("shop", code) // neither attempt cost the owner the code
}

func TestSameFormTwiceGivesOneAnswer(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	codes := make(chan string, 8)
	var wg sync.WaitGroup
	for range cap(codes) {
		wg.Go(func() {
			_, step, err := w.next(br, tx.ID, map[string]string{"user": "anna", "level": "Substantial"})
			done, ok := step.(broker.Done)
			if err != nil || !ok {
				t.Errorf("%T, %v", step, err)
				return
			}
			codes <- done.Result.Code()
		})
	}
	wg.Wait()
	close(codes)
	redeemed := 0
	for code := range codes {
		if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code); err == nil {
			redeemed++
		}
	}
	if redeemed != 1 {
		t.Errorf("one login gave %d results", redeemed)
	}
}

func TestRefreshFamilies(t *testing.T) {
	w := newWorld(t)
	offline := func() broker.Grant {
		result, err := w.broker.Redeem(w.ctx, "oidc", "shop", w.login(w.browser(), request("shop"), "anna", assurance.Substantial).Code())
		if err != nil {
			t.Fatal(err)
		}
		grant, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Offline: true, AMR: []string{"app"}})
		if err != nil {
			t.Fatal(err)
		}
		return grant
	}
	refresh := func(party, token string) (broker.Grant, error) { return w.broker.Refresh(w.ctx, "oidc", party, token) }

	t.Run("each successor works once, levels stay", func(t *testing.T) {
		g := offline()
		for range 5 {
			w.clock.advance(time.Hour)
			next, err := refresh("shop", w.broker.RefreshToken(g))
			if err != nil || next.Levels != g.Levels || !slices.Equal(next.AMR, g.AMR) || next.Generation != g.Generation+1 {
				t.Fatalf("%+v, %v", next, err)
			}
			g = next
		}
	})
	t.Run("in the grace the successor is the same", func(t *testing.T) {
		g := offline()
		a, err1 := refresh("shop", w.broker.RefreshToken(g))
		w.clock.advance(10 * time.Second)
		b, err2 := refresh("shop", w.broker.RefreshToken(g))
		if err1 != nil || err2 != nil || w.broker.RefreshToken(a) != w.broker.RefreshToken(b) {
			t.Fatalf("%v, %v", err1, err2)
		}
	})
	t.Run("after it the family ends", func(t *testing.T) {
		g := offline()
		next, err := refresh("shop", w.broker.RefreshToken(g))
		if err != nil {
			t.Fatal(err)
		}
		w.clock.advance(11 * time.Second)
		for _, token := range []string{w.broker.RefreshToken(g), w.broker.RefreshToken(next)} {
			if _, err := refresh("shop", token); broker.CodeOf(err) != broker.Expired {
				t.Fatalf("reuse: %v", err)
			}
		}
		if _, err := w.broker.Access(w.ctx, "oidc", "shop", g.ID, "t"); broker.CodeOf(err) != broker.Expired {
			t.Fatalf("access outlived the family: %v", err)
		}
	})
	t.Run("another party's token is nothing, and costs the owner nothing", func(t *testing.T) {
		g := offline()
		if _, err := refresh("bank", w.broker.RefreshToken(g)); broker.CodeOf(err) != broker.Expired {
			t.Fatal(err)
		}
		if _, err := refresh("shop", w.broker.RefreshToken(g)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("forged", func(t *testing.T) {
		g := offline()
		g.Generation++
		forged := w.broker.RefreshToken(g)
		forged = forged[:strings.LastIndexByte(forged, '.')+1] + strings.Repeat("A", 43)
		if _, err := refresh("shop", forged); broker.CodeOf(err) != broker.Expired {
			t.Fatal(err)
		}
	})
	t.Run("idle too long", func(t *testing.T) {
		g := offline()
		w.clock.advance(30*24*time.Hour + time.Second)
		if _, err := refresh("shop", w.broker.RefreshToken(g)); broker.CodeOf(err) != broker.Expired {
			t.Fatal(err)
		}
	})
	t.Run("blocked since", func(t *testing.T) {
		g := offline()
		w.people.set("anna", authn.PersonBlocked)
		defer w.people.set("anna", authn.PersonActive)
		if _, err := refresh("shop", w.broker.RefreshToken(g)); broker.CodeOf(err) != broker.Refused {
			t.Fatal(err)
		}
	})
	t.Run("the party's minimum was raised since", func(t *testing.T) {
		g := offline()
		w.parties.raise("shop", assurance.High)
		defer w.parties.raise("shop", assurance.Substantial)
		if _, err := refresh("shop", w.broker.RefreshToken(g)); broker.CodeOf(err) != broker.LevelUnmet {
			t.Fatal(err)
		}
	})
	t.Run("logged out everywhere", func(t *testing.T) {
		g := offline()
		if err := w.broker.EndSessions(w.ctx, "anna", "asked"); err != nil {
			t.Fatal(err)
		}
		if _, err := refresh("shop", w.broker.RefreshToken(g)); broker.CodeOf(err) != broker.Expired {
			t.Fatal(err)
		}
	})
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

func TestStoreDownFailsClosed(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	code := w.login(br, request("shop"), "anna", assurance.Substantial).Code()
	w.store.down.Store(true)
	passive := request("bank")
	passive.Passive = true
	if _, step, err := w.broker.Begin(w.ctx, passive, br.open()); broker.CodeOf(err) != broker.Unavailable {
		t.Errorf("silence was read as nobody being logged in: %T, %v", step, err)
	}
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code); broker.CodeOf(err) != broker.Unavailable {
		t.Errorf("redeemed without a store: %v", err)
	}
	w.store.down.Store(false)
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code); err != nil {
		t.Errorf("the code was lost: %v", err)
	}
}

func TestConsentIsAskedOnceAndKept(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("asking"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	_, step, err := w.next(br, tx.ID, map[string]string{"user": "anna", "level": "Substantial"})
	if c, ok := step.(broker.Consenting); err != nil || !ok || !slices.Equal(c.Claims, []string{"profile"}) {
		t.Fatalf("%#v, %v", step, err)
	}
	if _, step, err = w.next(br, tx.ID, map[string]string{"consent": "yes"}); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Done); !ok {
		t.Fatalf("%T", step)
	}
	if _, step, err = w.broker.Begin(w.ctx, request("asking"), br.open()); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Done); !ok {
		t.Fatalf("asked again: %T", step)
	}
	tx, _, err = w.broker.Begin(w.ctx, request("asking"), w.browser().open())
	if err != nil {
		t.Fatal(err)
	}
}

func TestKnownBrowserHasALaneOfItsOwn(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	if w.login(br, request("shop"), "anna", assurance.Substantial); w.connector.last().Lane("anna") != "" {
		t.Error("a stranger's browser had a lane before its first login")
	}
	w.login(br, request("alone"), "anna", assurance.Substantial)
	ask := w.connector.last()
	if ask.Lane("anna") == "" || ask.Lane("bo") != "" {
		t.Error("a browser is known for the person who logged in from it, and for nobody else")
	}
}

func TestRemoteDevice(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.next(br, tx.ID, map[string]string{"wait": "anna"}); err != nil {
		t.Fatal(err)
	}
	waiting, err := w.broker.WaitingFor(w.ctx, "waiting-anna")
	if err != nil || len(waiting) != 1 || waiting[0].Party != "Shop" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	reply, ticket, err := w.broker.Remote(w.ctx, waiting[0].Channel, broker.Input{Fields: map[string]string{"do": "claim"}})
	if _, ok := reply.(broker.Reply); err != nil || !ok {
		t.Fatalf("%#v, %v", reply, err)
	}
	if _, step, err := w.next(br, tx.ID, nil); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("a claim alone logged in: %T", step)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, _, err := w.broker.Remote(w.ctx, ticket, broker.Input{Fields: map[string]string{"do": "answer"}}); err == nil {
				won.Add(1)
			} else if broker.CodeOf(err) != broker.Expired {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d answers were taken", won.Load())
	}
	_, step, err := w.next(br, tx.ID, nil)
	if _, ok := step.(broker.Done); err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	if _, _, err := w.broker.Remote(w.ctx, waiting[0].Channel, broker.Input{}); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a login that is over was claimed: %v", err)
	}
	for _, ref := range []string{"", "x", ticket[:len(ticket)-4], strings.Repeat("a", 100)} {
		if _, _, err := w.broker.Remote(w.ctx, ref, broker.Input{}); broker.CodeOf(err) != broker.Expired {
			t.Fatalf("%.10q: %v", ref, err)
		}
	}
}

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	_, err := broker.New(broker.Config{FAL: 7, Secrets: [][]byte{[]byte("short")}, Lifetimes: broker.Lifetimes{Code: -1}})
	for _, field := range []string{"FAL", "Store", "Ledger", "Directory", "RelyingParties", "Connectors", "Secrets", "Lifetimes"} {
		if err == nil || !strings.Contains(err.Error(), "broker.Config."+field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}

func TestCookies(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("shop"), "anna", assurance.Substantial)
	if len(br.jar) != 3 {
		t.Fatalf("%d cookies", len(br.jar))
	}
	for _, c := range br.jar {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%v", c)
		}
	}
	// Nonsense in a cookie is as good as none.
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range br.jar {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: "x" + c.Value})
	}
	if _, step, err := w.broker.Begin(w.ctx, request("bank"), w.broker.Browser(r)); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("%T", step)
	}
}

var errPlayed = errors.Join(broker.ErrUnavailable, errors.New("played"))

// counting counts calls and plays faults.
type counting struct {
	broker.Store
	calls  atomic.Int64
	down   atomic.Bool
	revive atomic.Bool // taken and deleted records stay
}

func (c *counting) do() error {
	c.calls.Add(1)
	if c.down.Load() {
		return errPlayed
	}
	return nil
}

func (c *counting) Create(ctx context.Context, r broker.Record) error {
	if err := c.do(); err != nil {
		return err
	}
	return c.Store.Create(ctx, r)
}

func (c *counting) Get(ctx context.Context, key string) (broker.Record, error) {
	if err := c.do(); err != nil {
		return broker.Record{}, err
	}
	return c.Store.Get(ctx, key)
}

func (c *counting) Update(ctx context.Context, r broker.Record) (uint64, error) {
	if err := c.do(); err != nil {
		return 0, err
	}
	return c.Store.Update(ctx, r)
}

func (c *counting) Take(ctx context.Context, key string) (broker.Record, error) {
	if err := c.do(); err != nil {
		return broker.Record{}, err
	}
	if c.revive.Load() {
		return c.Store.Get(ctx, key)
	}
	return c.Store.Take(ctx, key)
}

func (c *counting) Delete(ctx context.Context, key string) error {
	if err := c.do(); err != nil || c.revive.Load() {
		return err
	}
	return c.Store.Delete(ctx, key)
}

func (c *counting) Find(ctx context.Context, index string) ([]broker.Record, error) {
	if err := c.do(); err != nil {
		return nil, err
	}
	return c.Store.Find(ctx, index)
}

var testSecret = bytes.Repeat([]byte("s"), broker.MinimumSecret)
