package web

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tillid/tillid/broker"
)

// everyRoute visits every route with every status that it answers.
func everyRoute(t *testing.T, s *stage, visit func(name string, r reply)) {
	t.Helper()
	v := s.visitor()
	page := v.begin("party=demo")
	forbidden := s.visitor()
	forbidden.headers.Set("Sec-Fetch-Site", "cross-site")
	visit("page 200", v.get(page))
	visit("posted 200", v.post(page, "user_id", "anna"))
	visit("state 200", v.get(page+"/state"))
	visit("state 403", s.visitor().get(page+"/state"))
	visit("page 403", s.visitor().get(page))
	visit("foreign 403", forbidden.post(page, "user_id", "anna"))
	visit("relay 200", forbidden.post(page+"/return", "answer", "x"))
	visit("page 404", v.get("/login/"))
	visit("nested 404", v.get(page+"/more"))
	visit("asset 404", v.get("/login/assets/none.css"))
	visit("asset 405", v.post(s.pages.hrefs.Style))
	visit("page 405", v.do(http.MethodPut, page, nil, ""))
	visit("state 405", v.post(page+"/state"))
	visit("page 410", v.get("/login/"+strings.Repeat("a", 43)))
	visit("page 413", v.post(page, "user_id", strings.Repeat("a", maxBody)))
	visit("page 415", v.do(http.MethodPost, page, strings.NewReader("{}"), "application/json"))
	visit("page 400", v.post(page, "user_id", "a", "user_id", "b"))
	s.store.down.Store(true)
	visit("page 503", v.get(page))
	s.store.down.Store(false)
	visit("page 500", v.post(v.begin("party=demo"), "user_id", "fault"))
	leaving := v.begin("party=demo")
	visit("upstream 200", v.post(leaving, "user_id", "post"))
	up := v.begin("party=demo")
	visit("upstream 303", v.post(up, "user_id", "up"))
	visit("answer 303", v.post(page, "cancel", "1"))
	visit("explained 200", v.post(v.begin("party=demo"), "user_id", "refuse"))
	visit("left 200", v.get("/start?logout&party=demo&nowhere"))
	for _, href := range []string{s.pages.hrefs.Style, s.pages.hrefs.Script, s.pages.hrefs.Mark} {
		visit("asset 200", v.get(href))
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	s := newStage(t, func(c *Config) { c.InsecureHTTP = false })
	seen := 0
	everyRoute(t, s, func(name string, r reply) {
		seen++
		if !strings.HasSuffix(name, r.Status[:3]) {
			t.Errorf("%s: status %s", name, r.Status)
		}
		h := r.Header
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'",
			"base-uri 'none'", "form-action ", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %s: %q", name, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
			t.Errorf("%s: the policy is loose: %q", name, csp)
		}
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if h.Get(header) != want {
				t.Errorf("%s: %s is %q", name, header, h.Get(header))
			}
		}
		if !strings.HasPrefix(h.Get("Strict-Transport-Security"), "max-age=") {
			t.Errorf("%s: no Strict-Transport-Security", name)
		}
		if want := map[bool]string{true: "public, max-age=31536000, immutable", false: "no-store"}[name == "asset 200"]; h.Get("Cache-Control") != want {
			t.Errorf("%s: Cache-Control is %q", name, h.Get("Cache-Control"))
		}
	})
	if seen < 24 {
		t.Errorf("only %d routes were visited", seen)
	}
}

func TestFormsFromElsewhereAreRefused(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	for _, headers := range []map[string]string{
		{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site", "Origin": "https://sub.example"},
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
	} {
		v.headers = http.Header{}
		for k, value := range headers {
			v.headers.Set(k, value)
		}
		v.post(page, "cancel", "1").wants(t, 403, "En anden side prøvede")
	}
	v.headers = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}} // what browsers send under no-referrer
	v.post(page, "user_id", "anna").wants(t, 200, `name="code"`)
	v.headers = http.Header{"Origin": {s.server.URL}}
	v.post(page, "code", answer).wants(t, 200, `name="password"`)
}

func TestFormsAreBounded(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	many := make([]string, 0, 80)
	for i := range 40 {
		many = append(many, "f"+string(rune('A'+i)), "x")
	}
	v.post(page, many...).wants(t, 400)
	v.post(page, "user_id", strings.Repeat("a", maxValue+1)).wants(t, 400)
	v.post(page, "user_id", strings.Repeat("a", maxBody-100)).wants(t, 400)
	v.post(page, "user_id", strings.Repeat("a", maxBody)).wants(t, 413)
	v.post(page+"/return", "answer", strings.Repeat("a", maxBody)).wants(t, 413)
	v.do(http.MethodPost, page, strings.NewReader("user_id=%zz"), "application/x-www-form-urlencoded").wants(t, 400)
	v.do(http.MethodPost, page, strings.NewReader("user_id=a"), "multipart/form-data; boundary=x").wants(t, 415)
	v.do(http.MethodPost, page, strings.NewReader("user_id=a"), "").wants(t, 415)
	v.get(page).wants(t, 200, `name="user_id"`) // none of it had an effect
	v.post(page, "user_id", strings.Repeat("a", maxValue)).wants(t, 200, `name="code"`)
}

// A browser must not be answered with a redirect to a form; a script that reads status codes must be.
func TestARedirectThatAnswersABrowsersFormIsAPage(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	v.headers = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Dest": {"document"}}
	page := v.begin("party=demo")
	v.post(page, "user_id", "anna")
	v.post(page, "code", answer)
	r := v.post(page, "password", "Prøve-kode-2026")
	r.wants(t, 200, `http-equiv="refresh" content="0;url=`+s.service.URL+`/cb?code=`, `&amp;loa=Substantial`)
	if r.Header.Get("Location") != "" || !strings.Contains(r.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page has the headers of a redirect: %v", r.Header)
	}
	v.get(page).leads(t, s.service.URL+"/cb", "loa", "Substantial") // a visit is no form

	v = s.visitor()
	page = v.begin("party=demo")
	v.post(page, "user_id", "post")
	v.headers = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}}
	v.post(page+"/return", "answer", "bad").wants(t, 200, `content="0;url=`+page+`"`)
	v.get(page).wants(t, 200, `name="back"`)
}

func TestFollowable(t *testing.T) {
	for to, want := range map[string]bool{
		"https://service.example/cb?code=x": true, "http://127.0.0.1:8080/cb": true, "com.example.app:/cb?code=x": true, "/login/x": true,
		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "java\tscript:alert(1)": false, " javascript:alert(1)": false,
		"data:text/html,x": false, "vbscript:x": false, "blob:https://x/y": false, "file:///etc/passwd": false, "https:": false,
		"https:///cb": false, "cb": false, "": false, "https://x/\r\nSet-Cookie: a=b": false, "view-source:https://x/": false,
	} {
		if got := followable(to); got != want {
			t.Errorf("followable(%q) = %v", to, got)
		}
	}
}

// whatever runs is what a browser would run instead of following.
func FuzzFollowable(f *testing.F) {
	for _, s := range []string{"https://a/b", "javascript:x", "\x01javascript:x", "j\navascript:x", "a:b", "//x/y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, to string) {
		if !followable(to) {
			return
		}
		// The way a browser reads an address: blanks at the ends and tabs and line ends inside do not count (WHATWG URL 4.4).
		read := strings.ToLower(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.TrimFunc(to, func(c rune) bool { return c <= ' ' })))
		for _, bad := range []string{"javascript:", "vbscript:", "data:", "blob:", "file:"} {
			if strings.HasPrefix(read, bad) {
				t.Errorf("%q would be followed", to)
			}
		}
	})
}

func TestErrorNeverReflectsWhatWasSent(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	for _, path := range []string{"/login/%3Cscript%3Ealert(1)%3C/script%3E", "/login/" + strings.Repeat("a", 43) + "?lang=%22%3E%3Cscript%3E", "/login/../%3Cimg%20src=x%3E"} {
		if r := v.get(path); strings.Contains(r.body, "alert(1)") || strings.Contains(r.body, "<img src=x") || strings.Contains(r.body, `"><script>`) {
			t.Errorf("%s is reflected:\n%s", path, r.body)
		}
	}
	hostile := v.begin("party=hostile&text=%3Cb%3Ebold%3C/b%3E")
	v.get(hostile).wants(t, 200, "&lt;script&gt;alert", "&lt;b&gt;bold&lt;/b&gt;")
}

func TestErrorCoversEveryCode(t *testing.T) {
	s := newStage(t)
	if len(outcomes) != len(broker.Codes()) {
		t.Errorf("%d outcomes for %d codes", len(outcomes), len(broker.Codes()))
	}
	for _, code := range append(broker.Codes(), "unheard_of") {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/oidc/authorize", nil)
		s.pages.Error(w, r, 0, code, "A <sentence>.")
		if w.Code != outcome(code).status || !strings.Contains(w.Body.String(), "A &lt;sentence&gt;.") {
			t.Errorf("%s: %d\n%s", code, w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		s.pages.Error(w, r, http.StatusTeapot, code, "")
		if w.Code != http.StatusTeapot || strings.Contains(w.Body.String(), `data-testid="detail"`) {
			t.Errorf("%s: %d\n%s", code, w.Code, w.Body)
		}
	}
}

func TestAFormPostAnswerOfTheAdapterPasses(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Answerers = map[string]Answerer{"test": poster{}} })
	v := s.visitor()
	v.headers = http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}}
	r := v.post(v.begin("party=demo"), "cancel", "1")
	r.wants(t, 201, "<form")
	if r.Header.Get("Content-Security-Policy") != "default-src 'self'" {
		t.Error("the adapter's policy does not stand")
	}
}

type poster struct{}

func (poster) Answer(w http.ResponseWriter, _ *http.Request, _ broker.Transaction, _ broker.Step) bool {
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, "<form></form>")
	return true
}

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	_, err := New(Config{Prefix: "login", MaxBody: -1, Help: "javascript:x", Accessibility: "was",
		Answerers: map[string]Answerer{"oidc": nil},
		Texts: map[string]map[string]string{"kl": {}, "da": {"cancle": "x", "auth.paused": "{when}", "prompt.new.title": "Ny"},
			"en": {"cancel": "Stop"}}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Broker", "Prefix", "MaxBody", "Help", "Accessibility", `Answerers["oidc"]`, `"kl"`, `"cancle"`, "{when}", `"prompt.new.title" is missing in "en"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not mention %s: %v", want, err)
		}
	}
	if _, err := New(Config{}); err == nil || strings.Count(err.Error(), "\n") != 0 {
		t.Errorf("a zero Config lacks the broker and nothing else: %v", err)
	}
}

func TestReferenceNeedsRandomness(t *testing.T) {
	p := &Pages{config: Config{Random: bytes.NewReader([]byte{0, 1, 2, 3, 4})}}
	if got := p.reference(); got != "000G-40R4" {
		t.Errorf("reference = %s", got)
	}
	if got := p.reference(); got != "--------" {
		t.Errorf("without randomness: %s", got)
	}
}

func TestMarkSaysNothingOfTheState(t *testing.T) {
	tx := broker.Transaction{State: []byte("secret")}
	if m := mark(tx); strings.Contains(m, "secret") || strings.Contains(m, base64.RawURLEncoding.EncodeToString([]byte("secret"))) || m == mark(broker.Transaction{}) {
		t.Error(m)
	}
}
