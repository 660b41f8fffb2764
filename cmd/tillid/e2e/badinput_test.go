package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// TestAnInvalidClientOrRedirectURINeverRedirects: until it is proven who asks and where the answer goes, the person sees a
// page and the browser stays (RFC 6749 section 4.1.2.1).
func TestAnInvalidClientOrRedirectURINeverRedirects(t *testing.T) {
	s := start(t, settings{})
	const registered = "http://127.0.0.1:9/registered"
	must(t, s.api("clients", map[string]any{"client_id": "strict", "client_secret": "a-secret-of-more-than-thirty-two-characters",
		"redirect_uris": []string{registered}}, nil))
	good := func() url.Values {
		u, err := url.Parse(s.partyWith(t, "strict", "x", "ES256").begin().address)
		must(t, err)
		q := u.Query()
		q.Set("redirect_uri", registered)
		return q
	}
	b := newBrowser(s)
	if p, err := b.get(s.issuer + "/oidc/authorize?" + good().Encode()); err != nil || !p.asks("user_id") {
		t.Fatalf("the benign request: %v %v", p, err)
	}
	for name, change := range map[string]func(url.Values){
		"no client":                 func(q url.Values) { q.Del("client_id") },
		"unknown client":            func(q url.Values) { q.Set("client_id", "nobody") },
		"client with a line break":  func(q url.Values) { q.Set("client_id", "strict\r\nx") },
		"two clients":               func(q url.Values) { q.Add("client_id", "demo") },
		"no redirect URI":           func(q url.Values) { q.Del("redirect_uri") },
		"another redirect URI":      func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9/other") },
		"one that begins alike":     func(q url.Values) { q.Set("redirect_uri", registered+"/more") },
		"one with a query":          func(q url.Values) { q.Set("redirect_uri", registered+"?x=1") },
		"one with a fragment":       func(q url.Values) { q.Set("redirect_uri", registered+"#x") },
		"one with another port":     func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:10/registered") },
		"one in another case":       func(q url.Values) { q.Set("redirect_uri", "HTTP://127.0.0.1:9/registered") },
		"one with user information": func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:9@evil.example/registered") },
		"one elsewhere":             func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
		"two redirect URIs":         func(q url.Values) { q.Add("redirect_uri", "https://evil.example/") },
		"a script":                  func(q url.Values) { q.Set("redirect_uri", "javascript:alert(1)") },
		"any URI for a demo client": func(q url.Values) { q.Set("client_id", "demo"); q.Set("redirect_uri", "https://evil.example/") },
		"localhost of somebody else": func(q url.Values) {
			q.Set("client_id", "demo")
			q.Set("redirect_uri", "http://localhost.evil.example/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := good()
			change(q)
			p, err := b.get(s.issuer + "/oidc/authorize?" + q.Encode())
			must(t, err)
			if p.leaves || p.header.Get("Location") != "" || p.status != http.StatusBadRequest {
				t.Errorf("answered with %v", p)
			}
			if strings.Contains(p.body, "evil.example") || strings.Contains(p.body, "alert(1)") {
				t.Error("the page repeats what it was sent")
			}
			if p.text("reference") == "" {
				t.Error("the page has no reference number")
			}
		})
	}
}

// TestFaultsAreToldToTheService: once both are proven, whatever else is wrong goes back to the service with state and iss.
func TestFaultsAreToldToTheService(t *testing.T) {
	s := start(t, settings{})
	rp := s.party(t, "demo")
	for want, parameters := range map[string][][]string{
		"unsupported_response_type": {{"response_type", "token"}, {"response_type", "id_token"}, {"response_type", "code id_token"}},
		"invalid_request": {{"code_challenge", ""}, {"code_challenge_method", "plain"}, {"code_challenge_method", ""}, {"prompt", "none login"},
			{"max_age", "-1"}, {"acr_values", "urn:nobody:knows"}, {"response_type", ""}},
		"invalid_scope":             {{"scope", "profile"}, {"scope", ""}},
		"request_not_supported":     {{"request", "eyJhbGciOiJub25lIn0.e30."}},
		"request_uri_not_supported": {{"request_uri", "https://evil.example/"}},
		"login_required":            {{"prompt", "none"}},
	} {
		for _, p := range parameters {
			t.Run(want+"/"+strings.Join(p, "="), func(t *testing.T) {
				a := rp.begin(p...)
				got, err := newBrowser(s).get(a.address)
				must(t, err)
				if _, err = a.answer(got); refusedAs(err).code != want {
					t.Errorf("%v: %v", got, err)
				}
			})
		}
	}
}

// TestEndpointsRefuse what they do not speak, each with the status that says so.
func TestEndpointsRefuse(t *testing.T) {
	s := start(t, settings{})
	long := "x=" + strings.Repeat("a", 70<<10)
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for _, c := range []struct {
		name, method, path, kind, body string
		status                         int
	}{
		{"unknown path", "GET", "/nothing", "", "", 404},
		{"unknown path under oidc", "GET", "/oidc/nothing", "", "", 404},
		{"op's own callback", "GET", "/oidc/authorize/callback?id=x", "", "", 404},
		{"op's own health", "GET", "/healthz", "", "", 404},
		{"op's device endpoint", "POST", "/device_authorization", form, "client_id=demo", 404},
		{"unknown login", "GET", "/login/nothing", "", "", 404},
		{"a login that never was", "GET", "/login/" + strings.Repeat("a", 43), "", "", 410},
		{"unknown control path", "GET", "/dev/api/nothing", "", "", 404},
		{"unknown person", "GET", "/dev/api/people/nobody/code", "", "", 404},
		{"metrics on the public listener", "GET", "/metrics", "", "", 404},
		{"GET on token", "GET", "/oidc/token?grant_type=authorization_code", "", "", 405},
		{"GET on revoke", "GET", "/oidc/revoke", "", "", 405},
		{"GET on introspect", "GET", "/oidc/introspect", "", "", 405},
		{"DELETE on authorize", "DELETE", "/oidc/authorize", "", "", 405},
		{"PUT on a login", "PUT", "/login/" + strings.Repeat("a", 43), form, "", 405},
		{"long form at token", "POST", "/oidc/token", form, long, 413},
		{"long form at revoke", "POST", "/oidc/revoke", form, long, 413},
		{"long form at introspect", "POST", "/oidc/introspect", form, long, 413},
		{"long form at authorize", "POST", "/oidc/authorize", form, long, 413},
		{"long form at a login", "POST", "/login/" + strings.Repeat("a", 43), form, long, 413},
		{"long body at the control interface", "POST", "/dev/api/clients", json, `{"client_id":"` + strings.Repeat("a", 70<<10) + `"}`, 413},
		{"long query at authorize", "GET", "/oidc/authorize?" + long[:20<<10], "", "", 414},
		{"token without a client", "POST", "/oidc/token", form, "grant_type=authorization_code&code=x", 400},
		{"token with a wrong secret", "POST", "/oidc/token", form, "grant_type=authorization_code&code=x&client_id=demo-web&client_secret=wrong", 401},
		{"a grant that is not spoken", "POST", "/oidc/token", form, "grant_type=password&client_id=demo", 400},
		{"a parameter twice", "POST", "/oidc/token", form, "grant_type=refresh_token&grant_type=refresh_token&client_id=demo", 400},
		{"JSON at token", "POST", "/oidc/token", json, "{}", 400},
		{"userinfo without a token", "GET", "/oidc/userinfo", "", "", 401},
		{"introspection by nobody", "POST", "/oidc/introspect", form, "token=x", 401},
		{"pushed requests", "POST", "/oidc/par", form, "", 501},
		{"SAML", "GET", "/saml/metadata", "", "", 501},
		{"service providers", "POST", "/dev/api/sp", "application/xml", "<x/>", 501},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(c.method, s.origin+c.path, strings.NewReader(c.body))
			must(t, err)
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			answer, err := s.client.Do(r)
			must(t, err)
			defer answer.Body.Close() //nolint:errcheck // nothing of it is used
			if answer.StatusCode != c.status {
				t.Errorf("status %d, want %d", answer.StatusCode, c.status)
			}
			if answer.Header.Get("Location") != "" {
				t.Errorf("redirected to %s", answer.Header.Get("Location"))
			}
			if c.status == 405 && answer.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

func TestAStolenAddressIsWorthNothing(t *testing.T) {
	s := start(t, settings{})
	owner, thief := newBrowser(s), newBrowser(s)
	p, err := owner.get(s.party(t, "demo").begin().address)
	must(t, err)
	for _, fields := range [][]string{nil, {"user_id", "anna"}, {"use", "code_display"}, {"cancel", "1"}} {
		var stolen page
		if fields == nil {
			stolen, err = thief.get(p.url.String())
		} else {
			stolen, err = thief.submit(p, fields...)
		}
		must(t, err)
		if stolen.leaves || stolen.status != http.StatusForbidden {
			t.Errorf("%v: %v", fields, stolen)
		}
	}
	foreign, err := http.NewRequest(http.MethodPost, p.url.String(), strings.NewReader("user_id=anna"))
	must(t, err)
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Origin", "https://evil.example")
	if refused, err := owner.do(foreign); err != nil || refused.status != http.StatusForbidden {
		t.Errorf("a form of another site: %v %v", refused, err)
	}
	if p, err = owner.walk(p, &somebody{userID: "anna"}); err != nil || !p.leaves {
		t.Errorf("the owner was disturbed: %v %v", p, err)
	}
}

// TestAStoreThatIsDown answers 503 with Retry-After everywhere, and nothing is issued.
func TestAStoreThatIsDown(t *testing.T) {
	redis, durable := redistest.Single(t), database(t)
	s := start(t, settings{args: []string{"--store", redis.URL(), "--registry", durable}})
	rp := s.party(t, "demo-web", "offline_access")
	kept, err := rp.logIn(newBrowser(s), &somebody{userID: "anna", app: true})
	must(t, err)
	b := newBrowser(s)
	a := rp.begin()
	p, err := b.get(a.address)
	must(t, err)
	p, err = b.walk(p, &somebody{userID: "hanne", app: true})
	must(t, err)
	code, err := a.answer(p)
	must(t, err)
	waiting, err := b.get(rp.begin("prompt", "login").address)
	must(t, err)

	redis.Kill()
	unavailable := func(name string, status int, h http.Header) {
		t.Helper()
		if status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
			t.Errorf("%s: status %d, Retry-After %q", name, status, h.Get("Retry-After"))
		}
	}
	answer, told, err := rp.post("token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {a.verifier}})
	must(t, err)
	unavailable("token", answer.StatusCode, answer.Header)
	if told["access_token"] != nil || told["id_token"] != nil {
		t.Error("tokens were issued")
	}
	for name, address := range map[string]string{"authorize": rp.begin().address, "login": waiting.url.String(),
		"logout": s.issuer + "/oidc/logout?" + url.Values{"id_token_hint": {kept.raw}}.Encode()} {
		p, err = b.get(address)
		must(t, err)
		if p.leaves {
			t.Errorf("%s: %v", name, p)
		}
		unavailable(name, p.status, p.header)
	}
	p, err = b.submit(waiting, "user_id", "anna")
	must(t, err)
	unavailable("a form", p.status, p.header)
	// A passive request is not told that nobody is logged in: nobody knows.
	passive := rp.begin("prompt", "none")
	p, err = b.get(passive.address)
	must(t, err)
	if _, err = passive.answer(p); err == nil || refusedAs(err).code == "login_required" || p.status != http.StatusServiceUnavailable && refusedAs(err).code != "temporarily_unavailable" {
		t.Errorf("prompt=none: %v, %v", p, err)
	}
	if _, err := kept.userinfo(); err != nil {
		t.Errorf("what was issued before needs no store: %v", err)
	}
	lines, err := exportAudit(t.Context(), durable)
	must(t, err)
	if issued := lines.of("issued"); len(issued) != 1 {
		t.Errorf("%d issues in the log, want 1", len(issued))
	}
}
