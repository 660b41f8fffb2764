package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/web/pagetest"
)

// elements parses a page strictly.
func elements(t testing.TB, page string) []*pagetest.Element {
	t.Helper()
	all, err := pagetest.Parse(page)
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	return all
}

// accessible checks what can be checked without a browser (WCAG 2.2 A and AA).
func accessible(t *testing.T, name, page string) {
	t.Helper()
	for _, fault := range pagetest.Faults(page) {
		t.Errorf("%s: %s", name, fault)
	}
	focused := 0
	for _, e := range elements(t, page) {
		if e.Has("autofocus") {
			focused++
		}
		if e.Name == "form" && e.Attrs["method"] != "post" {
			t.Errorf("%s: a form puts what is typed into the address", name)
		}
		if e.Name == "button" && e.Has("type") {
			t.Errorf("%s: the button %q submits nothing without a script", name, e.Text())
		}
	}
	if focused != 1 {
		t.Errorf("%s: %d elements take the focus", name, focused)
	}
	if strings.Contains(page, `class="qr"`) && !strings.Contains(page, `stroke="#000"`) {
		t.Errorf("%s: the QR code has lines that nobody sees", name)
	}
	if strings.Contains(page, `role="status"`) != strings.Contains(page, `id="waiting"`) {
		t.Errorf("%s: what is waited for is not announced (4.1.3)", name)
	}
}

func TestEveryPageIsWellFormedAndAccessible(t *testing.T) {
	s := newStage(t)
	for _, lang := range languages {
		for name, page := range gallery(t, s, lang) {
			accessible(t, lang+" "+name, page.body)
			if !strings.Contains(page.body, `<html lang="`+lang+`">`) {
				t.Errorf("%s %s is in another language", lang, name)
			}
		}
	}
	everyRoute(t, s, func(name string, r reply) {
		if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") && !strings.HasSuffix(name, "303") {
			accessible(t, name, r.body)
		}
	})
}

// gallery is every page there is.
func gallery(t testing.TB, s *stage, lang string) map[string]reply {
	t.Helper()
	out := make(map[string]reply)
	l := "&lang=" + lang
	text := l + "&action=APPROVE&text=Overf%C3%B8rsel%20af%202.300%20kr.%20til%20konto%209978%20000123456"
	v := s.visitor()
	v.headers.Set("Accept-Language", lang)
	page := v.begin("party=consent&claim=profile&claim=mitid&claim=ssn" + l)
	out["identify"] = v.get(page)
	out["code"] = v.post(page, "user_id", "anna")
	out["code-wrong"] = v.post(page, "code", "000000")
	out["code-paused"] = v.post(page, "code", "paused")
	out["password"] = v.post(page, "code", answer)
	out["consent"] = v.post(page, "password", "Prøve-kode-2026")
	v = s.visitor()
	v.headers.Set("Accept-Language", lang)
	page = v.begin("party=plain" + text)
	out["identify-text"] = v.get(page)
	out["app"] = v.post(page, "user_id", "app")
	page = v.begin("party=plain&action=SIGN" + l + "&text=" + strings.Repeat("Overf%C3%B8rsel%20", 10) + "konto%2099780000123456")
	out["app-long"] = v.post(page, "user_id", "app")
	page = v.begin("party=demo" + l)
	out["other"] = v.post(page, "connector", "nemid")
	page = v.begin("party=demo" + l)
	v.post(page, "user_id", "refuse")
	out["refused"] = v.get(page)
	page = v.begin("party=above" + l)
	v.post(page, "user_id", "anna")
	v.post(page, "code", answer)
	out["level"] = v.post(page, "password", "Prøve-kode-2026")
	page = v.begin("party=demo" + l)
	v.post(page, "user_id", "anna")
	v.post(page, "code", answer)
	v.headers.Set("Sec-Fetch-Mode", "navigate")
	out["hop"] = v.post(page, "password", "Prøve-kode-2026")
	v.headers.Del("Sec-Fetch-Mode")
	page = v.begin("logout&nowhere&party=demo" + l)
	out["leave"] = v.get(page)
	out["left"] = v.post(page, "logout", "yes")
	out["error-session"] = v.get("/login/" + strings.Repeat("a", 43))
	out["error-detail"] = v.get("/start?party=demo&claim=everything")
	page = v.begin("party=demo" + l)
	out["error-busy"] = v.post(page, "user_id", "busy")
	for name, r := range out {
		if r.StatusCode == http.StatusSeeOther {
			t.Fatalf("%s leads to %s", name, r.Header.Get("Location"))
		}
	}
	return out
}

// Whatever a connector, a service or a person is called, the page has the elements it has.
func FuzzPrompt(f *testing.F) {
	s := newStage(f)
	page := s.visitor().begin("party=demo")
	request, err := http.NewRequest(http.MethodGet, page, nil)
	must(f, err)
	render := func(t testing.TB, text string) []*pagetest.Element {
		w := &sink{header: http.Header{}}
		tx := broker.Transaction{ID: text, Language: "da", Request: broker.Request{Protocol: "test", Party: "demo", Text: text, Action: broker.Action(text)}}
		s.pages.showPrompt(w, request, tx, broker.Prompt{Name: text, Problem: text, Args: map[string]string{"kind": text, "until": text},
			Fields: []broker.Field{{Name: text, Value: text, Autocomplete: text}}, Others: []broker.Option{{Value: text, Label: text}}})
		return elements(t, w.String())
	}
	for _, text := range []string{"x", `"><script>alert(1)</script>`, "' onfocus='x", "</title><b>", "javascript:x", "&#34;", "é"} {
		f.Add(text)
	}
	want := shape(render(f, "x"))
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" || !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c >= 0xfffe || c >= 0xd800 && c < 0xe000 }) {
			return // characters that XML has not, or nothing to show
		}
		if got := shape(render(t, text)); !slices.Equal(got, want) {
			t.Errorf("%q changes the page:\n%v\n%v", text, got, want)
		}
	})
}

// shape is a page without its texts: elements with the names of their attributes.
func shape(all []*pagetest.Element) []string {
	var out []string
	for _, e := range all {
		s := e.Name
		for _, a := range []string{"src", "onfocus", "autofocus", "value", "id"} {
			if e.Has(a) {
				s += " " + a
			}
		}
		out = append(out, s)
	}
	return out
}

type sink struct {
	header http.Header
	strings.Builder
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}

func TestTheQRCodeIsDrawnAsEncoded(t *testing.T) {
	text := "tillid:1:" + strings.Repeat("Aa0-_", 20)
	plans := new(qrPlans)
	drawn, err := plans.draw(text)
	must(t, err)
	code, err := qr.Encode(text, qr.M)
	must(t, err)
	grid := make([][]bool, drawn.Size)
	for i := range grid {
		grid[i] = make([]bool, drawn.Size)
	}
	for row := range strings.SplitSeq(strings.TrimPrefix(drawn.Path, "M"), "M") {
		place, runs, _ := strings.Cut(row, "h")
		var x, y int
		if _, err := fmt.Sscanf(place, "%d %d.5", &x, &y); err != nil {
			t.Fatalf("%q: %v", row, err)
		}
		for run := range strings.SplitSeq(runs, "h") {
			width, gap, more := strings.Cut(run, "m")
			n, err := strconv.Atoi(width)
			must(t, err)
			for range n {
				grid[y][x] = true
				x++
			}
			if more {
				n, err = strconv.Atoi(strings.TrimSuffix(gap, " 0"))
				must(t, err)
				x += n
			}
		}
	}
	for y := range grid {
		for x := range grid[y] {
			if grid[y][x] != code.Black(x-quiet, y-quiet) {
				t.Fatalf("the module %d,%d is wrong", x, y)
			}
		}
	}
	if none, err := plans.draw(""); none != nil || err != nil {
		t.Error("nothing has a code")
	}
	if _, err := plans.draw(strings.Repeat("x", 4000)); err == nil {
		t.Error("a text that does not fit has a code")
	}
}
