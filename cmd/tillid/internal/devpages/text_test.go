package devpages

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// the same in both languages because they are names, or words of both.
var shared = map[string]bool{"nav.start": true, "kind.app": true, "kind.chip": true}

func TestEveryTextExistsInBothLanguages(t *testing.T) {
	for key, words := range texts {
		da, en := words[0], words[1]
		if da == "" || en == "" {
			t.Errorf("%s lacks a language: %q", key, words)
		}
		if da == en && !shared[key] {
			t.Errorf("%s is the same in both languages: %q", key, da)
		}
		if strings.HasPrefix(da, "@") != strings.HasPrefix(en, "@") {
			t.Errorf("%s is an instant in one language only", key)
		}
	}
}

// TestEveryTextThatATemplateNamesExists: a key without a text would be shown as it is.
func TestEveryTextThatATemplateNamesExists(t *testing.T) {
	all, err := files.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, f := range all {
		source, err := files.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bT "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
			named[m[1]] = true
		}
	}
	for _, l := range (page{}).Nav() {
		named[l.Text] = true
	}
	for _, k := range []authn.Kind{authn.App, authn.AppEnhanced, authn.CodeDisplay, authn.AudioReader, authn.Password, authn.Chip,
		authn.KeyCard, authn.KeyApp, authn.KeyViewer} {
		named["kind."+string(k)] = true
	}
	for _, a := range []broker.Action{broker.LogOn, broker.Approve, broker.Confirm, broker.Accept, broker.Sign} {
		named["action."+string(a)] = true
	}
	for _, level := range []string{"None", "Low", "Substantial", "High"} {
		named["level."+level] = true
	}
	for key := range named {
		if _, ok := texts[key]; !ok {
			t.Errorf("there is no text %q", key)
		}
	}
}
