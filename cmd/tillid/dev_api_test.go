//go:build !nodev

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn/simulator"
)

func TestControlInterface(t *testing.T) {
	w := startDev(t)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		has                      string
	}{
		{"people", "GET", "/dev/api/people", "", 200, `"user_id":"anna"`},
		{"a code", "GET", "/dev/api/people/anna/code", "", 200, `{"code":"`},
		{"an audio code", "GET", "/dev/api/people/carla/code?kind=audio_reader", "", 200, `{"code":"`},
		{"no such device", "GET", "/dev/api/people/anna/code?kind=audio_reader", "", 404, "no such device"},
		{"another kind", "GET", "/dev/api/people/anna/code?kind=chip", "", 400, "kind is"},
		{"nobody", "GET", "/dev/api/people/zoe/code", "", 404, "no such person"},
		{"nothing waits", "GET", "/dev/api/people/anna/app", "", 200, "[]"},
		{"nothing to approve", "POST", "/dev/api/people/anna/app/approve", "", 404, "Nothing waits"},
		{"no app", "POST", "/dev/api/people/frida/app/approve", "", 404, "no app"},
		{"no login under the channel", "POST", "/dev/api/people/anna/app/approve", `{"channel":"x"}`, 404, "over"},
		{"another unlock", "POST", "/dev/api/people/anna/app/approve", `{"unlock":"x"}`, 400, "unlock is"},
		{"an unknown member", "POST", "/dev/api/people/anna/app/approve", `{"pim":"x"}`, 400, "pim"},
		{"the chip", "GET", "/dev/api/people/bo/chip", "", 200, `"rp_id":"localhost"`},
		{"no chip", "GET", "/dev/api/people/anna/chip", "", 404, "no chip"},
		{"post", "GET", "/dev/api/post?to=anna", "", 200, "[]"},
		{"post to nobody", "GET", "/dev/api/post?to=zoe", "", 404, "no such person"},
		{"the clock", "POST", "/dev/api/clock", `{"advance_seconds":1}`, 200, `"now":"`},
		{"the clock back", "POST", "/dev/api/clock", `{"advance_seconds":-1}`, 400, "never goes back"},
		{"no clock", "POST", "/dev/api/clock", `{}`, 400, "advance_seconds"},
		{"two values", "POST", "/dev/api/clock", `{"advance_seconds":1}{}`, 400, "more than one"},
		{"a client", "POST", "/dev/api/clients", `{"client_id":"mine","redirect_uris":["https://mine.example/cb"]}`, 201, `"client_id":"mine"`},
		{"a client with RSA", "POST", "/dev/api/clients", `{"client_id":"rsa","id_token_signed_response_alg":"RS256"}`, 201, `"RS256"`},
		{"an unknown member of a client", "POST", "/dev/api/clients", `{"client_id":"mine","redirect_uri":"x"}`, 400, "did you mean redirect_uris?"},
		{"a client that makes no sense", "POST", "/dev/api/clients", `{"client_id":"mine","redirect_uris":["javascript:1"]}`, 400, "redirect_uris"},
		{"a secret is not told", "POST", "/dev/api/clients", `{"client_id":"s","client_secret":"` + strings.Repeat("q", 40) + `"}`, 201, `"client_id":"s"`},
		{"SAML", "POST", "/dev/api/sp", "<x/>", 501, "SAML is not built yet."},
		{"SAML itself", "GET", "/saml/metadata", "", 501, "SAML is not built yet."},
		{"faults", "POST", "/dev/api/faults", "{}", 501, "Faults"},
		{"a key card", "GET", "/dev/api/people/gorm/key?number=1234", "", 501, "NemID"},
		{"the key card page", "GET", "/sim/keycard", "", 501, "NemID"},
		{"PAR", "POST", "/oidc/par", "", 501, ""},
		{"an unknown path", "GET", "/dev/api/peoples", "", 404, ""},
		{"an unknown page", "GET", "/sim/elsewhere", "", 404, ""},
		{"an unknown root", "GET", "/elsewhere", "", 404, ""},
		{"another method", "POST", "/dev/api/people", "", 405, ""},
		{"the start page", "GET", "/dev", "", 200, "Tillid for development"},
		{"the post tray", "GET", "/dev/post", "", 200, "The tray is empty"},
		{"the code displays", "GET", "/sim/codedisplay", "", 200, `id="code-anna"`},
		{"the phone", "GET", "/sim/phone?user=hanne", "", 200, "Nothing waits"},
		{"nobody's phone", "GET", "/sim/phone?user=frida", "", 404, "no app"},
		{"the style", "GET", "/dev/assets/dev.css", "", 200, "--ink"},
		{"a body over 64 KiB", "POST", "/dev/api/clock", strings.Repeat(" ", 70<<10), 413, "64 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := w.get(c.path)
			if c.method == http.MethodPost {
				v = w.send(c.path, "application/json", c.body)
			}
			if v.status != c.status || !strings.Contains(v.body, c.has) {
				t.Errorf("status %d, want %d with %q: %s", v.status, c.status, c.has, v.body)
			}
			if strings.Contains(v.body, "qqqq") {
				t.Errorf("the answer tells a secret: %s", v.body)
			}
		})
	}
}

// TestDevPagesAnswerThisMachineOnly pairs requests that are answered with hostile twins.
func TestDevPagesAnswerThisMachineOnly(t *testing.T) {
	w := startDev(t)
	for _, c := range []struct {
		name, host, site, origin string
		status                   int
	}{
		{"a script", "", "", "", 200},
		{"our own page", "", "same-origin", "", 200},
		{"another site's page", "", "cross-site", "https://evil.example", 403},
		{"an old browser on another site", "", "", "https://evil.example", 403},
		{"a name that was rebound", "evil.example", "", "", 403},
		{"an address", "127.0.0.1:1", "", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, w.origin+"/dev/api/clock", strings.NewReader(`{"advance_seconds":0}`))
			if err != nil {
				t.Fatal(err)
			}
			if c.host != "" {
				r.Host = c.host
			}
			for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			if v := w.do(r); v.status != c.status {
				t.Errorf("status %d, want %d: %s", v.status, c.status, v.body)
			}
		})
	}
}

func TestSeveralLoginsNeedAChannel(t *testing.T) {
	w := startDev(t)
	first := w.get("/dev/demo?user=anna")
	w.browser = w.newBrowser()
	second := w.get("/dev/demo?user=anna")
	var waiting []struct{ Channel, Party, Action, Since string }
	w.json(http.MethodGet, "/dev/api/people/anna/app", "", http.StatusOK, &waiting)
	if len(waiting) != 2 || waiting[0].Party != "Demo" || waiting[0].Action != "LOG_ON" || waiting[0].Since == "" {
		t.Fatalf("waiting: %+v", waiting)
	}
	w.json(http.MethodPost, "/dev/api/people/anna/app/approve", "", http.StatusConflict, nil)
	for _, at := range waiting {
		if strings.Contains(second.body, at.Channel) == strings.Contains(first.body, at.Channel) {
			t.Fatalf("channel %s is on both pages or on none", at.Channel)
		}
		if strings.Contains(second.body, at.Channel) {
			w.approve("anna", `{"channel":"`+at.Channel+`"}`)
		}
	}
	w.get(second.at.String()).loa("Substantial")
}

func TestACodeIsGoodForOneLogin(t *testing.T) {
	w := startDev(t)
	code := w.code("anna")
	w.get("/dev/demo?user=anna").post("use", "code_display").post("code", code).post("password", simulator.Password).loa("Substantial")
	w.browser = w.newBrowser()
	w.get("/dev/demo?user=anna").post("use", "code_display").post("code", code).asks("code").lacks("data-claim")
}

func TestLockedIsPaused(t *testing.T) {
	w := startDev(t)
	var got struct{ Code string }
	w.json(http.MethodGet, "/dev/api/people/locked/code", "", http.StatusOK, &got)
	w.get("/dev/demo?user=locked").post("code", got.Code).asks("code").lacks("data-claim")
	w.json(http.MethodPost, "/dev/api/clock", `{"advance_seconds":3601}`, http.StatusOK, nil)
	w.browser = w.newBrowser()
	w.get("/dev/demo?user=locked").post("code", w.code("locked")).asks("password").post("password", simulator.Password).loa("Substantial")
	if w.metric("tillid_lockouts_total") == "0" {
		t.Error("the pause was not counted")
	}
}

func TestResetForgetsEverything(t *testing.T) {
	w := startDev(t)
	w.get("/dev/demo?user=anna")
	w.approve("anna", "")
	w.json(http.MethodPost, "/dev/api/clock", `{"advance_seconds":60}`, http.StatusOK, nil)
	w.json(http.MethodPost, "/dev/api/reset", "", http.StatusOK, nil)
	w.get("/dev/demo").asks("user_id") // no session is left
	page := w.get("/dev/demo?user=anna")
	w.approve("anna", "")
	w.get(page.at.String()).loa("Substantial")
}

// TestAFileKeepsEverything starts a second server on the database of a first one.
func TestAFileKeepsEverything(t *testing.T) {
	path := "sqlite:" + filepath.Join(t.TempDir(), "dev.db")
	w := startDev(t, "--store", path)
	page := w.get("/dev/demo?user=anna")
	w.approve("anna", "")
	before := w.get(page.at.String()).loa("Substantial")
	w.json(http.MethodPost, "/dev/api/clients", `{"client_id":"mine","redirect_uris":["https://mine.example/cb"]}`, http.StatusCreated, nil)
	w.json(http.MethodPost, "/dev/api/reset", "", http.StatusConflict, nil)
	keys := w.get("/oidc/keys").body
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}

	again := startDev(t, "--store", path)
	page = again.get("/dev/demo?user=anna")
	again.approve("anna", "") // with a counter above the last one
	if after := again.get(page.at.String()).loa("Substantial"); after["sub"] != before["sub"] {
		t.Errorf("sub was %s and is %s", before["sub"], after["sub"])
	}
	// The request lacks PKCE, which only a client that is known, at a redirect URI that is registered, is told.
	if to := again.redirect("/oidc/authorize?client_id=mine&redirect_uri=https%3A%2F%2Fmine.example%2Fcb&response_type=code"); !strings.HasPrefix(to, "https://mine.example/cb?error=invalid_request") {
		t.Errorf("the client that was added is answered at %q", to)
	}
	kid := keys[strings.Index(keys, `"kid":"`):][:30]
	if !strings.Contains(again.get("/oidc/keys").body, kid) {
		t.Errorf("the key %s is gone", kid)
	}
	if err := again.stop(); err != nil {
		t.Fatal(err)
	}

	out := new(lockedBuffer)
	env := &environment{ctx: t.Context(), stdout: out, stderr: out}
	if err := run(env, []string{"audit", "verify", "--registry", path}); err != nil {
		t.Fatalf("the audit log: %v", err)
	}
	if !strings.Contains(out.String(), `"chains": 2`) {
		t.Errorf("report %s", out)
	}
}

func TestDevRefusesWhatIsNotLocal(t *testing.T) {
	certificate := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(certificate, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		says string
		args []string
	}{
		{`--listen: "0.0.0.0" is not loopback`, []string{"--listen", "0.0.0.0:0"}},
		{`--listen: "" is not loopback`, []string{"--listen", ":0"}},
		{`--listen: "192.0.2.1" is not loopback`, []string{"--listen", "192.0.2.1:0"}},
		{`--listen: "localhost.example" is not loopback`, []string{"--listen", "localhost.example:0"}},
		{`--management: "0.0.0.0" is not loopback`, []string{"--management", "0.0.0.0:0"}},
		{`--issuer: "login.example.dk" is not loopback`, []string{"--listen", "localhost:0", "--issuer", "https://login.example.dk"}},
		{`--issuer: not an http or https URL`, []string{"--listen", "localhost:0", "--issuer", "ftp://localhost"}},
		{`--sp: SAML is not built yet`, []string{"--sp", certificate}},
		{`--fal: "enormous" is not low, substantial or high`, []string{"--fal", "enormous"}},
		{`--store: "mongodb" is not memory`, []string{"--store", "mongodb://x"}},
		{`--registry: with --store sqlite:PATH everything is in that file`, []string{"--store", "sqlite:a", "--registry", "sqlite:b"}},
		{`--tls-cert: certificate and key go together`, []string{"--tls-cert", certificate}},
	} {
		t.Run(c.says, func(t *testing.T) {
			env := &environment{ctx: t.Context(), stdout: new(lockedBuffer), stderr: new(lockedBuffer)}
			err := run(env, append([]string{"dev"}, c.args...))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if got := exitCode(err, new(lockedBuffer)); got != 78 {
				t.Errorf("exit code %d, want 78", got)
			}
		})
	}
}
