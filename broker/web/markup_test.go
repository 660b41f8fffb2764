package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"

	"github.com/tillid/tillid/broker"
)

// element is one start tag of a page.
type element struct {
	name  string
	attrs map[string]string
}

// elements parses a page strictly: our pages are written so that XML and HTML read the same in them.
func elements(t testing.TB, page string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = map[string]string{}
	var out []element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v\n%s", err, page)
		}
		if s, ok := token.(xml.StartElement); ok {
			e := element{s.Name.Local, map[string]string{}}
			for _, a := range s.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			out = append(out, e)
		}
	}
}

// accessible checks what can be checked without a browser (WCAG 2.2 A and AA).
func accessible(t *testing.T, name, page string) {
	t.Helper()
	all := elements(t, page)
	ids, labels := map[string]bool{}, map[string]bool{}
	count := map[string]int{}
	for _, e := range all {
		count[e.name]++
		if id := e.attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s: the id %s occurs twice", name, id)
			}
			ids[id] = true
		}
		if e.name == "label" {
			labels[e.attrs["for"]] = true
		}
		if e.attrs["autofocus"] != "" {
			count["autofocus"]++
		}
	}
	for _, e := range all {
		switch {
		case e.name == "html" && e.attrs["lang"] == "":
			t.Errorf("%s: no language (3.1.1)", name)
		case e.name == "input" && e.attrs["type"] != "hidden" && (!labels[e.attrs["id"]] || e.attrs["autocomplete"] == ""):
			t.Errorf("%s: the input %v has no label or no autocomplete (3.3.2, 1.3.5)", name, e.attrs)
		case e.name == "img" && !hasKey(e.attrs, "alt"):
			t.Errorf("%s: an image without a text (1.1.1)", name)
		case e.name == "svg" && (e.attrs["role"] != "img" || !ids[e.attrs["aria-labelledby"]]):
			t.Errorf("%s: a drawing without a name (1.1.1)", name)
		case e.name == "form" && (e.attrs["method"] != "post" || e.attrs["action"] == ""):
			t.Errorf("%s: the form %v", name, e.attrs)
		case e.name == "button" && e.attrs["type"] != "":
			t.Errorf("%s: the button %v", name, e.attrs)
		case e.name == "meta" && e.attrs["name"] == "viewport" && strings.Contains(e.attrs["content"], "scale=1,"):
			t.Errorf("%s: zooming is forbidden (1.4.4)", name)
		}
		for _, ref := range []string{"aria-describedby", "aria-labelledby"} {
			for id := range strings.FieldsSeq(e.attrs[ref]) {
				if !ids[id] {
					t.Errorf("%s: %s names %q, which is not there", name, ref, id)
				}
			}
		}
		for a := range e.attrs {
			if a == "style" || strings.HasPrefix(a, "on") {
				t.Errorf("%s: the inline %s is blocked by our own policy", name, a)
			}
		}
		if e.name == "style" || e.name == "script" && e.attrs["src"] == "" {
			t.Errorf("%s: an inline %s is blocked by our own policy", name, e.name)
		}
	}
	if count["h1"] != 1 || count["main"] != 1 || count["autofocus"] != 1 || count["title"] < 1 {
		t.Errorf("%s: %d h1, %d main, %d autofocus", name, count["h1"], count["main"], count["autofocus"])
	}
	if !ids["content"] || !strings.Contains(page, `href="#content"`) {
		t.Errorf("%s: no way to skip to the content (2.4.1)", name)
	}
}

func hasKey(m map[string]string, k string) bool { _, ok := m[k]; return ok }

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
	render := func(t testing.TB, text string) []element {
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
func shape(all []element) []string {
	var out []string
	for _, e := range all {
		s := e.name
		for _, a := range []string{"src", "onfocus", "autofocus", "value", "id"} {
			if hasKey(e.attrs, a) {
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
	drawn, err := newQR(text)
	must(t, err)
	code, err := qr.Encode(text, qr.M)
	must(t, err)
	grid := make([][]bool, drawn.Size)
	for i := range grid {
		grid[i] = make([]bool, drawn.Size)
	}
	for run := range strings.SplitSeq(strings.TrimSuffix(drawn.Path, "z"), "z") {
		var x, y, width, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &width, &back); err != nil || width != back {
			t.Fatalf("%q: %v", run, err)
		}
		for i := range width {
			grid[y][x+i] = true
		}
	}
	for y := range grid {
		for x := range grid[y] {
			if grid[y][x] != code.Black(x-quiet, y-quiet) {
				t.Fatalf("the module %d,%d is wrong", x, y)
			}
		}
	}
	if none, err := newQR(""); none != nil || err != nil {
		t.Error("nothing has a code")
	}
	if _, err := newQR(strings.Repeat("x", 4000)); err == nil {
		t.Error("a text that does not fit has a code")
	}
}
