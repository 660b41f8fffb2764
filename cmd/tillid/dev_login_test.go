//go:build !nodev

package main

import (
	"html"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn/simulator"
)

func TestAnnaLogsInWithCodeDisplayAndPassword(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo").asks("user_id").post("user_id", "anna")
	page = page.post("use", "code_display").asks("code")
	page = page.post("code", w.code("anna")).asks("password")
	c := page.post("password", simulator.Password).loa("Substantial")
	if c["name"] != "Anna Andersen" || c["idp"] != "mitid" || c["mitid.uuid"] == "" {
		t.Errorf("claims %v", c)
	}
	if got := w.metric(`tillid_logins_total{loa="Substantial",method="",result="answered"}`); got != "1" {
		t.Errorf("logins answered: %s", got)
	}
	if got := w.metric("tillid_build_dev"); got != "1" {
		t.Errorf("tillid_build_dev %s", got)
	}
}

func TestAnnaLogsInWithTheApp(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?user=anna").asks().has("data-channel")
	w.approve("anna", "")
	w.get(page.at.String()).loa("Substantial")
}

// TestThePhonePage approves on the page that a person would use.
func TestThePhonePage(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?user=anna")
	phone := w.get("/sim/phone?user=anna").has("Log on: Demo")
	var waiting []struct{ Channel string }
	w.json(http.MethodGet, "/dev/api/people/anna/app", "", http.StatusOK, &waiting)
	if len(waiting) != 1 {
		t.Fatalf("%d logins wait", len(waiting))
	}
	phone.post("user", "anna", "channel", waiting[0].Channel, "unlock", "pin", "pin", "000000", "do", "approve").has("The PIN is wrong.")
	phone.post("user", "anna", "channel", waiting[0].Channel, "unlock", "none", "do", "approve").has("must be unlocked")
	phone.post("user", "anna", "channel", waiting[0].Channel, "unlock", "biometrics", "do", "approve").has("Approved.")
	w.get(page.at.String()).loa("Substantial")
}

func TestDecliningInTheAppEndsTheLogin(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?user=anna")
	w.json(http.MethodPost, "/dev/api/people/anna/app/reject", "", http.StatusOK, nil)
	w.get(page.at.String()).has("access_denied")
}

func TestDemoLowTakesAPasswordAndGivesLow(t *testing.T) {
	w := startDev(t)
	w.get("/dev/demo?level=low").post("user_id", "anna").post("use", "password").asks("password").
		post("password", simulator.Password).loa("Low")
}

func TestHighIsRefusedWithItsReason(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?level=high").post("user_id", "anna")
	page = proveAnything(page, "anna")
	page.lacks("data-claim").has("Password and chip (you lack: chip)").post("back", "1").has("unmet_authentication_requirements").lacks("data-claim").lacks("chip")
}

func TestBoIsToldWhatHeCouldUse(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?level=high").post("user_id", "bo")
	page = proveAnything(page, "bo")
	page.lacks("data-claim").has("Password and chip (you hold it, but it cannot be used here: chip)").post("back", "1").has("unmet_authentication_requirements").lacks("data-claim")
}

// proveAnything goes on with whatever is asked until the person is told something else.
func proveAnything(page view, user string) view {
	for range 5 {
		switch {
		case has(page, `name="code"`):
			page = page.post("code", page.w.code(user))
		case has(page, `name="password"`):
			page = page.post("password", simulator.Password)
		case has(page, "data-channel"):
			page.w.approve(user, "")
			page = page.w.get(page.at.String())
		default:
			return page
		}
	}
	return page
}

func TestStepUpAsksOnlyForWhatIsMissing(t *testing.T) {
	w := startDev(t)
	w.get("/dev/demo?level=low").post("user_id", "anna").post("use", "password").post("password", simulator.Password).loa("Low")
	w.get("/dev/demo?level=low").loa("Low") // single sign-on
	page := w.get("/dev/demo")
	if has(page, "data-channel") {
		page = page.post("use", "code_display")
	}
	page.asks("code").post("code", w.code("anna")).loa("Substantial")
	w.get("/dev/demo").loa("Substantial")
}

func TestABrokerAtSubstantialSaysThatItIsTheReason(t *testing.T) {
	w := startDev(t, "--fal", "substantial")
	page := w.get("/dev/demo?user=bo")
	proveAnything(page, "bo").loa("Substantial")
	w.browser = w.newBrowser()
	w.get("/dev/demo?level=high").has("This login solution is notified at level Substantial and cannot vouch for more.").
		post("back", "1").has("unmet_authentication_requirements").lacks("data-claim")
}

func has(v view, s string) bool { return strings.Contains(html.UnescapeString(v.body), s) }

// TestAClientThatWantsRSAFindsItsKey: the server is not ready before there is a key for every client it was given.
func TestAClientThatWantsRSAFindsItsKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.yaml")
	text := "client_id: rsa\nredirect_uris: [http://127.0.0.1:9/cb]\nid_token_signed_response_alg: RS256\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startDev(t, "--client", file).get("/oidc/keys").has(`"kty":"RSA"`)
}
