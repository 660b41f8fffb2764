package oidc_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tillid/tillid/protocols/oidc"
)

// Each client authenticates in the way that it is registered for, and in no other.
func TestClientAuthentication(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		client, auth string
		form         []string
		ok           bool
	}{
		{"app", "", nil, true},
		{"app", "app:", []string{"client_id", "-"}, false},
		{"app", "", []string{"client_secret", webWord}, false},
		{"web", "web:" + webWord, []string{"client_id", "-"}, true},
		{"web", "web:" + webWord, nil, true},
		{"web", "", []string{"client_secret", webWord}, true},
		{"web", "", nil, false},
		{"web", "", []string{"client_secret", ""}, false},
		{"web", "web:" + webWord + "x", nil, false},
		{"web", "web:" + webWord[1:], nil, false},
		{"web", "app:" + webWord, []string{"client_id", "-"}, false},
		{"web", "web:" + webWord, []string{"client_id", "app"}, false},
		{"web", "web:" + webWord, []string{"client_secret", webWord}, false},
		{"basic", "basic:" + webWord + "1", nil, true},
		{"basic", "", []string{"client_secret", webWord + "1"}, false},
		{"post", "", []string{"client_secret", webWord + "2"}, true},
		{"post", "post:" + webWord + "2", nil, false},
		{"post", "", []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", "e30.e30.e30"}, false},
	} {
		code := w.browser().login(w.request(c.client))
		v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {c.client}, "code_verifier": {verifier}}
		change(v, c.form)
		got := w.post("/oidc/token", c.auth, v)
		if (got.Access != "") != c.ok {
			t.Errorf("%+v: %+v", c, got)
		}
		if !c.ok && got.Error != "invalid_client" && got.Error != "invalid_request" {
			t.Errorf("%+v: %+v", c, got)
		}
		if got.Error == "invalid_client" && (got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "") {
			t.Errorf("%+v: %d %v", c, got.status, got.header)
		}
	}
	for _, client := range []string{"nobody", "off", "\x00", ""} {
		if got := w.redeem("x", "client_id", client); got.Access != "" || got.Error != "invalid_client" && got.Error != "invalid_request" {
			t.Errorf("%q: %+v", client, got)
		}
	}
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assert signs a client assertion.
func assert(t *testing.T, key crypto.Signer, alg jose.SignatureAlgorithm, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	must(t, err)
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	text, err := signed.CompactSerialize()
	must(t, err)
	return text
}

// A client assertion is taken once, for a short time, from its client, for this server; a claim that is absent is wrong.
func TestPrivateKeyJWT(t *testing.T) {
	w := newWorld(t)
	ec, foreign := ecKey(t), ecKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ec.Public(), KeyID: "k1"}, {Key: rsaKey(3).Public(), KeyID: "k2", Algorithm: "PS256"}}})
	must(t, err)
	keys, err := oidc.ParseJWKSet(set)
	must(t, err)
	must(t, w.registry.Add(oidc.Client{ID: "jwt", JWKS: keys, RedirectURIs: []string{callback}}))
	try := func(text string, changes ...string) tokens {
		t.Helper()
		code := w.browser().login(w.request("jwt"))
		return w.redeem(code, append([]string{"client_id", "jwt", "client_assertion_type", assertionType, "client_assertion", text}, changes...)...)
	}
	now := w.clock.now()
	good := func(jti string, changes ...any) map[string]any {
		c := map[string]any{"iss": "jwt", "sub": "jwt", "aud": w.issuer, "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(), "jti": jti}
		for i := 0; i+1 < len(changes); i += 2 {
			if changes[i+1] == nil {
				delete(c, changes[i].(string))
			} else {
				c[changes[i].(string)] = changes[i+1]
			}
		}
		return c
	}
	for name, text := range map[string]string{
		"issuer":         assert(t, ec, jose.ES256, "k1", good("1")),
		"token endpoint": assert(t, ec, jose.ES256, "k1", good("2", "aud", w.issuer+"/oidc/token")),
		"among others":   assert(t, ec, jose.ES256, "k1", good("3", "aud", []string{"x", w.issuer})),
		"no kid":         assert(t, ec, jose.ES256, "", good("4")),
		"PS256":          assert(t, rsaKey(3), jose.PS256, "k2", good("5")),
		"no iat":         assert(t, ec, jose.ES256, "k1", good("6", "iat", nil)),
		"a little ahead": assert(t, ec, jose.ES256, "k1", good("7", "iat", now.Add(10*time.Second).Unix(), "nbf", now.Add(10*time.Second).Unix())),
	} {
		if got := try(text); got.Access == "" {
			t.Errorf("%s: %+v", name, got)
		}
		if got := try(text); got.Error != "invalid_client" {
			t.Errorf("%s, replayed: %+v", name, got)
		}
	}
	if got := try(assert(t, ec, jose.ES256, "k1", good("8")), "client_id", "-"); got.Access == "" {
		t.Errorf("without client_id: %+v", got)
	}
	for name, text := range map[string]string{
		"another's key":   assert(t, foreign, jose.ES256, "k1", good("10")),
		"unknown kid":     assert(t, ec, jose.ES256, "k3", good("11")),
		"RS256 for PS256": assert(t, rsaKey(3), jose.RS256, "k2", good("12")),
		"other issuer":    assert(t, ec, jose.ES256, "k1", good("13", "iss", "app")),
		"other subject":   assert(t, ec, jose.ES256, "k1", good("14", "sub", "app")),
		"other audience":  assert(t, ec, jose.ES256, "k1", good("15", "aud", "https://op.example")),
		"audience prefix": assert(t, ec, jose.ES256, "k1", good("16", "aud", w.issuer+"/")),
		"expired":         assert(t, ec, jose.ES256, "k1", good("17", "exp", now.Unix())),
		"long lived":      assert(t, ec, jose.ES256, "k1", good("18", "exp", now.Add(time.Hour).Unix())),
		"from the future": assert(t, ec, jose.ES256, "k1", good("19", "iat", now.Add(61*time.Second).Unix())),
		"not yet":         assert(t, ec, jose.ES256, "k1", good("20", "nbf", now.Add(61*time.Second).Unix())),
		"no iss":          assert(t, ec, jose.ES256, "k1", good("21", "iss", nil)),
		"no sub":          assert(t, ec, jose.ES256, "k1", good("22", "sub", nil)),
		"no aud":          assert(t, ec, jose.ES256, "k1", good("23", "aud", nil)),
		"no exp":          assert(t, ec, jose.ES256, "k1", good("24", "exp", nil)),
		"no jti":          assert(t, ec, jose.ES256, "k1", good("")),
		"upper case":      assert(t, ec, jose.ES256, "k1", good("25", "exp", nil, "EXP", now.Add(time.Minute).Unix())),
		"alg none":        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqd3QiLCJzdWIiOiJqd3QifQ.",
		"garbage":         "x",
		"empty":           "",
	} {
		if got := try(text); got.Access != "" || got.Error != "invalid_client" && got.Error != "invalid_request" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	text := assert(t, ec, jose.ES256, "k1", good("race"))
	var wg sync.WaitGroup
	var mu sync.Mutex
	active := 0
	for range 16 {
		wg.Go(func() {
			status, _, _ := w.send("/oidc/introspect", "", url.Values{"token": {"x"}, "client_assertion_type": {assertionType}, "client_assertion": {text}})
			if status == http.StatusOK {
				mu.Lock()
				active++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if active != 1 {
		t.Errorf("%d uses of one assertion", active)
	}
	w.store.set(true)
	if status, header, _ := w.send("/oidc/introspect", "", url.Values{"token": {"x"}, "client_assertion_type": {assertionType},
		"client_assertion": {assert(t, ec, jose.ES256, "k1", good("down"))}}); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
		t.Errorf("an assertion whose use cannot be remembered: %d", status)
	}
}

// Keys that could not, or must not, verify assertions are refused at registration.
func TestJWKSetIsStrict(t *testing.T) {
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ecKey(t)}}})
	must(t, err)
	for name, text := range map[string]string{
		"private": string(private), "symmetric": `{"keys":[{"kty":"oct","k":"AAAA"}]}`, "none": `{"keys":[]}`, "not a set": `[]`, "garbage": `{`,
		"other curve": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
	} {
		if _, err := oidc.ParseJWKSet([]byte(text)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
