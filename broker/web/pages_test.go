package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn"
)

func TestALoginGoesThroughByFormsAlone(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo&text=Overf%C3%B8rsel+af+2.300+kr.&action=APPROVE")
	v.get(page).wants(t, 200, `name="user_id"`, "Godkend hos Kommunens selvbetjening", "Overførsel af 2.300 kr.", `lang="da"`,
		`name="connector" value="nemid"`, `name="cancel" value="1"`, `autocomplete="username"`, "TESTMILJØ – ikke MitID")
	v.post(page, "user_id", "anna").wants(t, 200, `name="code"`, "kodeviser", `inputmode="numeric"`, `autocomplete="one-time-code"`,
		`name="use" value="app"`, "Solur &amp; skygge")
	v.post(page, "code", "111111").wants(t, 200, `role="alert"`, "Koden passer ikke", `aria-invalid="true"`, "<title>Fejl:")
	v.post(page, "code", answer).wants(t, 200, `type="password"`, `autocomplete="current-password"`)
	v.get(page).wants(t, 200, `name="password"`) // a reload shows the same step
	v.post(page, "password", "Prøve-kode-2026").leads(t, s.service.URL+"/cb", "loa", "Substantial")
}

func TestTheWaitingPageAnswersOnceTheAppHas(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	shown := v.post(page, "user_id", "app")
	shown.wants(t, 200, `<meta http-equiv="refresh" content="1;url=`+page+`"/>`, "<svg", "0481", `role="status"`)
	before := v.get(page + "/state")
	before.wants(t, 200, `{"state":"`)
	if !strings.Contains(shown.body, `data-state="`+between(before.body, `:"`, `"`)+`"`) {
		t.Errorf("the page and its state disagree: %s", before.body)
	}
	v.get(page).wants(t, 200, "data-channel")
	s.approve(shown.body)
	after := v.get(page + "/state")
	if after.body == before.body {
		t.Error("the state is the same after the approval")
	}
	if again := v.get(page + "/state"); again.body != after.body {
		t.Error("asking for the state went on with the login")
	}
	v.get(page).leads(t, s.service.URL+"/cb", "loa", "Substantial")
}

func between(s, open, end string) string {
	_, s, _ = strings.Cut(s, open)
	s, _, _ = strings.Cut(s, end)
	return s
}

func TestLanguageFollowsTheServiceThenTheBrowserThenTheLink(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	v.headers.Set("Accept-Language", "en-GB,en;q=0.9,da;q=0.1")
	page := v.begin("party=demo")
	v.get(page).wants(t, 200, `lang="en"`, "Log on to Municipal self-service", "TEST ENVIRONMENT")
	v.get(page+"?lang=da").wants(t, 200, `lang="da"`, "Log på Kommunens selvbetjening")
	v.get(page).wants(t, 200, `lang="da"`)
	v.get(page+"?cancel=1&user_id=app").wants(t, 200, `name="user_id"`) // a link submits nothing
	page = v.begin("party=demo&lang=da")
	v.get(page).wants(t, 200, `lang="da"`)
	v.get(page+"x").wants(t, 404, `lang="en"`)
}

func TestConnectorsThatThePagesDoNotKnow(t *testing.T) {
	s := newStage(t, func(c *Config) {
		c.Texts = map[string]map[string]string{
			"da": {"field.laces": "Snørebånd", "connector.nemid": "Skonummer"},
			"en": {"field.laces": "Laces"},
		}
	})
	v := s.visitor()
	page := v.begin("party=demo")
	v.get(page).wants(t, 200, `value="nemid" data-testid="connector-nemid">Skonummer<`)
	v.post(page, "connector", "nemid").wants(t, 200, "Vis, at det er dig", `name="length"`, `<label for="field-laces">Snørebånd</label>`)
	v.post(page, "length", "42", "laces", "two").leads(t, s.service.URL+"/cb", "loa", "Substantial")
	other := v.begin("party=demo&claim=ssn") // the session answers, so consent is asked for
	v.get(other).wants(t, 200, "CPR-nummer")
}

func TestConsent(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=consent&claim=profile&claim=ssn&claim=mitid")
	v.post(page, "user_id", "anna")
	v.post(page, "code", answer)
	shown := v.post(page, "password", "Prøve-kode-2026")
	shown.wants(t, 200, "Anna Ærø", "6. december 1990", `<span class="value">35</span>`, "######-####", "dit samtykke", `name="consent" value="yes"`)
	if strings.Contains(shown.body, "661290") {
		t.Error("the page shows the CPR number")
	}
	v.get(page+"?lang=en").wants(t, 200, "6 December 1990", "your consent")
	v.post(page, "consent", "no").leads(t, s.service.URL+"/cb", "error", "cancelled")

	page = v.begin("party=consent&claim=profile")
	v.post(page, "user_id", "app")
	s.approve(v.get(page).body)
	v.get(page).wants(t, 200, `name="consent"`)
	v.post(page, "consent", "yes").leads(t, s.service.URL+"/cb", "loa", "Substantial")
}

func TestRefusalsAreExplainedAndLeadBack(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		party, user, code string
		da, en            []string
	}{
		{"demo", "refuse", "refused", []string{"Du kan ikke logge på her", `lang="en" data-testid="reason">The person&#39;s eID is blocked.`}, []string{"You cannot log on here"}},
		{"demo", "level", "level_unmet", []string{"Sikringsniveauet er ikke højt nok", `lang="en"`, "password and chip"}, []string{"password and chip"}},
		{"above", "anna", "level_unmet", []string{"Den kræver niveau Høj. Denne gang nåede du Betydelig.", "Borgerservice"}, []string{"needs a higher assurance level"}},
	} {
		v := s.visitor()
		page := v.begin("party=" + c.party)
		shown := v.post(page, "user_id", c.user)
		if c.user == "anna" {
			v.post(page, "code", answer)
			shown = v.post(page, "password", "Prøve-kode-2026")
		}
		shown.wants(t, 200, c.da...)
		v.get(page+"?lang=en").wants(t, 200, c.en...)
		v.post(page, "back", "1").leads(t, s.service.URL+"/cb", "error", c.code)
	}
}

func TestCancelling(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	v.post(page, "cancel", "1").leads(t, s.service.URL+"/cb", "error", "cancelled")
	v.get(page).wants(t, 410, "Dit log på er udløbet")
	page = v.begin("party=demo&nowhere")
	v.post(page, "cancel", "1").wants(t, 200, "Log på er afbrudt")
}

func TestLogout(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	login := func() {
		page := v.begin("party=demo")
		v.post(page, "user_id", "app")
		s.approve(v.get(page).body)
		v.get(page).leads(t, s.service.URL+"/cb", "loa", "Substantial")
	}
	login()
	page := v.begin("logout&party=demo&nowhere")
	v.get(page).wants(t, 200, "Vil du logge ud?", `name="logout" value="yes"`)
	v.post(page, "cancel", "1").wants(t, 200, "Du er stadig logget på")
	page = v.begin("logout&party=demo&nowhere&lang=en")
	v.post(page, "logout", "yes").wants(t, 200, "You are logged out", "<li>Municipal self-service</li>")
	login()
	page = v.begin("logout&party=demo")
	v.post(page, "logout", "yes").leads(t, s.service.URL+"/cb", "left", "yes")
	v.get("/start?logout&party=demo&nowhere").wants(t, 200, "Du er logget ud")
}

// Whoever learns an address has nothing: every step belongs to the browser that began.
func TestAStolenAddressFailsAtEveryStep(t *testing.T) {
	s := newStage(t)
	owner := s.visitor()
	thief := s.visitor()
	thief.get(thief.begin("party=demo")) // a browser with cookies of its own
	page := owner.begin("party=consent&claim=profile")
	steps := []struct {
		name  string
		pairs []string
	}{
		{"identify", []string{"user_id", "anna"}}, {"code", []string{"code", answer}},
		{"password", []string{"password", "Prøve-kode-2026"}}, {"consent", []string{"consent", "yes"}},
	}
	rob := func(step string) {
		for _, r := range []reply{thief.get(page), thief.get(page + "/state"), thief.get(page + "/return?answer=good"),
			thief.post(page, "cancel", "1"), thief.get(page + "?lang=en")} {
			if r.StatusCode != http.StatusForbidden || strings.Contains(r.body, "Anna") {
				t.Errorf("%s: a stolen address answered %d\n%s", step, r.StatusCode, r.body)
			}
		}
	}
	for i, step := range steps {
		rob(step.name)
		if r := thief.post(page, step.pairs...); r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: a stolen address answered %d", step.name, r.StatusCode)
		}
		if r := owner.post(page, step.pairs...); i < len(steps)-1 && r.StatusCode != 200 || i == len(steps)-1 && r.StatusCode != 303 {
			t.Fatalf("%s: the owner got %d\n%s", step.name, r.StatusCode, r.body)
		}
	}
	rob("answered")
}

func TestUpstreams(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	v.post(page, "user_id", "up").leads(t, "https://upstream.example/authorize", "x", "1")
	v.get(page+"/return?answer=good").leads(t, s.service.URL+"/cb", "loa", "Substantial")

	v = s.visitor()
	page = v.begin("party=demo")
	v.post(page, "user_id", "up")
	v.get(page+"/return?answer=bad").leads(t, s.server.URL+page, "", "") // nothing of the answer stays in the address
	v.get(page).wants(t, 200, "Du kan ikke logge på her")

	v = s.visitor()
	page = v.begin("party=demo")
	r := v.post(page, "user_id", "post")
	r.wants(t, 200, `action="https://upstream.example/sso"`, `name="SAMLRequest" value="PHg&#43;"`, `value="&#34;&gt;&lt;script&gt;"`, `data-submit="now"`)
	if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action https: http:;") {
		t.Errorf("the form may not lead upstream: %s", csp)
	}
	// The upstream's form comes from another site, without our cookies; the page posts it once more, and then it counts.
	v.headers.Set("Sec-Fetch-Site", "cross-site")
	v.post(page+"/return", "answer", "good", "more", "<&>").wants(t, 200, `action="`+page+`/return"`, `name="answer" value="good"`, `value="&lt;&amp;&gt;"`)
	v.headers.Set("Sec-Fetch-Site", "same-origin")
	v.post(page+"/return", "answer", "good").leads(t, s.service.URL+"/cb", "loa", "Substantial")

	v = s.visitor()
	page = v.begin("party=demo")
	v.post(page, "user_id", "evil").wants(t, 500, "Referencenummer")
}

var reference = regexp.MustCompile(`data-testid="reference">([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})<`)

func TestErrorsHaveAReferenceNumberThatIsLogged(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	for _, c := range []struct {
		name   string
		reply  func() reply
		status int
		retry  bool
		text   string
	}{
		{"unknown party", func() reply { return v.get("/start?party=gone") }, 400, false, "ikke tilmeldt"},
		{"not allowed", func() reply { return v.get("/start?party=demo&claim=all") }, 403, false, "ikke er tilmeldt til"},
		{"no such connector", func() reply { return v.post(page, "connector", "witchcraft") }, 400, false, "Vi kunne ikke læse"},
		{"busy", func() reply { return v.post(page, "user_id", "busy") }, 503, true, "Mange logger på"},
		{"no such transaction", func() reply { return v.get("/login/" + strings.Repeat("x", 43)) }, 410, false, "Dit log på er udløbet"},
		{"other browser", func() reply { return s.visitor().get(page) }, 403, false, "åbnet i en anden browser"},
		{"store down", func() reply { s.store.down.Store(true); defer s.store.down.Store(false); return v.get(page) }, 503, true, "Dine oplysninger er ikke gået tabt"},
		{"fault", func() reply { return v.post(page, "user_id", "fault") }, 500, false, "fejl hos os"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.reply()
			r.wants(t, c.status, c.text)
			if (r.Header.Get("Retry-After") != "") != c.retry {
				t.Errorf("Retry-After is %q", r.Header.Get("Retry-After"))
			}
			ref := reference.FindStringSubmatch(r.body)
			if ref == nil || !strings.Contains(s.log.String(), "reference="+ref[1]) {
				t.Errorf("the reference number %v is not in the log", ref)
			}
			if strings.Contains(r.body, "secret cause") {
				t.Error("the page tells the private cause")
			}
		})
	}
	if !strings.Contains(s.log.String(), "secret cause") {
		t.Error("the log does not tell the private cause")
	}
}

// The consent page shows what the party would receive, not what we know.
func TestProtectedNamesAreShownToPublicPartiesOnly(t *testing.T) {
	s := newStage(t)
	v := s.pages.view("da")
	person := authn.Person{GivenName: "Frida", FamilyName: "Skjult", Protected: true}
	for public, want := range map[bool]string{false: "NAVNE & ADRESSEBESKYTTET", true: "Frida Skjult"} {
		rows := s.pages.values(v, "profile", person, public)
		if rows[0].Value != want || rows[1].Value != "Ikke registreret" {
			t.Errorf("public %v: %v", public, rows)
		}
	}
}
