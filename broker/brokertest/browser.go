package brokertest

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

// Browser is a person's browser: it keeps cookies, so that a second login in it is single sign-on.
type Browser struct {
	b      *Broker
	client *http.Client
}

// Browser opens a new browser.
func (b *Broker) Browser() *Browser {
	b.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatalf("brokertest: %v", err)
	}
	return &Browser{b: b, client: &http.Client{Jar: jar}}
}

// Login is who logs in, and with what.
type Login struct {
	User string // "anna": see the people of the dev profile
	// With is the authenticator to use where there is a choice: authn.App, authn.CodeDisplay, authn.AudioReader,
	// authn.Password. Empty takes what the page asks for first.
	With authn.Kind
	// Unlock is how an app is unlocked; empty is by PIN.
	Unlock authn.Unlock
}

// Login opens an address of the application under test, goes through the login pages as the person would, with the
// person's own devices, and returns the first answer that does not come from the login pages: the application's. The
// caller closes its body. It fails the test where the pages do not let the person on.
func (br *Browser) Login(address string, l Login) *http.Response {
	br.b.t.Helper()
	holder := br.b.person(l.User)
	answer, err := br.client.Get(address)
	for range 12 { // no login has more pages
		if err != nil {
			br.b.t.Fatalf("brokertest: %v", err)
		}
		at := answer.Request.URL
		if at.Scheme+"://"+at.Host != br.b.Issuer || !strings.HasPrefix(at.Path, "/login/") {
			return answer
		}
		page, e := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		if err := errors.Join(e, answer.Body.Close()); err != nil {
			br.b.t.Fatalf("brokertest: %v", err)
		}
		var fields url.Values
		if fields, err = br.fill(string(page), holder, l); err != nil {
			br.b.t.Fatalf("brokertest: %s: %v\n%s", at.Path, err, page)
		}
		if fields == nil {
			answer, err = br.client.Get(at.String())
			continue
		}
		answer, err = br.client.PostForm(at.String(), fields)
	}
	br.b.t.Fatalf("brokertest: the login of %s does not come to an end", l.User)
	return nil
}

var channel = regexp.MustCompile(`data-channel="([^"]+)"`)

// fill answers a page as the person would; nil is to look at the page again.
func (br *Browser) fill(page string, h simulator.Holder, l Login) (url.Values, error) {
	has := func(attribute string) bool { return strings.Contains(page, attribute) }
	if l.With != "" && has(`value="`+string(l.With)+`"`) {
		return url.Values{"use": {string(l.With)}}, nil
	}
	switch {
	case has(`name="user_id"`):
		return url.Values{"user_id": {h.UserID}}, nil
	case has(`name="code"`):
		device := h.CodeDisplay
		if device == nil {
			device = h.AudioReader
		}
		if device == nil {
			return nil, errors.New("a code is asked for and the person has no device that shows one")
		}
		return url.Values{"code": {device.Code(br.b.Now())}}, nil
	case has(`name="password"`):
		return url.Values{"password": {simulator.Password}}, nil
	case has(`name="consent"`):
		return url.Values{"consent": {"yes"}}, nil
	case has(`name="back"`):
		return url.Values{"back": {"1"}}, nil
	}
	if m := channel.FindStringSubmatch(page); m != nil {
		return nil, br.approve(m[1], h, l.Unlock)
	}
	return nil, errors.New("nothing on the page can be answered")
}

// approve answers a waiting login on the person's phone.
func (br *Browser) approve(channel string, h simulator.Holder, unlock authn.Unlock) error {
	app, ok := h.Authenticator(authn.App)
	if !ok {
		app, ok = h.Authenticator(authn.AppEnhanced)
	}
	if !ok || h.Phone == nil {
		return errors.New("an app is asked for and the person has none")
	}
	if unlock == "" {
		unlock = authn.UnlockPIN
	}
	ctx := br.b.t.Context()
	turn, ticket, err := br.b.core.Remote(ctx, channel, broker.Input{Fields: map[string]string{"do": "claim", "device": app.ID}})
	if err != nil {
		return err
	}
	claim, ok := turn.(broker.Reply)
	if !ok {
		return errors.New("a claim was not answered")
	}
	answer, err := h.Phone.Answer(claim.Fields, unlock, simulator.PIN, br.b.Now())
	if err != nil {
		return err
	}
	answer["do"], answer["device"] = "answer", app.ID
	_, _, err = br.b.core.Remote(ctx, ticket, broker.Input{Fields: answer})
	return err
}

// Cookies are those that the browser would send to the broker.
func (br *Browser) Cookies() []*http.Cookie {
	br.b.t.Helper()
	at, err := url.Parse(br.b.Issuer)
	if err != nil {
		br.b.t.Fatalf("brokertest: %v", err)
	}
	return br.client.Jar.Cookies(at)
}
