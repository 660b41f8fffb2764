package e2e

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/oauth2"
)

// work is what the workers of one round were told before the server was killed.
type work struct {
	v     *vandal
	carla string // id of her audio reader

	mu       sync.Mutex
	tickets  []*ticket
	families []*family
	onetime  []somebody // with the code that was accepted
	wrong    int
}

// ticket is a code that a browser brought.
type ticket struct {
	attempt attempt
	code    string
	sent    bool
	family  *family // what it was exchanged for; nil: nobody knows
}

// family is a refresh-token family that was acknowledged.
type family struct {
	latest   *login
	replaced []string // refresh tokens in order
	pending  bool     // a refresh was sent and not answered
}

// cut reports an error that comes of a server that is not there any more, or that could not answer: what was asked may or
// may not have happened.
func cut(err error) bool {
	var connection *url.Error
	var status *oauth2.RetrieveError
	switch {
	case errors.As(err, &status):
		return status.Response.StatusCode == http.StatusServiceUnavailable
	case isStatus(err, http.StatusServiceUnavailable):
		return true
	}
	return errors.As(err, &connection) || errors.Is(err, context.Canceled)
}

// goesOn reports whether a worker can go on, and notes an error that no kill explains.
func (w *work) goesOn(what string, err error) bool {
	if err == nil {
		return true
	}
	if !cut(err) && !strings.Contains(err.Error(), "unexpected EOF") && !strings.Contains(err.Error(), "connection reset") {
		w.v.t.Errorf("%s: %v", what, err)
	}
	return false
}

// apps logs one person in with the app, again and again.
func (w *work) apps(ctx context.Context, rp *relyingParty, person string) {
	for ctx.Err() == nil {
		if !w.login(newBrowser(w.v.server), rp, &somebody{userID: person, app: true}, rand.IntN(4) == 0) {
			return
		}
	}
}

// codes logs one person in with a one-time code and a password, once, and then out of the session.
func (w *work) codes(ctx context.Context, person string) {
	b, who := newBrowser(w.v.server), &somebody{userID: person}
	went := w.login(b, w.v.rp, who, false)
	if slices.Contains(who.asked, "password") {
		w.mu.Lock()
		w.onetime = append(w.onetime, *who)
		w.mu.Unlock()
	}
	for went && ctx.Err() == nil {
		went = w.login(b, w.v.rp, &somebody{userID: person}, rand.IntN(4) == 0)
	}
}

// login logs in, keeps the code or redeems it, asks for userinfo and refreshes twice. It reports whether the server still
// answers.
func (w *work) login(b *browser, rp *relyingParty, who *somebody, keep bool) bool {
	a := rp.begin()
	p, err := b.get(a.address)
	if err == nil {
		p, err = b.walk(p, who)
	}
	if !w.goesOn("login of "+who.userID, err) || p.status == http.StatusServiceUnavailable {
		return false
	}
	if p.has("problem") && strings.Contains(p.text("problem"), "paused") {
		return false // after attempts that were cut off
	}
	code, err := a.answer(p)
	if !w.goesOn("login of "+who.userID, err) {
		return false
	}
	t := &ticket{attempt: a, code: code, sent: !keep}
	w.mu.Lock()
	w.tickets = append(w.tickets, t)
	w.mu.Unlock()
	if keep {
		return true
	}
	l, err := a.exchange(code)
	if !w.goesOn("code of "+who.userID, err) {
		return false
	}
	w.v.line(l)
	f := &family{latest: l}
	w.mu.Lock()
	t.family = f
	w.families = append(w.families, f)
	w.mu.Unlock()
	if _, err := l.userinfo(); !w.goesOn("userinfo of "+who.userID, err) {
		return false
	}
	for range 2 {
		f.pending = true
		if !w.goesOn("refresh of "+who.userID, f.refresh(w.v)) {
			return false
		}
		f.pending = false
	}
	return true
}

// refresh replaces the family's refresh token.
func (f *family) refresh(v *vandal) error {
	fresh, err := f.latest.refresh()
	if err != nil {
		return err
	}
	v.line(fresh)
	f.replaced = append(f.replaced, f.latest.token.RefreshToken)
	f.latest = fresh
	v.mu.Lock()
	v.seen.Refreshes++
	v.mu.Unlock()
	return nil
}

// wrongs types wrong codes for carla until she is paused, and counts those that were called wrong.
func (w *work) wrongs(ctx context.Context) {
	b := newBrowser(w.v.server)
	for ctx.Err() == nil {
		right, err := w.v.server.code("carla")
		if !w.goesOn("carla's reader", err) {
			return
		}
		wrong := string('0'+(right[0]-'0'+1)%10) + right[1:]
		p, err := b.get(w.v.rp.begin().address)
		if err == nil {
			p, err = b.walk(p, &somebody{userID: "carla", code: wrong})
		}
		if !w.goesOn("carla", err) || !strings.Contains(p.text("problem"), "does not match") {
			return
		}
		w.mu.Lock()
		w.wrong++
		w.mu.Unlock()
	}
}
