package e2e

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// check asks the server that was started again for everything that it had acknowledged in the round, and tries to use
// everything twice.
func (v *vandal) check(w *work) {
	t := v.t
	t.Helper()
	for _, f := range w.families {
		v.familyHolds(f)
	}
	for i, k := range w.tickets {
		switch {
		case !k.sent:
			v.seen.Unsent++
			v.unsent(k, i%2 == 0)
		case k.family == nil:
			v.seen.Unanswered++
			v.unanswered(k)
		case i%3 == 0:
			v.seen.Redeemed++
			if _, err := k.attempt.exchange(k.code); oauthError(err) != "invalid_grant" {
				t.Errorf("a code that was redeemed before the kill: %v", err)
			}
			dead(t, "after its code was used again", k.family.latest)
			k.family.latest = nil
		}
	}
	for _, who := range w.onetime {
		v.seen.OneTime++
		v.reuse(who)
	}
	v.wait(31 * time.Second) // longer than the grace of a replaced refresh token
	for i, f := range w.families {
		switch {
		case f.latest == nil:
		case i%2 == 0:
			v.seen.Replaced++
			old := &login{party: f.latest.party, token: &oauth2.Token{RefreshToken: f.replaced[i%len(f.replaced)]}}
			if _, err := old.refresh(); oauthError(err) != "invalid_grant" {
				t.Errorf("a refresh token that was replaced before: %v", err)
			}
			dead(t, "after a replaced refresh token was used", f.latest)
		default:
			if err := f.refresh(v); err != nil {
				t.Errorf("the newest refresh token: %v", err)
			}
			v.seen.OK++
		}
	}
}

// familyHolds: tokens that were handed out are good, a refresh that was cut off can be repeated, and what is said about the
// person is what was said before.
func (v *vandal) familyHolds(f *family) {
	v.t.Helper()
	if _, err := f.latest.userinfo(); err != nil {
		v.t.Errorf("an access token that was issued before the kill: %v", err)
	}
	if f.pending {
		v.seen.RefreshUnanswered++
	}
	before := f.latest.id
	if err := f.refresh(v); err != nil {
		v.t.Errorf("a refresh token that was issued before the kill (another refresh cut off: %v): %v", f.pending, err)
		return
	}
	after := f.latest.id
	if before.Subject != after.Subject || before.SID != after.SID || before.LoA != after.LoA || before.ACR != after.ACR || before.AuthTime != after.AuthTime {
		v.t.Errorf("the kill changed %+v to %+v", before, after)
	}
}

// unsent is a code that a browser had and nobody used: it is good, once, also for two at the same time.
func (v *vandal) unsent(k *ticket, sideBySide bool) {
	v.t.Helper()
	var won atomic.Int32
	var winner atomic.Pointer[login]
	try := func() {
		l, err := k.attempt.exchange(k.code)
		switch {
		case err == nil:
			won.Add(1)
			winner.Store(l)
			v.line(l)
		case oauthError(err) != "invalid_grant":
			v.t.Errorf("a code that nobody had used: %v", err)
		}
	}
	if sideBySide {
		var both sync.WaitGroup
		both.Go(try)
		both.Go(try)
		both.Wait()
	} else {
		try()
		try()
	}
	if won.Load() != 1 {
		v.t.Errorf("a code that nobody had used was redeemed %d times", won.Load())
		return
	}
	dead(v.t, "after its code was used twice", winner.Load())
}

// unanswered is a code that was sent and not answered: it may be used up, and is good once at most.
func (v *vandal) unanswered(k *ticket) {
	v.t.Helper()
	first, err := k.attempt.exchange(k.code)
	if err != nil && oauthError(err) != "invalid_grant" {
		v.t.Errorf("a code whose redemption was cut off: %v", err)
	}
	if _, err := k.attempt.exchange(k.code); oauthError(err) != "invalid_grant" {
		v.t.Errorf("a code whose redemption was cut off, once more: %v", err)
	}
	if first != nil {
		v.line(first)
		dead(v.t, "after its code was used twice", first)
	}
}

// reuse types a one-time code that was accepted before the kill.
func (v *vandal) reuse(who somebody) {
	v.t.Helper()
	b := newBrowser(v.server)
	p, err := b.get(v.rp.begin().address)
	must(v.t, err)
	again := &somebody{userID: who.userID, code: who.typed}
	p, err = b.walk(p, again)
	must(v.t, err)
	if p.leaves || !p.has("problem") || !p.asks("code") {
		v.t.Errorf("a one-time code that was accepted before the kill: %v", p)
	}
}

// dead checks that nothing of a login is good any more.
func dead(t *testing.T, why string, l *login) {
	t.Helper()
	if _, err := l.userinfo(); err == nil {
		t.Errorf("an access token is good %s", why)
	}
	if _, err := l.refresh(); oauthError(err) != "invalid_grant" {
		t.Errorf("a refresh token %s: %v", why, err)
	}
}
