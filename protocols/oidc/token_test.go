package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// PKCE is for every client, and only S256.
func TestPKCE(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		verifier string
		want     string
	}{
		"none": {"-", "invalid_request"}, "empty": {"", "invalid_request"}, "short": {verifier[:42], "invalid_request"}, "long": {strings.Repeat("a", 129), "invalid_request"},
		"strange": {verifier + "+", "invalid_request"}, "another": {verifier + "x", "invalid_grant"}, "the challenge": {challenge(verifier), "invalid_grant"},
	} {
		for client, secret := range map[string]string{"app": "", "web": webWord} {
			code := w.browser().login(w.request(client))
			changes := []string{"client_id", client, "code_verifier", c.verifier}
			if secret != "" {
				changes = append(changes, "client_secret", secret)
			}
			if got := w.redeem(code, changes...); got.Error != c.want || got.Access != "" || got.status != http.StatusBadRequest {
				t.Errorf("%s, %s: %+v", name, client, got)
			}
		}
	}
}

// A code is for its client and its redirect URI, for a minute.
func TestCodeIsBound(t *testing.T) {
	w := newWorld(t)
	for name, changes := range map[string][]string{
		"other client": {"client_id", "rs"}, "other redirect URI": {"redirect_uri", callback + "/"}, "a guess": {"code", strings.Repeat("A", 200)},
	} {
		code := w.browser().login(w.request("app"))
		if name == "a guess" {
			code = ""
		}
		if got := w.redeem(code, changes...); got.Error != "invalid_grant" || got.status != http.StatusBadRequest {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := w.redeem(w.browser().login(w.request("app")), "redirect_uri", "-"); got.Error != "invalid_request" {
		t.Errorf("%+v", got)
	}
	code := w.browser().login(w.request("app"))
	w.clock.advance(61 * time.Second)
	if got := w.redeem(code); got.Error != "invalid_grant" {
		t.Errorf("after a minute: %+v", got)
	}
}

// Of 64 parallel redemptions one wins, and the losers' replay ends what it won.
func TestCodeIsUsedOnce(t *testing.T) {
	w := newWorld(t)
	code := w.browser().login(w.request("app", "scope", "openid offline_access"))
	var wg sync.WaitGroup
	results := make([]tokens, 64)
	start := make(chan struct{})
	for i := range results {
		wg.Go(func() {
			<-start
			results[i] = w.redeem(code)
		})
	}
	close(start)
	wg.Wait()
	var won []tokens
	for _, r := range results {
		switch {
		case r.status == http.StatusOK:
			won = append(won, r)
		case r.Error != "invalid_grant":
			t.Errorf("%+v", r)
		}
	}
	if len(won) > 1 {
		t.Fatalf("%d winners", len(won))
	}
	if again := w.redeem(code); again.Error != "invalid_grant" { // at the latest this one finds a grant to end
		t.Errorf("%+v", again)
	}
	for _, r := range won {
		if status, _ := w.userinfo(r.Access); status != http.StatusUnauthorized {
			t.Errorf("the access token outlives the replay: %d", status)
		}
		if got := w.refresh("app", r.Refresh); got.Error != "invalid_grant" {
			t.Errorf("the refresh token outlives the replay: %+v", got)
		}
	}
}

// A refresh token is used once; its successor is given again for a moment, and after that the whole family ends.
func TestRefreshFamily(t *testing.T) {
	w := newWorld(t)
	first := w.redeem(w.browser().login(w.request("app", "scope", "openid offline_access profile")))
	var wg sync.WaitGroup
	results := make([]tokens, 32)
	for i := range results {
		wg.Go(func() { results[i] = w.refresh("app", first.Refresh) })
	}
	wg.Wait()
	next := ""
	for _, r := range results {
		if r.status != http.StatusOK {
			t.Errorf("%+v", r)
			continue
		}
		if next == "" {
			next = r.Refresh
		}
		if r.Refresh != next {
			t.Error("two successors of one refresh token")
		}
	}
	if got := w.refresh("web", next); got.status != http.StatusUnauthorized {
		t.Errorf("another client: %+v", got)
	}
	if got := w.refresh("rs", next); got.Error != "invalid_grant" {
		t.Errorf("another client: %+v", got)
	}
	w.clock.advance(11 * time.Second)
	if got := w.refresh("app", first.Refresh); got.Error != "invalid_grant" {
		t.Errorf("reuse: %+v", got)
	}
	if got := w.refresh("app", next); got.Error != "invalid_grant" {
		t.Errorf("the family survives the reuse: %+v", got)
	}
	if status, _ := w.userinfo(results[0].Access); status != http.StatusUnauthorized {
		t.Errorf("an access token survives the reuse: %d", status)
	}
}

// Scopes shrink and never grow, and without offline_access there is nothing to refresh.
func TestScopes(t *testing.T) {
	w := newWorld(t)
	plain := w.redeem(w.browser().login(w.request("app", "scope", "openid profile email")))
	if plain.Refresh != "" || plain.Scope != "openid profile" || plain.Type != "Bearer" || plain.Expires != 3600 {
		t.Errorf("%+v", plain)
	}
	if got := w.redeem(w.browser().login(w.request("once", "scope", "openid offline_access")), "client_id", "once"); got.Refresh != "" || got.Scope != "openid" {
		t.Errorf("%+v", got)
	}
	if got := w.refresh("once", "x"); got.Error != "unauthorized_client" {
		t.Errorf("%+v", got)
	}
	first := w.redeem(w.browser().login(w.request("app", "scope", "openid offline_access profile")))
	narrow := w.post("/oidc/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {first.Refresh}, "scope": {"openid"}})
	if narrow.Scope != "openid" {
		t.Errorf("%+v", narrow)
	}
	if _, info := w.userinfo(narrow.Access); info["name"] != nil {
		t.Error("a narrowed token still reads the name")
	}
	wide := w.post("/oidc/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {narrow.Refresh}, "scope": {"openid profile mitid"}})
	if wide.Scope != "openid profile" {
		t.Errorf("%+v", wide)
	}
	if got := w.post("/oidc/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {wide.Refresh}, "scope": {"openid ssn"}}); got.Error != "invalid_scope" {
		t.Errorf("%+v", got)
	}
	if got := w.refresh("app", wide.Refresh); got.status != http.StatusOK {
		t.Errorf("a scope that was refused used up the refresh token: %+v", got)
	}
}

// The token endpoint takes a POST with a form, two grant types, and every parameter once.
func TestTokenRequests(t *testing.T) {
	w := newWorld(t)
	for _, grant := range []string{"password", "client_credentials", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:device_code", "urn:openid:params:grant-type:ciba", "x"} {
		for _, auth := range []string{"", "web:" + webWord} {
			got := w.post("/oidc/token", auth, url.Values{"grant_type": {grant}, "client_id": {"app"}, "username": {"anna"}, "assertion": {"x"}})
			if got.Error != "unsupported_grant_type" || got.status != http.StatusBadRequest {
				t.Errorf("%s: %+v", grant, got)
			}
		}
	}
	if got := w.post("/oidc/token", "", url.Values{"client_id": {"app"}}); got.Error != "invalid_request" {
		t.Errorf("%+v", got)
	}
	if got := w.post("/oidc/token", "", url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"}}); got.Error != "invalid_request" {
		t.Errorf("%+v", got)
	}
	twice := url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {"x", "x"}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	if got := w.post("/oidc/token", "", twice); got.Error != "invalid_request" {
		t.Errorf("%+v", got)
	}
	if got := w.post("/oidc/token?code=x", "", twice); got.Error != "invalid_request" {
		t.Errorf("%+v", got)
	}
	if got := w.post("/oidc/token", "", url.Values{"x": {strings.Repeat("x", 17<<10)}}); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", got.status)
	}
	for _, kind := range []string{"application/json", "", "multipart/form-data; boundary=x"} {
		r, err := http.NewRequest(http.MethodPost, w.issuer+"/oidc/token", strings.NewReader(`{"grant_type":"authorization_code"}`))
		must(t, err)
		r.Header.Set("Content-Type", kind)
		if status, _, _ := w.roundTrip(r); status != http.StatusBadRequest {
			t.Errorf("%q: %d", kind, status)
		}
	}
	for _, got := range []tokens{w.redeem("x"), w.redeem(w.browser().login(w.request("app")))} {
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", got.header)
		}
	}
}

// Scripts of any origin may call what they can have a token for, without credentials of the browser, and nothing else.
func TestCrossOrigin(t *testing.T) {
	w := newWorld(t)
	for path, shared := range map[string]string{"/oidc/token": "*", "/oidc/userinfo": "*", "/oidc/revoke": "*", "/oidc/keys": "*", "/.well-known/openid-configuration": "*",
		"/oidc/authorize": "", "/oidc/logout": "", "/oidc/introspect": "", "/oidc/cpr-match": ""} {
		for _, method := range []string{http.MethodOptions, http.MethodGet, http.MethodPost} {
			r, err := http.NewRequest(method, w.issuer+path, nil)
			must(t, err)
			r.Header.Set("Origin", "https://spa.example")
			if method == http.MethodOptions {
				r.Header.Set("Access-Control-Request-Method", http.MethodPost)
			}
			want := shared
			_, header, _ := w.roundTrip(r)
			got := header.Get("Access-Control-Allow-Origin")
			if method == http.MethodGet && (path == "/oidc/token" || path == "/oidc/revoke") {
				want = "" // not a method of theirs
			}
			if got != want {
				t.Errorf("%s %s: %q", method, path, got)
			}
			if header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %s admits credentials", method, path)
			}
		}
	}
}
