package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/protocols/oidc"
)

// as logs a person in at a public client and returns the tokens.
func (w *world) as(person, client string, changes ...string) tokens {
	w.t.Helper()
	b := w.browser()
	return w.redeem(b.code(b.prove(b.authorize(w.request(client, changes...)), person, "Substantial")), "client_id", client)
}

// Scopes release what they are for, and no more.
func TestUserinfo(t *testing.T) {
	w := newWorld(t)
	for scope, want := range map[string][]string{
		"openid":               {},
		"openid profile":       {"name", "given_name", "family_name", "birthdate"},
		"openid mitid":         {"mitid.uuid", "mitid.age", "mitid.date_of_birth", "mitid.has_cpr"},
		"openid profile mitid": {"name", "given_name", "family_name", "birthdate", "mitid.uuid", "mitid.age", "mitid.date_of_birth", "mitid.has_cpr"},
	} {
		got := w.as("anna", "app", "scope", scope)
		status, info := w.userinfo(got.Access)
		always := []string{"sub", "idp", "loa", "ial", "aal", "identity_type"}
		if status != http.StatusOK || len(info) != len(want)+len(always) {
			t.Errorf("%s: %d %v", scope, status, info)
		}
		for _, name := range append(want, always...) {
			if info[name] == nil {
				t.Errorf("%s: no %s in %v", scope, name, info)
			}
		}
		if info["sub"] != claims(t, got.ID)["sub"] {
			t.Errorf("%s: another sub than the ID token's", scope)
		}
	}
	_, info := w.userinfo(w.as("anna", "app", "scope", "openid mitid").Access)
	if info["mitid.has_cpr"] != true || info["mitid.date_of_birth"] != "1975-03-14" || info["mitid.age"] != float64(w.clock.now().Year()-1975)+age(w.clock.now()) {
		t.Errorf("%v", info)
	}
	if status, _ := w.bearer(http.MethodPost, "/oidc/userinfo", w.as("anna", "app").Access, ""); status != http.StatusOK {
		t.Errorf("POST: %d", status)
	}
}

// age corrects a difference of years for a birthday on 14 March.
func age(now time.Time) float64 {
	if now.Month() < time.March || now.Month() == time.March && now.Day() < 14 {
		return -1
	}
	return 0
}

// The CPR number reaches clients with a legal basis, at userinfo, after an audit line; nothing else ever holds it.
func TestCPRAtUserinfoOnly(t *testing.T) {
	w := newWorld(t)
	got := w.as("anna", "authority", "scope", "openid ssn")
	if strings.Contains(got.ID+got.Access, annasCPR) || claims(t, got.ID)["dk.cpr"] != nil {
		t.Error("the ID token holds the CPR number")
	}
	if _, info := w.userinfo(got.Access); info["dk.cpr"] != annasCPR {
		t.Errorf("%v", info)
	}
	events, text := w.events()
	if !contains(strings.Join(events, " "), "cpr_revealed") || strings.Contains(text, annasCPR) {
		t.Errorf("%v", events)
	}
	c, err := w.registry.Client(t.Context(), "authority")
	must(t, err)
	c.CPRBasis, c.Claims = "", []string{"profile", "mitid"}
	must(t, w.registry.Add(c))
	if status, info := w.userinfo(got.Access); status != http.StatusUnauthorized || info["dk.cpr"] != nil {
		t.Errorf("a registration that lost its basis still gets the number: %d %v", status, info)
	}
	if _, info := w.userinfo(w.as("bo", "app", "scope", "openid mitid").Access); info["mitid.has_cpr"] != false {
		t.Errorf("%v", info)
	}
}

// Name and address protection hides the name from private parties and not from authorities.
func TestNameProtection(t *testing.T) {
	w := newWorld(t)
	_, private := w.userinfo(w.as("frida", "app", "scope", "openid profile").Access)
	if private["name"] != "NAVNE & ADRESSEBESKYTTET" || private["given_name"] != nil || private["family_name"] != nil {
		t.Errorf("%v", private)
	}
	_, public := w.userinfo(w.as("frida", "authority", "scope", "openid profile").Access)
	if public["name"] != "Frida Prøve" {
		t.Errorf("%v", public)
	}
}

// Nothing but a live access token opens userinfo.
func TestUserinfoRefuses(t *testing.T) {
	w := newWorld(t)
	got := w.as("anna", "app", "scope", "openid offline_access")
	for name, token := range map[string]string{"an ID token": got.ID, "a refresh token": got.Refresh, "none": "", "garbage": "x", "a prefix": got.Access[:len(got.Access)-1],
		"longer": got.Access + "A", "changed": got.Access[:40] + flip(got.Access[40:]), "a dot": "tillid_at_." + got.Access} {
		if status, info := w.userinfo(token); status != http.StatusUnauthorized || info["sub"] != nil {
			t.Errorf("%s: %d %v", name, status, info)
		}
	}
	for _, r := range []*http.Request{
		newRequest(t, http.MethodGet, w.issuer+"/oidc/userinfo?access_token="+got.Access, ""),
		newRequest(t, http.MethodPost, w.issuer+"/oidc/userinfo", "access_token="+got.Access),
	} {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if status, header, _ := w.roundTrip(r); status == http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d", r.Method, status)
		}
		body := "access_token=" + got.Access
		if r.Method == http.MethodGet {
			body = ""
		}
		r = newRequest(t, r.Method, r.URL.String(), body)
		r.Header.Set("Authorization", "Bearer "+got.Access)
		if status, _, _ := w.roundTrip(r); status != http.StatusBadRequest {
			t.Errorf("two tokens by %s: %d", r.Method, status)
		}
	}
	r := newRequest(t, http.MethodGet, w.issuer+"/oidc/userinfo", "")
	if status, header, _ := w.roundTrip(r); status != http.StatusUnauthorized || header.Get("WWW-Authenticate") != `Bearer realm="`+w.issuer+`"` {
		t.Errorf("without a token there is no error code (RFC 6750 section 3.1): %d %v", status, header)
	}
	r.Header.Set("Authorization", "Bearer x")
	if _, header, _ := w.roundTrip(r); !contains(header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%v", header)
	}
	w.clock.advance(time.Hour)
	if status, _ := w.userinfo(got.Access); status != http.StatusUnauthorized {
		t.Errorf("after an hour: %d", status)
	}
	other := w.as("anna", "app")
	c, err := w.registry.Client(t.Context(), "app")
	must(t, err)
	c.Disabled = true
	must(t, w.registry.Add(c))
	if status, _ := w.userinfo(other.Access); status != http.StatusUnauthorized {
		t.Errorf("of a disabled client: %d", status)
	}
}

func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func newRequest(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// A client learns about its own tokens and those of its organisation, and about no others'.
func TestIntrospection(t *testing.T) {
	w := newWorld(t)
	got := w.as("anna", "app", "scope", "openid profile offline_access")
	ask := func(auth, token string, more ...string) (int, map[string]any) {
		t.Helper()
		v := url.Values{"token": {token}}
		change(v, more)
		status, _, body := w.send("/oidc/introspect", auth, v)
		return status, object(t, body)
	}
	status, info := ask("web:"+webWord, got.Access)
	if status != http.StatusOK || info["active"] != true || info["client_id"] != "app" || info["scope"] != "openid profile offline_access" ||
		info["sub"] != claims(t, got.ID)["sub"] || info["iss"] != w.issuer || info["loa"] != nebURL+"Substantial" || info["exp"] != float64(w.clock.now().Add(time.Hour).Unix()) {
		t.Errorf("%d %v", status, info)
	}
	for name, c := range map[string][2]string{"another organisation": {"basic:" + webWord + "1", got.Access}, "an ID token": {"web:" + webWord, got.ID},
		"a refresh token": {"web:" + webWord, got.Refresh}, "garbage": {"web:" + webWord, "x"}} {
		if status, info := ask(c[0], c[1]); status != http.StatusOK || info["active"] != false || len(info) != 1 {
			t.Errorf("%s: %d %v", name, status, info)
		}
	}
	for name, auth := range map[string]string{"nobody": "", "a wrong secret": "web:" + webWord + "x"} {
		if status, info := ask(auth, got.Access, "client_id", "web"); status == http.StatusOK || info["active"] != nil {
			t.Errorf("%s: %d %v", name, status, info)
		}
	}
	if status, _ := ask("", got.Access, "client_id", "app", "client_secret", "x"); status != http.StatusUnauthorized {
		t.Errorf("a public client: %d", status)
	}
	w.clock.advance(time.Hour)
	if _, info := ask("web:"+webWord, got.Access); info["active"] != false {
		t.Errorf("%v", info)
	}
}

func object(t *testing.T, body []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	must(t, unmarshal(body, &out))
	return out
}

// A client ends its own tokens: an access token alone, a refresh token with everything of its grant.
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	revoke := func(client, token string) int {
		t.Helper()
		status, _, _ := w.send("/oidc/revoke", "", url.Values{"token": {token}, "client_id": {client}})
		return status
	}
	got := w.as("anna", "app", "scope", "openid offline_access")
	for _, token := range []string{got.Access, got.Refresh, "x", got.ID} {
		if status := revoke("rs", token); status != http.StatusOK {
			t.Errorf("%d", status)
		}
	}
	if status, _ := w.userinfo(got.Access); status != http.StatusOK {
		t.Errorf("another client ended the token: %d", status)
	}
	if status := revoke("app", got.Access); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if status, _ := w.userinfo(got.Access); status != http.StatusUnauthorized {
		t.Errorf("a revoked token: %d", status)
	}
	next := w.refresh("app", got.Refresh)
	if status, _ := w.userinfo(next.Access); status != http.StatusOK {
		t.Errorf("revoking an access token ended more than it: %d", status)
	}
	if status := revoke("app", next.Refresh); status != http.StatusOK {
		t.Errorf("%d", status)
	}
	if again := w.refresh("app", next.Refresh); again.Error != "invalid_grant" {
		t.Errorf("%+v", again)
	}
	if status, _ := w.userinfo(next.Access); status != http.StatusUnauthorized {
		t.Errorf("the access token of a revoked grant: %d", status)
	}
	if status, _, _ := w.send("/oidc/revoke", "", url.Values{"token": {got.Access}}); status == http.StatusOK {
		t.Error("without a client")
	}
}

// A number can be compared three times in a login, within a quarter of an hour, however many try at once.
func TestCPRMatch(t *testing.T) {
	w := newWorld(t)
	match := func(token, body string) (int, map[string]any) {
		t.Helper()
		return w.bearer(http.MethodPost, "/oidc/cpr-match", token, body)
	}
	token := w.as("anna", "app").Access
	if status, got := match(token, `{"cpr":"7403751232"}`); status != http.StatusOK || got["match"] != false || got["remaining"] != float64(2) {
		t.Errorf("%d %v", status, got)
	}
	for _, body := range []string{`{}`, `[]`, `{"cpr":"123"}`, `{"cpr":7403751231}`, `{"cpr":"7403751231","cpr":"7403751231"}`, `{"CPR":"7403751231"}`} {
		if status, _ := match(token, body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", body, status)
		}
	}
	if status, _ := match(token, `{"cpr":"`+strings.Repeat("7", 5000)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", status)
	}
	if status, got := match(token, `{"cpr":"740375-1231"}`); status != http.StatusOK || got["match"] != true || got["remaining"] != float64(1) {
		t.Errorf("%d %v", status, got)
	}
	if _, got := match(token, `{"cpr":"7403751232"}`); got["remaining"] != float64(0) {
		t.Errorf("%v", got)
	}
	if status, got := match(token, `{"cpr":"7403751231"}`); status != http.StatusTooManyRequests || got["match"] != nil {
		t.Errorf("a fourth try: %d %v", status, got)
	}
	token = w.as("anna", "rs").Access
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	for range 64 {
		wg.Go(func() {
			if status, _ := match(token, `{"cpr":"7403751230"}`); status == http.StatusOK {
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if answered != 3 {
		t.Errorf("%d tries were answered", answered)
	}
	token = w.as("anna", "ps").Access
	w.clock.advance(15*time.Minute + time.Second)
	r := newRequest(t, http.MethodPost, w.issuer+"/oidc/cpr-match", `{"cpr":"7403751231"}`)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	if status, header, _ := w.roundTrip(r); status != http.StatusUnauthorized || !contains(header.Get("WWW-Authenticate"), "insufficient_user_authentication", "max_age=900") {
		t.Errorf("%d %v", status, header)
	}
	if status, _ := match("x", `{"cpr":"7403751231"}`); status != http.StatusUnauthorized {
		t.Errorf("%d", status)
	}
	token = w.as("anna", "bare").Access
	w.store.set(true)
	if status, got := match(token, `{"cpr":"7403751231"}`); status != http.StatusServiceUnavailable || got["match"] != nil {
		t.Errorf("a try that cannot be counted: %d %v", status, got)
	}
	if _, text := w.events(); strings.Contains(text, "740375") {
		t.Error("a number is in the audit log")
	}
}

// A second login out of the same session starts no new tries.
func TestCPRMatchTriesAreOfTheLogin(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	token := w.redeem(b.login(w.request("app"))).Access
	for range 3 {
		w.bearer(http.MethodPost, "/oidc/cpr-match", token, `{"cpr":"7403751230"}`)
	}
	p := b.authorize(w.request("web"))
	second := w.redeem(b.code(p), "client_id", "web", "client_secret", webWord)
	if status, got := w.bearer(http.MethodPost, "/oidc/cpr-match", second.Access, `{"cpr":"7403751231"}`); status != http.StatusTooManyRequests {
		t.Errorf("%d %v", status, got)
	}
}

// Every request and every answer is in the audit log, those that were refused too (NSIS 6.7).
func TestEverythingIsInTheAuditLog(t *testing.T) {
	w := newWorld(t)
	got := w.as("anna", "app")
	w.userinfo(got.Access)
	w.send("/oidc/introspect", "web:"+webWord, url.Values{"token": {got.Access}})
	events, _ := w.events()
	for _, want := range []string{"asked", "authenticated", "answered", "issued", "userinfo", "introspected"} {
		if !slices.Contains(events, want) {
			t.Errorf("no %q in %v", want, events)
		}
	}
	for name, refuse := range map[string]func(){
		"an unknown client":  func() { w.browser().authorize(w.request("nobody")) },
		"a wrong scope":      func() { w.browser().authorize(w.request("app", "scope", "x")) },
		"a wrong code":       func() { w.redeem("x") },
		"a wrong refresh":    func() { w.refresh("app", "x") },
		"a wrong secret":     func() { w.redeem("x", "client_id", "web", "client_secret", "x") },
		"a connector abroad": func() { w.browser().authorize(w.request("app", "idp_values", "abroad")) },
	} {
		_, before := w.events()
		refuse()
		events, after := w.events()
		if strings.Count(after, "request_refused") != strings.Count(before, "request_refused")+1 {
			t.Errorf("%s does not leave one line: %v", name, events)
		}
	}
}

// A registration that is raised above what was reached ends what was issued.
func TestRaisedMinimum(t *testing.T) {
	w := newWorld(t)
	got := w.as("anna", "app", "scope", "openid offline_access")
	c, err := w.registry.Client(t.Context(), "app")
	must(t, err)
	c.MinimumLoA = assurance.High
	must(t, w.registry.Add(c))
	if status, _ := w.userinfo(got.Access); status != http.StatusUnauthorized {
		t.Errorf("%d", status)
	}
	if again := w.refresh("app", got.Refresh); again.Error != "invalid_grant" {
		t.Errorf("%+v", again)
	}
}

var _ oidc.Clients = (*oidc.Registry)(nil)
