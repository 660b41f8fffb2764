package assurance_test

import (
	"encoding/json"
	"testing"

	"github.com/tillid/tillid/assurance"
)

var levels = []assurance.Level{assurance.None, assurance.Low, assurance.Substantial, assurance.High}

func TestLevelsAreOrdered(t *testing.T) {
	for i := 1; i < len(levels); i++ {
		if levels[i-1] >= levels[i] {
			t.Errorf("%v is not weaker than %v", levels[i-1], levels[i])
		}
	}
	var zero assurance.Level
	if zero != assurance.None {
		t.Errorf("the zero Level is %v", zero)
	}
}

func TestLevelTextRoundTrip(t *testing.T) {
	for n := range 256 {
		l := assurance.Level(n)
		text, err := l.MarshalText()
		if l.Valid() != (n < 4) || l.Valid() != (err == nil) {
			t.Errorf("%v: valid %t, marshalled with %v", l, l.Valid(), err)
		}
		if err != nil {
			continue
		}
		got := assurance.Level(99)
		if err := got.UnmarshalText(text); err != nil || got != l {
			t.Errorf("%s read back as %v, %v", text, got, err)
		}
	}
	if s := assurance.Level(7).String(); s != "Level(7)" {
		t.Errorf("Level(7) prints %q", s)
	}
	if _, err := json.Marshal(assurance.Levels{IAL: 7}); err == nil {
		t.Error("a value outside the levels was stored")
	}
}

func TestParseLevel(t *testing.T) {
	for word, want := range map[string]assurance.Level{
		"none": assurance.None, "Low": assurance.Low, "SUBSTANTIAL": assurance.Substantial, "hIgH": assurance.High,
	} {
		if got, err := assurance.ParseLevel(word); got != want || err != nil {
			t.Errorf("ParseLevel(%q) = %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", " low", "lowe", "Lav", "3", "\u017fubstantial", "Level(3)", "higi"} {
		if got, err := assurance.ParseLevel(word); got != assurance.None || err == nil {
			t.Errorf("ParseLevel(%q) = %v, %v; want None and an error", word, got, err)
		}
		l := assurance.High
		if err := l.UnmarshalText([]byte(word)); err == nil || l != assurance.None {
			t.Errorf("UnmarshalText(%q) left %v, %v", word, l, err)
		}
	}
}
