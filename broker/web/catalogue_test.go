package web

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/authn"
)

func kinds() []authn.Kind {
	return []authn.Kind{authn.App, authn.AppEnhanced, authn.CodeDisplay, authn.AudioReader, authn.Password, authn.Chip,
		authn.KeyCard, authn.KeyApp, authn.KeyViewer}
}

// the same in both languages because they are names, or words of both.
var shared = []string{"language.da", "language.en", "connector.mitid", "connector.nemid", "kind.app", "kind.chip"}

func TestEveryTextExistsInBothLanguages(t *testing.T) {
	all, err := catalogue(nil)
	must(t, err)
	da, en := all["da"], all["en"]
	for _, key := range slices.Sorted(maps.Keys(da)) {
		other, ok := en[key]
		if !ok {
			t.Errorf("%s is missing in English", key)
			continue
		}
		if da[key] == "" || other == "" {
			t.Errorf("%s is empty", key)
		}
		if a, b := holes(da[key]), holes(other); !slices.Equal(a, b) {
			t.Errorf("%s has the values %v in Danish and %v in English", key, a, b)
		}
		if da[key] == other && !slices.Contains(shared, key) {
			t.Errorf("%s is the same in both languages: %q", key, other)
		}
	}
	for key := range en {
		if _, ok := da[key]; !ok {
			t.Errorf("%s is missing in Danish", key)
		}
	}
}

func holes(text string) []string {
	out := placeholder.FindAllString(text, -1)
	slices.Sort(out)
	return out
}

var word = regexp.MustCompile(`\p{L}+`)

func TestNoTextIsInTheOtherLanguage(t *testing.T) {
	all, err := catalogue(nil)
	must(t, err)
	foreign := map[string][]string{ // words that the language itself does not have
		"da": {"the", "you", "your", "and", "is", "are", "not", "with", "this", "from", "password", "try", "again"},
		"en": {"og", "du", "dit", "din", "ikke", "eller", "det", "er", "på", "kan", "prøv", "igen"},
	}
	for language, bad := range foreign {
		for key, text := range all[language] {
			for _, w := range word.FindAllString(strings.ToLower(text), -1) {
				if slices.Contains(bad, w) {
					t.Errorf("%s %s has the word %q: %s", language, key, w, text)
				}
			}
		}
	}
}

// TestEveryTextIsUsed reads the sources: a key that no template and no code names is left over, and one that they name
// must exist.
func TestEveryTextIsUsed(t *testing.T) {
	all, err := catalogue(nil)
	must(t, err)
	named := make(map[string]bool)
	for _, pattern := range []string{"*.go", "templates/*.html"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			source, err := os.ReadFile(f)
			must(t, err)
			for _, m := range regexp.MustCompile(`\bT "([^"]+)"|\bT\("([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
				key := m[1] + m[2]
				if strings.HasSuffix(key, ".") {
					continue // the beginning of a key
				}
				named[key] = true
				if _, ok := all["da"][key]; !ok {
					t.Errorf("%s names the text %q, which does not exist", f, key)
				}
			}
		}
	}
	for _, f := range append(slices.Collect(maps.Values(outcomes)), failure{key: "notfound"}, failure{key: "method"},
		failure{key: "form"}, failure{key: "toolarge"}, failure{key: "origin"}) {
		named["error."+f.key+".title"] = true
		text := f.text
		if text == "" {
			text = "error." + f.key + ".text"
		}
		named[text] = true
	}
	for _, p := range problems {
		named[p] = true
	}
	for _, l := range languages {
		named["language."+l] = true
	}
	for _, a := range []string{"LOG_ON", "APPROVE", "CONFIRM", "ACCEPT", "SIGN"} {
		named["action."+a] = true
	}
	for key := range named {
		if all["da"][key] == "" {
			t.Errorf("there is no text %q", key)
		}
	}
	for key := range all["da"] {
		if !named[key] && !slices.ContainsFunc(open, func(o string) bool { return strings.HasPrefix(key, o) }) {
			t.Errorf("nothing uses the text %q", key)
		}
	}
}

func TestEveryKindAndEveryPromptHasItsTexts(t *testing.T) {
	all, err := catalogue(nil)
	must(t, err)
	var want []string
	for _, k := range kinds() {
		want = append(want, "kind."+string(k), "kind."+string(k)+".the")
	}
	for _, prompt := range []string{"identify", "code", "password", "other"} {
		want = append(want, "prompt."+prompt+".title", "prompt."+prompt+".submit")
	}
	for _, w := range []string{"app", "other"} {
		want = append(want, "wait."+w+".title", "wait."+w+".help", "wait."+w+".status")
	}
	for _, f := range []string{"user_id", "code", "password", "key", "pin"} {
		want = append(want, "field."+f)
	}
	// The whole error catalogue.
	want = append(want, "login.failed", "app.parallel", "app.declined", "app.expired", "qr.old", "otp.wrong", "otp.reused",
		"auth.paused", "loa.low", "cpr.nomatch", "rp.redirect", "sys.store", "sys.session")
	for _, key := range want {
		for _, l := range languages {
			if all[l][key] == "" {
				t.Errorf("%s: there is no text %q", l, key)
			}
		}
	}
}

func TestDatesAndTimes(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Copenhagen")
	must(t, err)
	at := time.Date(2023, time.June, 6, 11, 5, 0, 0, time.UTC).In(zone)
	for _, c := range []struct{ lang, instant, today string }{
		{"da", "6. juni 2023 kl. 13.05", "kl. 13.05"},
		{"en", "6 June 2023 at 13:05", "13:05"},
	} {
		w := words{Lang: c.lang}
		if got := w.instant(at); got != c.instant {
			t.Errorf("%s: %q", c.lang, got)
		}
		if got := w.until(at, at.Add(-time.Hour)); got != c.today {
			t.Errorf("%s: %q", c.lang, got)
		}
		if got := w.until(at, at.Add(-24*time.Hour)); got != c.instant {
			t.Errorf("%s: %q", c.lang, got)
		}
	}
}

func TestProblemsAreTold(t *testing.T) {
	s := newStage(t)
	v := s.visitor()
	page := v.begin("party=demo")
	v.post(page, "user_id", "anna")
	v.post(page, "code", "paused").wants(t, 200,
		"Du har prøvet for mange gange. Kodeviseren er på pause til kl. 13.35. Du kan bruge et andet identifikationsmiddel nu.")
	v.get(page+"?lang=en").wants(t, 200, "Your code display is paused until 13:35. You can use another authenticator now.")
	v.post(page, "code", answer)
	v.post(page, "password", "wrong").wants(t, 200, "We could not log you on.", `name="user_id"`)
}
