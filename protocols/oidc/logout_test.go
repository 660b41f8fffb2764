package oidc_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	rp "github.com/coreos/go-oidc/v3/oidc"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/protocols/oidc"
)

func unmarshal(body []byte, into any) error { return json.Unmarshal(body, into) }

func (b *browser) logout(v url.Values) page {
	b.w.t.Helper()
	return b.get(b.w.issuer + "/oidc/logout?" + v.Encode())
}

// With an ID token of ours a client logs the person out at once, and gets the browser back where it registered.
func TestLogoutByHint(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	got := w.redeem(b.login(w.request("app", "scope", "openid offline_access")))
	w.clock.advance(10 * minute) // the ID token has expired by now
	p := b.logout(url.Values{"id_token_hint": {got.ID}, "post_logout_redirect_uri": {goodbye}, "state": {"s&1"}})
	if p.status != http.StatusSeeOther || p.to.String() != goodbye+"?state=s%261" {
		t.Errorf("%d %v %q", p.status, p.to, p.body)
	}
	if p := b.authorize(w.request("app", "prompt", "none")); p.params.Get("error") != "login_required" {
		t.Errorf("the session survives: %v", p.to)
	}
	plain := w.browser()
	access := w.redeem(plain.login(w.request("web")), "client_id", "web", "client_secret", webWord)
	plain.logout(url.Values{"id_token_hint": {access.ID}})
	if status, _ := w.userinfo(access.Access); status != http.StatusUnauthorized {
		t.Errorf("the access token survives the session: %d", status)
	}
}

// Without one the person is asked first, and only a registered address gets the browser (attack O12).
func TestLogoutAsks(t *testing.T) {
	w := newWorld(t)
	foreign, sibling := newWorld(t), newWorld(t, withPath("/other"), func(c *oidc.Config, _ *world) { c.Keys = w.keys })
	theirs, siblings := foreign.as("anna", "app").ID, sibling.as("anna", "app").ID
	for name, v := range map[string]url.Values{
		"nothing":                           {},
		"client":                            {"client_id": {"app"}, "post_logout_redirect_uri": {goodbye}},
		"unknown client":                    {"client_id": {"nobody"}, "post_logout_redirect_uri": {goodbye}},
		"garbage":                           {"id_token_hint": {"x"}, "post_logout_redirect_uri": {goodbye}},
		"another issuer with the same keys": {"id_token_hint": {siblings}, "post_logout_redirect_uri": {goodbye}},
		"another server":                    {"id_token_hint": {theirs}, "post_logout_redirect_uri": {goodbye}},
	} {
		b := w.browser()
		b.login(w.request("app"))
		p := b.logout(v)
		if p.body != "leave" {
			t.Errorf("%s: %d %q %v", name, p.status, p.body, p.to)
			continue
		}
		if stay := w.browser().get(w.server.URL + p.at.Path + "?logout=yes"); stay.status != http.StatusGone {
			t.Errorf("%s: another browser confirms: %d", name, stay.status)
		}
		if done := b.get(w.server.URL + p.at.Path + "?logout=yes"); (done.to != nil) != (name == "client") || done.to == nil && done.body != "left" {
			t.Errorf("%s: %v %q", name, done.to, done.body)
		}
	}
	b := w.browser()
	b.login(w.request("app"))
	p := b.logout(url.Values{"client_id": {"app"}})
	if stay := b.get(w.server.URL + p.at.Path + "?cancel=1"); stay.body != "stayed" {
		t.Errorf("%q", stay.body)
	}
	if still := b.authorize(w.request("app", "prompt", "none")); still.params.Get("code") == "" {
		t.Errorf("a cancelled logout ended the session: %v", still.to)
	}
}

// An address that is not registered to the letter is never gone to.
func TestLogoutRedirects(t *testing.T) {
	w := newWorld(t)
	for _, back := range []string{"https://evil.example", goodbye + "/", goodbye + "?x", "https://rp.example", "javascript:alert(1)", "//evil.example", callback, goodbye + "@evil.example"} {
		b := w.browser()
		id := w.redeem(b.login(w.request("app"))).ID
		if p := b.logout(url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {back}}); p.to != nil || p.status != http.StatusOK || strings.Contains(p.body, "evil") {
			t.Errorf("%q: %d %v", back, p.status, p.to)
		}
	}
	id := w.as("anna", "app").ID
	if p := w.browser().logout(url.Values{"id_token_hint": {id}, "client_id": {"web"}, "post_logout_redirect_uri": {goodbye}}); p.status != http.StatusBadRequest || p.to != nil {
		t.Errorf("another client's hint: %d %v", p.status, p.to)
	}
	if p := w.browser().get(w.issuer + "/oidc/logout?client_id=app&client_id=web"); p.status != http.StatusBadRequest {
		t.Errorf("%d", p.status)
	}
	r := newRequest(t, http.MethodPost, w.issuer+"/oidc/logout", url.Values{"id_token_hint": {id}, "post_logout_redirect_uri": {goodbye}}.Encode())
	if p := w.browser().do(r); p.to == nil || p.to.String() != goodbye {
		t.Errorf("POST: %d %v", p.status, p.to)
	}
}

// receiver is a client's back-channel logout endpoint.
type receiver struct {
	mu     sync.Mutex
	status int
	got    []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body) //nolint:errcheck // what is missing is missed below
	values, err := url.ParseQuery(string(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && req.Method == http.MethodPost && r.status/100 == 2 {
		r.got = append(r.got, values.Get("logout_token"))
	}
	if req.URL.Path == "/elsewhere" {
		return // where a redirect that is followed would find what it wants
	}
	if r.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) tokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got...)
}

// Every client of the session is told by a signed token, and told again until it has answered.
func TestBackchannelLogout(t *testing.T) {
	hook := &receiver{status: 500}
	plain, secure := httptest.NewServer(hook), httptest.NewTLSServer(hook)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	w := newWorld(t, func(c *oidc.Config, _ *world) { c.Roots = roots })
	for id, uri := range map[string]string{"a": plain.URL + "/hook", "b": secure.URL + "/hook"} {
		must(t, w.registry.Add(oidc.Client{ID: id, RedirectURIs: []string{callback}, BackchannelLogoutURI: uri, SSO: true,
			MinimumLoA: assurance.Low, PostLogoutRedirectURIs: []string{goodbye}}))
	}
	b := w.browser()
	first := claims(t, w.redeem(b.login(w.request("a")), "client_id", "a").ID)
	answer := b.authorize(w.request("b"))
	second := w.redeem(b.code(answer), "client_id", "b")
	b.logout(url.Values{"id_token_hint": {second.ID}})
	for _, status := range []int{500, 400, 302, 307} {
		hook.answer(status)
		must(t, w.broker.Deliver(t.Context()))
		w.clock.advance(10 * minute)
	}
	if got := hook.tokens(); len(got) != 0 {
		t.Fatalf("%d tokens were taken for delivered", len(got))
	}
	hook.answer(204)
	must(t, w.broker.Deliver(t.Context()))
	got := hook.tokens()
	if len(got) != 2 {
		t.Fatalf("%d tokens", len(got))
	}
	for _, token := range got {
		c := claims(t, token)
		keys := rp.NewRemoteKeySet(t.Context(), w.issuer+"/oidc/keys")
		if _, err := rp.NewVerifier(w.issuer, keys, &rp.Config{ClientID: c["aud"].(string), Now: w.clock.now, SupportedSigningAlgs: []string{"ES256"}}).Verify(t.Context(), token); err != nil {
			t.Error(err)
		}
		if part(t, token, 0)["typ"] != "logout+jwt" || c["events"].(map[string]any)["http://schemas.openid.net/event/backchannel-logout"] == nil ||
			c["nonce"] != nil || c["jti"] == "" || c["sub"] == "" || c["exp"].(float64)-c["iat"].(float64) > 120 {
			t.Errorf("%v", c)
		}
		if c["aud"] == "a" && (c["sid"] != first["sid"] || c["sub"] != first["sub"]) {
			t.Errorf("%v does not name the session of %v", c, first)
		}
		if p := w.browser().logout(url.Values{"id_token_hint": {token}, "post_logout_redirect_uri": {goodbye}}); p.to != nil {
			t.Error("a logout token passes for an ID token")
		}
	}
	must(t, w.broker.Deliver(t.Context()))
	if len(hook.tokens()) != 2 {
		t.Error("a client was told twice")
	}
}

// Calls reach the public internet over https, and this machine only in the dev profile.
func TestBackchannelStaysOutside(t *testing.T) {
	hook := &receiver{status: 200}
	plain, secure := httptest.NewServer(hook), httptest.NewTLSServer(hook)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	w := newWorld(t, func(c *oidc.Config, _ *world) {
		c.Roots, c.InsecureLoopback, c.Issuer = roots, false, "https://op.example"
	})
	for _, uri := range []string{plain.URL, secure.URL, "https://localhost:" + port(secure), "https://127.0.0.1:1/", "https://10.0.0.1/", "https://169.254.169.254/",
		"https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://0.0.0.0/", "https://100.64.0.1/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/"} {
		must(t, w.registry.Add(oidc.Client{ID: "hook", RedirectURIs: []string{callback}, BackchannelLogoutURI: uri}))
		if err := w.provider.Depart(t.Context(), departure("hook")); err == nil {
			t.Errorf("%s was called", uri)
		}
	}
	if len(hook.tokens()) != 0 {
		t.Error("something arrived")
	}
	for _, quiet := range []string{"app", "nobody"} {
		if err := w.provider.Depart(t.Context(), departure(quiet)); err != nil {
			t.Errorf("%s has nothing to be told to: %v", quiet, err)
		}
	}
	dev := newWorld(t)
	must(t, dev.registry.Add(oidc.Client{ID: "hook", RedirectURIs: []string{callback}, BackchannelLogoutURI: "https://10.0.0.1/"}))
	if err := dev.provider.Depart(t.Context(), departure("hook")); err == nil || errors.Is(err, http.ErrHandlerTimeout) {
		t.Error("the dev profile calls a private network")
	}
}

func port(s *httptest.Server) string {
	_, p, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	return p
}

func departure(client string) broker.Departure {
	return broker.Departure{Participant: broker.Participant{Protocol: oidc.Protocol, Party: client}, SID: "sid", Subject: "sub"}
}
