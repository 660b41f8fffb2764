package broker_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

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
