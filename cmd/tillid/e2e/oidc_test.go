package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/tillid/tillid/assurance"
)

const (
	low         = assurance.Low
	substantial = assurance.Substantial
	high        = assurance.High
)

// TestLoginWithCodeDisplayAndPassword is the first way in which anybody tries a broker, with everything that follows from
// a login: userinfo, introspection, refresh, revocation.
func TestLoginWithCodeDisplayAndPassword(t *testing.T) {
	s := start(t, settings{})
	rp := s.party(t, "demo-web", "offline_access", "profile")
	anna := &somebody{userID: "anna"}
	l, err := rp.logIn(newBrowser(s), anna)
	must(t, err)
	l.reached(t, substantial, substantial, substantial)
	if want := []string{"user_id", "code", "password"}; !slices.Equal(anna.asked, want) {
		t.Errorf("asked for %v, want %v: the code stands before the password", anna.asked, want)
	}
	if l.id.SID == "" || l.id.IDP != "mitid" || !slices.Contains(l.id.AMR, "code_token") || !slices.Contains(l.id.AMR, "password") {
		t.Errorf("sid %q, idp %q, amr %q", l.id.SID, l.id.IDP, l.id.AMR)
	}
	info, err := l.userinfo()
	must(t, err)
	if info["sub"] != l.id.Subject || info["name"] != "Anna Andersen" || info["loa"] != l.id.LoA {
		t.Errorf("userinfo: %v", info)
	}
	answer, seen, err := rp.post("introspect", url.Values{"token": {l.token.AccessToken}})
	must(t, err)
	if answer.StatusCode != http.StatusOK || seen["active"] != true || seen["sub"] != l.id.Subject || seen["client_id"] != "demo-web" {
		t.Errorf("introspection: %d %v", answer.StatusCode, seen)
	}
	refreshed, err := l.refresh()
	must(t, err)
	refreshed.reached(t, substantial, substantial, substantial)
	if refreshed.id.Subject != l.id.Subject || refreshed.id.SID != l.id.SID || refreshed.id.AuthTime != l.id.AuthTime || !slices.Equal(refreshed.id.AMR, l.id.AMR) {
		t.Errorf("refresh changed %+v to %+v", l.id, refreshed.id)
	}
	if refreshed.token.RefreshToken == l.token.RefreshToken {
		t.Error("the refresh token was not replaced")
	}
	if answer, _, err = rp.post("revoke", url.Values{"token": {refreshed.token.AccessToken}}); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("revocation: %v %v", answer, err)
	}
	if _, err := refreshed.userinfo(); err == nil {
		t.Error("a revoked access token is good for userinfo")
	}
	if _, err := l.userinfo(); err != nil {
		t.Errorf("another access token was revoked as well: %v", err)
	}
	if answer, _, err = rp.post("revoke", url.Values{"token": {refreshed.token.RefreshToken}}); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("revocation: %v %v", answer, err)
	}
	if _, err := refreshed.refresh(); oauthError(err) != "invalid_grant" {
		t.Errorf("a revoked refresh token: %v", err)
	}
	if _, seen, err = rp.post("introspect", url.Values{"token": {l.token.AccessToken}}); err != nil || seen["active"] != false || len(seen) != 1 {
		t.Errorf("introspection after revocation: %v %v", seen, err)
	}
}

func TestLoginWithTheApp(t *testing.T) {
	s := start(t, settings{})
	for unlock, want := range map[string]assurance.Level{"pin": substantial, "biometrics": substantial} {
		l, err := s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "anna", app: true, unlock: unlock})
		must(t, err)
		l.reached(t, want, substantial, want)
		if !slices.Contains(l.id.AMR, "code_app") {
			t.Errorf("amr %q", l.id.AMR)
		}
	}
	l, err := s.party(t, "demo-low").logIn(newBrowser(s), &somebody{userID: "emma", app: true, unlock: "none"})
	must(t, err)
	l.reached(t, low, substantial, low)
}

func TestACodeIsGoodOnceAcrossLogins(t *testing.T) {
	s := start(t, settings{})
	rp := s.party(t, "demo")
	first := &somebody{userID: "anna"}
	_, err := rp.logIn(newBrowser(s), first)
	must(t, err)
	b := newBrowser(s)
	p, err := b.get(rp.begin().address)
	must(t, err)
	p, err = b.walk(p, &somebody{userID: "anna", code: first.typed})
	must(t, err)
	if p.leaves || !p.asks("code") || !p.has("problem") {
		t.Errorf("a code that was used before: %v", p)
	}
	must(t, s.advance(31*time.Second))
	if p, err = b.walk(withoutProblem(p), &somebody{userID: "anna"}); err != nil || !p.leaves {
		t.Errorf("the next code: %v %v", p, err)
	}
}

// withoutProblem is a page as it was before a mistake was pointed out.
func withoutProblem(p page) page {
	p.body = strings.ReplaceAll(p.body, `data-testid="problem"`, "")
	return p
}

// TestLevels is about what is asked for and what comes of it.
func TestLevels(t *testing.T) {
	s := start(t, settings{})
	t.Run("a password alone is Low", func(t *testing.T) {
		anna := &somebody{userID: "anna"}
		l, err := s.party(t, "demo-low").logIn(newBrowser(s), anna)
		must(t, err)
		l.reached(t, low, substantial, low)
		if slices.Contains(anna.asked, "code") {
			t.Errorf("asked for %v where a password is enough", anna.asked)
		}
	})
	t.Run("a request cannot lower the registered minimum", func(t *testing.T) {
		must(t, s.advance(31*time.Second))
		l, err := s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "frida"}, "acr_values", "low")
		must(t, err)
		l.reached(t, substantial, substantial, substantial)
	})
	t.Run("an identity proofed Low stays Low", func(t *testing.T) {
		p, _ := s.refused(t, "demo", &somebody{userID: "david", app: true})
		if reason := p.inside("refusal"); !strings.Contains(reason, "identit") {
			t.Errorf("the reason is %q", reason)
		}
	})
	t.Run("nobody reaches High by asking", func(t *testing.T) {
		p, back := s.refused(t, "demo", &somebody{userID: "anna"}, "acr_values", "high")
		if reason := p.inside("refusal"); !strings.Contains(reason, "Høj") && !strings.Contains(reason, "High") {
			t.Errorf("the reason is %q", reason)
		}
		if back.code != "unmet_authentication_requirements" || !strings.Contains(back.text, "High") {
			t.Errorf("the service was told %q, %q", back.code, back.text)
		}
	})
	t.Run("bo is told what he could use", func(t *testing.T) {
		p, back := s.refused(t, "demo", &somebody{userID: "bo", app: true}, "acr_values", "high")
		if ways := strings.ToLower(p.inside("ways")); !strings.Contains(ways, "chip") {
			t.Errorf("what he could use is %q", ways)
		}
		if back.code != "unmet_authentication_requirements" || strings.Contains(back.text, "chip") { // what he holds is his business
			t.Errorf("the service was told %q, %q", back.code, back.text)
		}
	})
	t.Run("a level in whatever spelling is answered in the same", func(t *testing.T) {
		must(t, s.advance(31*time.Second))
		const asked = "https://data.gov.dk/concept/core/nsis/loa/Substantial"
		l, err := s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "karl", app: true}, "acr_values", "unknown:spelling "+asked)
		must(t, err)
		l.reached(t, substantial, substantial, substantial)
		if l.id.ACR != asked {
			t.Errorf("acr is %q, asked for %q", l.id.ACR, asked)
		}
	})
}

// refused logs in up to the page that explains why not, and goes back to the service from there.
func (s *server) refused(t *testing.T, client string, who *somebody, parameters ...string) (page, refusal) {
	t.Helper()
	b := newBrowser(s)
	a := s.party(t, client).begin(parameters...)
	p, err := b.get(a.address)
	must(t, err)
	p, err = b.walk(p, who)
	must(t, err)
	if !p.has("refusal") {
		t.Fatalf("not refused: %v", p)
	}
	back, err := b.submit(p, "back", "1")
	must(t, err)
	_, err = a.answer(back)
	told := refusedAs(err)
	if told.code == "" {
		t.Fatalf("the service was not told: %v", err)
	}
	return p, told
}

// TestStepUp raises a session from Low to Substantial, and must ask only for what is missing.
func TestStepUp(t *testing.T) {
	s := start(t, settings{})
	b := newBrowser(s)
	first, err := s.party(t, "demo-low").logIn(b, &somebody{userID: "anna"})
	must(t, err)
	first.reached(t, low, substantial, low)
	anna := &somebody{userID: "anna"}
	second, err := s.party(t, "demo").logIn(b, anna)
	must(t, err)
	second.reached(t, substantial, substantial, substantial)
	if want := []string{"code"}; !slices.Equal(anna.asked, want) {
		t.Errorf("asked for %v, want %v", anna.asked, want)
	}
	if second.id.Subject != first.id.Subject {
		t.Error("one organisation knows one person by two names")
	}
	nobody := &somebody{userID: "anna"}
	third, err := s.party(t, "demo-web").logIn(b, nobody)
	must(t, err)
	third.reached(t, substantial, substantial, substantial)
	if len(nobody.asked) != 0 {
		t.Errorf("single sign-on asked for %v", nobody.asked)
	}
	if third.id.AuthTime != second.id.AuthTime {
		t.Error("single sign-on claims an authentication that did not happen")
	}
	again := &somebody{userID: "anna", app: true}
	if _, err := s.party(t, "demo-web").logIn(b, again, "prompt", "login"); err != nil || len(again.asked) == 0 {
		t.Errorf("prompt=login asked for %v: %v", again.asked, err)
	}
	if _, err := s.party(t, "demo-web").logIn(newBrowser(s), &somebody{}, "prompt", "none"); refusedAs(err).code != "login_required" {
		t.Errorf("prompt=none without a session: %v", err)
	}
}

// TestTheBrokersOwnLevelCaps: what a broker is notified at bounds what it may say (NSIS 6.2).
func TestTheBrokersOwnLevelCaps(t *testing.T) {
	s := start(t, settings{args: []string{"--fal", "substantial"}})
	l, err := s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "bo", app: true})
	must(t, err)
	if got := level(t, l.id.LoA); got != substantial {
		t.Errorf("loa is %v", got)
	}
	b := newBrowser(s)
	a := s.party(t, "demo").begin("acr_values", "high")
	p, err := b.get(a.address)
	must(t, err)
	p, err = b.walk(p, &somebody{userID: "bo", app: true})
	must(t, err)
	reason := p.inside("refusal")
	if p.has("refusal") {
		p, err = b.submit(p, "back", "1")
		must(t, err)
	}
	_, err = a.answer(p)
	told := refusedAs(err)
	if told.code != "unmet_authentication_requirements" || !strings.Contains(told.text, "broker") {
		t.Errorf("the service was told %q, %q (%v)", told.code, told.text, err)
	}
	if reason != "" && !strings.Contains(reason, "broker") && !strings.Contains(reason, "anmeldt") && !strings.Contains(reason, "notified") {
		t.Errorf("the person was told %q", reason)
	}
}

// TestSigningAlgorithms has one client for each algorithm, each with a stock verifier that accepts no other.
func TestSigningAlgorithms(t *testing.T) {
	s := start(t, settings{})
	for _, alg := range []string{oidc.ES256, oidc.RS256, oidc.PS256} {
		t.Run(alg, func(t *testing.T) {
			id, secret := "signed-"+strings.ToLower(alg), "a-secret-of-more-than-thirty-two-characters"
			must(t, s.api("clients", map[string]any{"client_id": id, "client_secret": secret, "redirect_uris": []string{callback},
				"id_token_signed_response_alg": alg}, nil))
			rp := s.partyWith(t, id, secret, alg, "offline_access")
			l, err := rp.logIn(newBrowser(s), &somebody{userID: "hanne", app: true})
			must(t, err)
			l.reached(t, substantial, substantial, substantial)
			_, err = l.refresh()
			must(t, err)
		})
	}
}

func TestAnIssuerWithAPath(t *testing.T) {
	s := start(t, settings{path: "/tenant/one"})
	b := newBrowser(s)
	rp := s.party(t, "demo-web", "offline_access")
	l, err := rp.logIn(b, &somebody{userID: "anna"})
	must(t, err)
	_, err = l.userinfo()
	must(t, err)
	_, err = l.refresh()
	must(t, err)
	p, err := b.get(s.issuer + "/oidc/logout?" + url.Values{"id_token_hint": {l.raw}, "post_logout_redirect_uri": {callback}, "state": {"x"}}.Encode())
	must(t, err)
	if !p.leaves || p.url.String() != callback+"?state=x" {
		t.Errorf("logout ended at %v", p)
	}
	if p, err := b.get(s.origin + "/oidc/keys"); err != nil || p.status != http.StatusNotFound {
		t.Errorf("outside of the issuer's path: %v %v", p.status, err)
	}
}

// TestLogout logs out at one client and hears of it at another.
func TestLogout(t *testing.T) {
	s := start(t, settings{})
	heard := make(chan string, 4)
	ear := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard <- r.PostFormValue("logout_token")
	}))
	t.Cleanup(ear.Close)
	const secret = "a-secret-of-more-than-thirty-two-characters"
	must(t, s.api("clients", map[string]any{"client_id": "listener", "client_secret": secret, "redirect_uris": []string{callback},
		"backchannel_logout_uri": ear.URL + "/bye", "organisation": "demo", "sso": true}, nil))
	b := newBrowser(s)
	listener := s.partyWith(t, "listener", secret, oidc.ES256)
	first, err := listener.logIn(b, &somebody{userID: "anna", app: true})
	must(t, err)
	rp := s.party(t, "demo-web", "offline_access")
	second, err := rp.logIn(b, &somebody{})
	must(t, err)

	// A link that anybody could have made has to be confirmed, and may be declined.
	p, err := b.get(s.issuer + "/oidc/logout")
	must(t, err)
	if !p.offers("logout", "yes") {
		t.Fatalf("no confirmation: %v", p)
	}
	p, err = b.submit(p, "cancel", "1")
	must(t, err)
	if third, err := rp.logIn(b, &somebody{}); err != nil || third.id.SID != second.id.SID {
		t.Errorf("the session is gone: %v at %v", err, p)
	}

	p, err = b.get(s.issuer + "/oidc/logout?" + url.Values{"id_token_hint": {second.raw}, "post_logout_redirect_uri": {callback}, "state": {"bye"}}.Encode())
	must(t, err)
	if !p.leaves || p.url.String() != callback+"?state=bye" {
		t.Errorf("logout ended at %v", p)
	}
	select {
	case raw := <-heard:
		token, err := listener.verifier.VerifyLogout(listener.ctx, raw)
		must(t, err)
		if token.SessionID != first.id.SID || token.Subject != first.id.Subject {
			t.Errorf("logout token: %+v, want sid %q", token, first.id.SID)
		}
	case <-time.After(patience):
		t.Fatal("the other client was not told")
	}
	if _, err := first.userinfo(); err == nil {
		t.Error("an access token outlived its session")
	}
	if _, err := second.refresh(); err != nil {
		t.Errorf("offline access ended with the session: %v", err)
	}
	if _, err := rp.logIn(b, &somebody{}, "prompt", "none"); refusedAs(err).code != "login_required" {
		t.Errorf("after logout: %v", err)
	}
	// Where to go afterwards is registered or nowhere.
	p, err = b.get(s.issuer + "/oidc/logout?" + url.Values{"id_token_hint": {first.raw}, "post_logout_redirect_uri": {"http://127.0.0.1:9/elsewhere"}}.Encode())
	must(t, err)
	if p.leaves {
		t.Errorf("an address that is not registered: %v", p)
	}
}
