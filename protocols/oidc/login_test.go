package oidc_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	rp "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// A relying party built on a library that knows nothing of this server logs a person in, reads userinfo and refreshes.
func TestLoginWithIndependentClient(t *testing.T) {
	for name, prefix := range map[string]string{"issuer without path": "", "issuer with path": "/op/main"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withPath(prefix))
			ctx := t.Context()
			provider, err := rp.NewProvider(ctx, w.issuer)
			must(t, err)
			config := oauth2.Config{ClientID: "web", ClientSecret: webWord, RedirectURL: callback, Endpoint: provider.Endpoint(),
				Scopes: []string{"openid", "profile", "offline_access"}}
			pkce := oauth2.GenerateVerifier()
			address := config.AuthCodeURL("st&te", oauth2.S256ChallengeOption(pkce), rp.Nonce("n0nce"))
			b := w.browser()
			answer := b.prove(b.get(address), "anna", "Substantial")
			if answer.params.Get("state") != "st&te" || answer.params.Get("iss") != w.issuer {
				t.Errorf("answer %v", answer.to)
			}
			token, err := config.Exchange(ctx, b.code(answer), oauth2.VerifierOption(pkce))
			must(t, err)
			verifier := provider.VerifierContext(ctx, &rp.Config{ClientID: "web", Now: w.clock.now})
			first := verify(ctx, t, verifier, token)
			if first.Nonce != "n0nce" {
				t.Errorf("nonce %q", first.Nonce)
			}
			must(t, first.VerifyAccessToken(token.AccessToken))
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
			must(t, err)
			var person struct{ Name, LoA string }
			must(t, info.Claims(&person))
			if info.Subject != first.Subject || person.Name != "Anna Prøve" || person.LoA != nebURL+"Substantial" {
				t.Errorf("userinfo %+v %+v", info, person)
			}
			stale := *token
			stale.Expiry = stale.Expiry.AddDate(-1, 0, 0)
			renewed, err := config.TokenSource(ctx, &stale).Token()
			must(t, err)
			second := verify(ctx, t, verifier, renewed)
			if second.Subject != first.Subject || renewed.AccessToken == token.AccessToken || renewed.RefreshToken == token.RefreshToken {
				t.Error("the refresh gave what was there before")
			}
		})
	}
}

const nebURL = "https://data.gov.dk/concept/core/nsis/"

func withPath(path string) option {
	return func(c *configuration, w *world) { c.Issuer = w.server.URL + path }
}

func verify(ctx context.Context, t *testing.T, v *rp.IDTokenVerifier, token *oauth2.Token) *rp.IDToken {
	t.Helper()
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		t.Fatal("no ID token")
	}
	id, err := v.Verify(ctx, raw)
	must(t, err)
	return id
}

// What an ID token says is what was reached and asked for, in the dialect of the client, and survives a refresh.
func TestIDTokenSurvivesRefresh(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first := w.redeem(b.login(w.request("app", "scope", "openid offline_access", "acr_values", "urn:grn:authn:dk:mitid:low")))
	a := claims(t, first.ID)
	for name, want := range map[string]any{"iss": w.issuer, "aud": "app", "nonce": "n0nce", "acr": "urn:grn:authn:dk:mitid:substantial",
		"loa": nebURL + "Substantial", "ial": nebURL + "High", "aal": nebURL + "Substantial", "idp": "scripted", "identity_type": "private",
		"auth_time": float64(w.clock.now().Unix())} {
		if a[name] != want {
			t.Errorf("%s is %v, want %v", name, a[name], want)
		}
	}
	if amr, _ := a["amr"].([]any); len(amr) != 2 || amr[0] != "code_token" || amr[1] != "password" {
		t.Errorf("amr %v", a["amr"])
	}
	if a["sid"] == "" || a["sid"] == nil {
		t.Error("no sid")
	}
	if a["exp"].(float64)-a["iat"].(float64) != 300 {
		t.Error("an ID token lives 5 minutes")
	}
	w.clock.advance(20 * minute)
	second := w.refresh("app", first.Refresh)
	c := claims(t, second.ID)
	for _, name := range []string{"sub", "acr", "loa", "ial", "aal", "sid", "idp", "identity_type", "auth_time"} {
		if a[name] != c[name] {
			t.Errorf("%s is %v after the refresh, was %v", name, c[name], a[name])
		}
	}
	if _, has := c["nonce"]; has {
		t.Error("a refreshed ID token has a nonce (OpenID Connect Core 12.2)")
	}
	if c["amr"].([]any)[1] != "password" {
		t.Errorf("amr %v", c["amr"])
	}
}

// Each client gets the algorithm and the vocabulary that it is registered for.
func TestClientPreferences(t *testing.T) {
	w := newWorld(t)
	for client, alg := range map[string]string{"app": "ES256", "rs": "RS256", "ps": "PS256"} {
		got := w.redeem(w.browser().login(w.request(client)), "client_id", client)
		if part(t, got.ID, 0)["alg"] != alg {
			t.Errorf("%s: %v", client, part(t, got.ID, 0))
		}
		verifier := rp.NewVerifier(w.issuer, rp.NewRemoteKeySet(t.Context(), w.issuer+"/oidc/keys"),
			&rp.Config{ClientID: client, Now: w.clock.now, SupportedSigningAlgs: []string{alg}})
		if _, err := verifier.Verify(t.Context(), got.ID); err != nil {
			t.Errorf("%s: %v", client, err)
		}
	}
	bare := claims(t, w.redeem(w.browser().login(w.request("bare")), "client_id", "bare").ID)
	if bare["acr"] != "Substantial" || bare["loa"] != "Substantial" || bare["amr"].([]any)[2] != "mfa" {
		t.Errorf("%v", bare)
	}
}

// The subject is that of the organisation, and of nobody else.
func TestSubjectIsPairwise(t *testing.T) {
	w := newWorld(t)
	sub := func(client, secret string) any {
		t.Helper()
		code := w.browser().login(w.request(client))
		auth := ""
		v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
		if secret == "" {
			v.Set("client_id", client)
		} else {
			auth = client + ":" + secret
		}
		return claims(t, w.post("/oidc/token", auth, v).ID)["sub"]
	}
	app, web, other := sub("app", ""), sub("web", webWord), sub("basic", webWord+"1")
	if app != web || app == other || app == "anna" {
		t.Errorf("%v %v %v", app, web, other)
	}
}

// A session serves a second login, and not one that asks for a fresh one.
func TestSingleSignOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.login(w.request("app"))
	if p := b.authorize(w.request("web")); p.to == nil || p.params.Get("code") == "" {
		t.Fatalf("no single sign-on: %d %q", p.status, p.body)
	}
	if p := b.authorize(w.request("web", "prompt", "none")); p.params.Get("code") == "" {
		t.Errorf("prompt=none: %v", p.to)
	}
	for _, ask := range [][]string{{"prompt", "login"}, {"prompt", "select_account"}, {"max_age", "0"}} {
		if p := b.authorize(w.request("web", ask...)); p.body != "show" {
			t.Errorf("%v answered out of the session", ask)
		}
	}
	w.clock.advance(2 * minute)
	if p := b.authorize(w.request("web", "max_age", "60")); p.body != "show" {
		t.Error("max_age was not heeded")
	}
	if p := b.authorize(w.request("web", "max_age", "600")); p.params.Get("code") == "" {
		t.Error("max_age asked for too much")
	}
	hint := w.redeem(b.login(w.request("app", "prompt", "login"))).ID
	if p := b.authorize(w.request("app", "id_token_hint", hint)); p.params.Get("code") == "" {
		t.Errorf("the hint is of the person in the session: %q", p.body)
	}
	if p := b.authorize(w.request("web", "id_token_hint", hint)); p.params.Get("error") != "invalid_request" {
		t.Errorf("another client's ID token is a hint: %v", p.to)
	}
	stranger := w.browser()
	if p := stranger.prove(stranger.authorize(w.request("app", "id_token_hint", hint)), "bo", "Substantial"); p.params.Get("code") != "" {
		t.Error("another person than the hint's logged in")
	}
	if p := w.browser().authorize(w.request("app", "prompt", "none")); p.params.Get("error") != "login_required" || p.params.Get("state") != "st&te" || p.params.Get("iss") != w.issuer {
		t.Errorf("%v", p.to)
	}
}

// form_post carries the same answer in a page whose policy admits nothing but its own script.
func TestFormPost(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.prove(b.authorize(w.request("app", "response_mode", "form_post", "state", `"><script>x</script>`)), "anna", "Substantial")
	if p.status != http.StatusOK || !contains(p.body, `action="https://rp.example/cb"`, `name="code"`, `name="iss"`, `&lt;script&gt;`) || contains(p.body, "<script>x") {
		t.Errorf("%d %s", p.status, p.body)
	}
	if policy := p.header.Get("Content-Security-Policy"); !contains(policy, "default-src 'none'", "script-src 'sha256-", "frame-ancestors 'none'") || contains(policy, "unsafe") {
		t.Error(policy)
	}
	refused := w.browser().authorize(w.request("app", "response_mode", "form_post", "prompt", "none"))
	if !contains(refused.body, `value="login_required"`) {
		t.Error(refused.body)
	}
}
