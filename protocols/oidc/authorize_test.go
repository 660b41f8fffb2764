package oidc_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tillid/tillid/broker"
)

// Nothing is answered by a redirect before client and redirect URI are proven, whatever else is wrong (attack O2).
func TestNoRedirectBeforeProof(t *testing.T) {
	w := newWorld(t)
	others := [][]string{{}, {"response_type", "token"}, {"scope", "-"}, {"code_challenge", "-"}, {"request", "x"}, {"prompt", "none login"},
		{"acr_values", "nonsense"}, {"response_mode", "fragment"}, {"max_age", "-1"}, {"claims", "{"}, {"prompt", "none"}}
	for name, bad := range map[string][]string{
		"no client": {"client_id", "-"}, "empty client": {"client_id", ""}, "unknown client": {"client_id", "nobody"}, "disabled client": {"client_id", "off"},
		"client with a space": {"client_id", "app "}, "client in another case": {"client_id", "APP"}, "no redirect URI": {"redirect_uri", "-"},
		"empty redirect URI": {"redirect_uri", ""}, "foreign redirect URI": {"redirect_uri", "https://evil.example/cb"}, "longer redirect URI": {"redirect_uri", callback + "/x"},
	} {
		for _, other := range others {
			p := w.browser().authorize(w.request("app", append(bad, other...)...))
			if p.to != nil || p.status != http.StatusBadRequest || strings.Contains(p.body, "evil.example") {
				t.Errorf("%s, %v: %d %v", name, other, p.status, p.to)
			}
			if p.header.Get("Cache-Control") != "no-store" || !contains(p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("%s: header %v", name, p.header)
			}
		}
	}
	for _, twice := range []string{"client_id=app", "client_id=web", "redirect_uri=" + url.QueryEscape(callback), "redirect_uri=https://evil.example"} {
		if p := w.browser().get(w.issuer + "/oidc/authorize?" + w.request("app").Encode() + "&" + twice); p.to != nil || p.status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", twice, p.status, p.to)
		}
	}
}

// After that every error goes back to the client, with the standard's code, state and iss.
func TestAuthorizeErrors(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", 600)
	text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("t", broker.MaxText+1)))
	for _, c := range []struct {
		want   string
		change []string
	}{
		{"invalid_request", []string{"response_type", "-"}},
		{"unsupported_response_type", []string{"response_type", "token"}},
		{"unsupported_response_type", []string{"response_type", "id_token"}},
		{"unsupported_response_type", []string{"response_type", "code id_token"}},
		{"unsupported_response_type", []string{"response_type", "none"}},
		{"invalid_request", []string{"response_mode", "fragment"}},
		{"invalid_request", []string{"response_mode", "query.jwt"}},
		{"request_not_supported", []string{"request", "e30.e30."}},
		{"request_not_supported", []string{"request", ""}},
		{"request_uri_not_supported", []string{"request_uri", "urn:x"}},
		{"invalid_scope", []string{"scope", "-"}},
		{"invalid_scope", []string{"scope", "profile"}},
		{"invalid_scope", []string{"scope", "openid ssn"}},
		{"invalid_scope", []string{"scope", "openid " + long}},
		{"invalid_request", []string{"code_challenge", "-"}},
		{"invalid_request", []string{"code_challenge_method", "-"}},
		{"invalid_request", []string{"code_challenge_method", "plain"}},
		{"invalid_request", []string{"code_challenge_method", "s256"}},
		{"invalid_request", []string{"code_challenge", challenge(verifier)[1:]}},
		{"invalid_request", []string{"code_challenge", challenge(verifier)[1:] + "="}},
		{"invalid_request", []string{"nonce", long}},
		{"invalid_request", []string{"prompt", "none login"}},
		{"invalid_request", []string{"prompt", "create"}},
		{"login_required", []string{"prompt", "none"}},
		{"invalid_request", []string{"max_age", "-1"}},
		{"invalid_request", []string{"max_age", "soon"}},
		{"invalid_request", []string{"max_age", "99999999999"}},
		{"invalid_request", []string{"acr_values", "loa:gigantic"}},
		{"invalid_request", []string{"acr_values", strings.Repeat("loa:low ", 13)}},
		{"invalid_request", []string{"claims", "{"}},
		{"invalid_request", []string{"claims", "[]"}},
		{"invalid_request", []string{"claims", `{"id_token":{},"id_token":{}}`}},
		{"invalid_request", []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"nonsense"}}}`}},
		{"invalid_request", []string{"claims", `{"id_token":{"acr":5}}`}},
		{"invalid_request", []string{"idp_params", "mitid"}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"loa_value":"enormous"}}`}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"aal_value":"none"}}`}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"reference_text":"%"}}`}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"reference_text":"` + text + `"}}`}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"action_text":"PAY"}}`}},
		{"invalid_request", []string{"idp_params", `{"mitid":{"cpr_hint":"7403751231"}}`}},
		{"invalid_request", []string{"idp_values", "mitid nemid"}},
		{"unauthorized_client", []string{"idp_values", "elsewhere"}},
		{"invalid_request", []string{"login_hint", long}},
		{"invalid_request", []string{"id_token_hint", "e30.e30.e30"}},
	} {
		p := w.browser().authorize(w.request("app", c.change...))
		if p.status != http.StatusSeeOther || p.to == nil || !strings.HasPrefix(p.to.String(), callback+"?") {
			t.Errorf("%v: %d %v %q", c.change, p.status, p.to, p.body)
			continue
		}
		if p.params.Get("error") != c.want || p.params.Get("state") != "st&te" || p.params.Get("iss") != w.issuer || p.params.Has("code") {
			t.Errorf("%v: %v, want %s", c.change, p.params, c.want)
		}
	}
	for _, name := range []string{"state", "nonce", "scope", "code_challenge", "response_type", "unheard_of"} {
		p := w.browser().get(w.issuer + "/oidc/authorize?" + w.request("app").Encode() + "&" + name + "=x&" + name + "=y")
		if p.params.Get("error") != "invalid_request" {
			t.Errorf("%s twice: %v", name, p.to)
		}
	}
}

// What nobody here knows is passed over, and what is known is a requirement.
func TestTolerance(t *testing.T) {
	w := newWorld(t)
	for _, ask := range [][]string{{"scope", "openid email phone urn:x"}, {"display", "popup"}, {"prompt", "consent"}, {"ui_locales", "kl en"},
		{"claims", `{"userinfo":{"name":null},"id_token":{"acr":null,"email":{"essential":true}}}`}, {"claims", `{"id_token":{"acr":{"essential":true}}}`},
		{"idp_params", `{"mitid":{"enable_app_switch":true},"other":{}}`}, {"acr_values", "nonsense loa:low"}, {"login_hint", "anna"},
		{"idp_values", "scripted"}} {
		if p := w.browser().authorize(w.request("app", ask...)); p.body != "show" {
			t.Errorf("%v: %d %v", ask, p.status, p.to)
		}
	}
}

// The size of a request is limited before anything in it is looked at.
func TestRequestLimits(t *testing.T) {
	w := newWorld(t)
	if p := w.browser().authorize(w.request("app", "x", strings.Repeat("x", 9000))); p.status != http.StatusRequestURITooLong || p.to != nil {
		t.Errorf("%d", p.status)
	}
	post := func(body, kind string) page {
		r, err := http.NewRequest(http.MethodPost, w.issuer+"/oidc/authorize", strings.NewReader(body))
		must(t, err)
		r.Header.Set("Content-Type", kind)
		return w.browser().do(r)
	}
	const form = "application/x-www-form-urlencoded"
	if p := post(w.request("app", "x", strings.Repeat("x", 9000)).Encode(), form); p.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", p.status)
	}
	if p := post("{}", "application/json"); p.status != http.StatusBadRequest {
		t.Errorf("%d", p.status)
	}
	if p := post(w.request("app").Encode(), form); p.body != "show" {
		t.Errorf("a POST is not answered as the same GET: %d %q", p.status, p.body)
	}
	r, err := http.NewRequest(http.MethodPut, w.issuer+"/oidc/authorize", nil)
	must(t, err)
	if p := w.browser().do(r); p.status != http.StatusMethodNotAllowed {
		t.Errorf("%d", p.status)
	}
}

// Levels are requirements in order of preference, and an answer is never below the best that was reached.
func TestLevelsAreRequirements(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, client string
		ask          []string
		user, level  string
		error, acr   string
	}{
		{"nothing asked, registered Low", "app", nil, "anna", "Low", "", nebURL + "Low"},
		{"nothing asked, nothing registered", "post", nil, "anna", "Low", "unmet_authentication_requirements", ""},
		{"below the registered", "web", []string{"acr_values", "loa:low"}, "anna", "Low", "unmet_authentication_requirements", ""},
		{"High and reached", "app", []string{"acr_values", "loa:high"}, "anna", "High", "", "loa:high"},
		{"High and not reached", "app", []string{"acr_values", "loa:high"}, "anna", "Substantial", "unmet_authentication_requirements", ""},
		{"the second will do", "app", []string{"acr_values", "loa:high urn:grn:authn:dk:mitid:substantial"}, "anna", "Substantial", "", "urn:grn:authn:dk:mitid:substantial"},
		{"more than asked is said", "app", []string{"acr_values", "loa:low"}, "anna", "High", "", "loa:high"},
		{"proofing too weak", "app", []string{"acr_values", "loa:substantial"}, "david", "High", "unmet_authentication_requirements", ""},
		{"essential acr", "app", []string{"claims", `{"id_token":{"acr":{"essential":true,"values":["` + nebURL + `High"]}}}`}, "anna", "Substantial", "unmet_authentication_requirements", ""},
		{"essential acr beside acr_values", "app", []string{"acr_values", "loa:low", "claims", `{"id_token":{"acr":{"essential":true,"value":"loa:high"}}}`}, "anna", "Substantial", "unmet_authentication_requirements", ""},
		{"acr_values beside essential acr", "app", []string{"acr_values", "loa:high", "claims", `{"id_token":{"acr":{"essential":true,"value":"loa:low"}}}`}, "anna", "Substantial", "unmet_authentication_requirements", ""},
		{"idp_params", "app", []string{"idp_params", `{"mitid":{"loa_value":"high"}}`}, "anna", "Substantial", "unmet_authentication_requirements", ""},
		{"idp_params aal alone", "app", []string{"idp_params", `{"mitid":{"aal_value":"substantial"}}`}, "david", "Substantial", "", nebURL + "Low"},
		{"idp_params aal not reached", "app", []string{"idp_params", `{"mitid":{"aal_value":"high"}}`}, "david", "Substantial", "unmet_authentication_requirements", ""},
	} {
		b := w.browser()
		p := b.prove(b.authorize(w.request(c.client, c.ask...)), c.user, c.level)
		if c.error != "" {
			if !strings.HasPrefix(p.body, "explain: ") {
				t.Errorf("%s: %q %v", c.name, p.body, p.to)
				continue
			}
			if p = b.get(w.server.URL + p.at.Path + "?back=1"); p.params.Get("error") != c.error || p.params.Get("error_description") == "" {
				t.Errorf("%s: %v", c.name, p.to)
			}
			continue
		}
		if got := claims(t, w.redeem(b.code(p), "client_id", c.client).ID)["acr"]; got != c.acr {
			t.Errorf("%s: acr %v, want %v", c.name, got, c.acr)
		}
	}
}

// A cancelled login and a declined consent are told to the client.
func TestCancelAndConsent(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	p := b.get(w.server.URL + b.authorize(w.request("app")).at.Path + "?cancel=1")
	if p.params.Get("error") != "access_denied" || p.params.Get("state") != "st&te" {
		t.Errorf("%v", p.to)
	}
	p = b.prove(b.authorize(w.request("asking", "scope", "openid profile")), "anna", "Substantial")
	if p.body != "consent" {
		t.Fatalf("%q", p.body)
	}
	if no := b.get(w.server.URL + p.at.Path + "?consent=no"); no.params.Get("error") != "access_denied" {
		t.Errorf("%v", no.to)
	}
	p = b.prove(b.authorize(w.request("asking", "scope", "openid profile")), "anna", "Substantial")
	if yes := b.get(w.server.URL + p.at.Path + "?consent=yes"); yes.params.Get("code") == "" {
		t.Errorf("%v", yes.to)
	}
}

// A store that is down is 503 with Retry-After, and nothing is issued.
func TestStoreDown(t *testing.T) {
	w := newWorld(t)
	code := w.browser().login(w.request("app"))
	w.store.set(true)
	if p := w.browser().authorize(w.request("app")); p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" || p.to != nil {
		t.Errorf("authorize: %d %v", p.status, p.to)
	}
	got := w.redeem(code)
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.Access != "" || got.ID != "" || got.Error != "temporarily_unavailable" {
		t.Errorf("token: %+v", got)
	}
	w.store.set(false)
	if got := w.redeem(code); got.Access == "" {
		t.Errorf("the code was lost: %+v", got)
	}
}

// Only what belongs to OpenID Connect is served, and only what is offered works.
func TestRoutes(t *testing.T) {
	w := newWorld(t, withPath("/op"))
	for path, want := range map[string]int{
		"/op/.well-known/openid-configuration": 200, "/op/oidc/keys": 200, "/op/oidc/par": 501, "/.well-known/openid-configuration": 404, "/oidc/keys": 404,
		"/op/healthz": 404, "/op/ready": 404, "/op/device_authorization": 404, "/op/oidc/authorize/callback": 404, "/op/oidc": 404, "/op": 404, "/op/oidc/keys/": 404, "/op/authorize": 404,
		"/op/oidc/token": 405, "/op/oidc/revoke": 405, "/op/oidc/introspect": 405, "/op/oidc/cpr-match": 405, "/op/oidc/userinfo": 401,
	} {
		if p := w.browser().get(w.server.URL + path); p.status != want {
			t.Errorf("%s: %d, want %d", path, p.status, want)
		}
	}
	if w.provider.Owns("/login/x") || !w.provider.Owns("/op/oidc/token") || w.provider.Issuer() != w.issuer {
		t.Error("the provider does not know what is its own")
	}
}
