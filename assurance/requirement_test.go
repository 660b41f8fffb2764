package assurance_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

func TestCatalogueCountsAreThoseOfTheStandard(t *testing.T) {
	// Requirements of NSIS 2.0.2a by section: new at Low, at Substantial, at High.
	want := map[string][3]int{
		"3.1.1": {3, 1, 0}, "3.1.2": {3, 5, 3}, "3.1.3": {5, 2, 2},
		"3.2.1": {2, 2, 2}, "3.2.2": {1, 1, 2}, "3.2.3": {5, 2, 0}, "3.2.4": {1, 0, 1}, "3.3.1": {3, 2, 1},
		"4.1.1": {3, 2, 0}, "4.1.2": {3, 0, 0}, "4.1.3": {1, 2, 1}, "4.1.4": {3, 0, 0}, "4.1.5": {4, 3, 2},
		"4.1.6": {5, 2, 0}, "4.1.7": {3, 2, 1}, "5.2": {6, 5, 1}, "6": {7, 5, 2},
	}
	got := map[string][3]int{}
	for _, r := range assurance.Requirements() {
		n := got[r.Section.Number]
		n[r.Level-1]++
		got[r.Section.Number] = n
	}
	for section, n := range want {
		if got[section] != n {
			t.Errorf("section %s has %v requirements, want %v", section, got[section], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d sections, want %d", len(got), len(want))
	}
}

func TestCatalogueIsWellFormed(t *testing.T) {
	form := regexp.MustCompile(`^[3-6](\.[1-9]){0,2}\([1-9][0-9]?\)$`)
	axes := map[byte]assurance.Axis{'3': "", '4': assurance.FAL, '5': assurance.IAL, '6': assurance.FAL}
	seen := map[assurance.ID]bool{}
	for _, r := range assurance.Requirements() {
		if !form.MatchString(string(r.ID)) || !strings.HasPrefix(string(r.ID), r.Section.Number+"(") || seen[r.ID] {
			t.Errorf("id %q of section %s is malformed or given twice", r.ID, r.Section.Number)
		}
		seen[r.ID] = true
		if r.Level == assurance.None || !r.Level.Valid() {
			t.Errorf("%s applies from %v", r.ID, r.Level)
		}
		if r.Text == "" || strings.HasSuffix(r.Text, ".") || r.Section.Title == "" || r.Section.Danish == "" {
			t.Errorf("%s lacks words: %+v", r.ID, r)
		}
		axis := axes[r.ID[0]]
		if axis == "" {
			axis = map[byte]assurance.Axis{'1': assurance.IAL, '2': assurance.AAL, '3': assurance.AAL}[r.ID[2]]
		}
		if r.Section.Axis != axis {
			t.Errorf("%s is on axis %s, want %s", r.ID, r.Section.Axis, axis)
		}
		for _, id := range r.Includes() {
			weaker, ok := assurance.Lookup(id)
			if !ok || weaker.Level >= r.Level || weaker.Section != r.Section {
				t.Errorf("%s includes %s, which is not a weaker requirement of its section", r.ID, id)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	for _, r := range assurance.Requirements() {
		got, ok := assurance.Lookup(r.ID)
		if !ok || got.ID != r.ID || got.Text != r.Text || got.Level != r.Level {
			t.Errorf("Lookup(%q) = %+v, %t", r.ID, got, ok)
		}
	}
	for _, id := range []assurance.ID{"", "(", "6", "6.2", "6(2", "6(02)", "6( 2)", "6(15)", "3.1.1(5)", "2.1(1)", "6(2)x"} {
		if r, ok := assurance.Lookup(id); ok || r.ID != "" {
			t.Errorf("Lookup(%q) = %+v", id, r)
		}
	}
}

func TestTheCatalogueBelongsToThePackage(t *testing.T) {
	r, _ := assurance.Lookup("6(13)")
	r.Includes()[0] = "changed"
	assurance.Requirements()[0].Text = "changed"
	assurance.Scopes()[0] = "changed"
	if again, _ := assurance.Lookup("6(13)"); again.Includes()[0] != "6(12)" {
		t.Error("a caller changed what a requirement includes")
	}
	if assurance.Requirements()[0].Text == "changed" || assurance.Scopes()[0] != assurance.NaturalPerson {
		t.Error("a caller changed the catalogue")
	}
}

func TestScopesCoverTheCatalogue(t *testing.T) {
	covered := map[assurance.ID]bool{}
	for _, s := range assurance.Scopes() {
		list := s.Requirements()
		if len(list) == 0 || s.Axis() == "" {
			t.Errorf("scope %q is empty", s)
		}
		for _, r := range list {
			covered[r.ID] = true
			if r.Section.Axis != s.Axis() {
				t.Errorf("scope %q on %s contains %s on %s", s, s.Axis(), r.ID, r.Section.Axis)
			}
		}
	}
	for _, r := range assurance.Requirements() {
		if !covered[r.ID] {
			t.Errorf("%s is in no scope", r.ID)
		}
	}
	if s := assurance.Scope("unknown"); s.Axis() != "" || s.Requirements() != nil {
		t.Error("an unknown scope has requirements")
	}
}

// ids returns the ids of list.
func ids(list []assurance.Requirement) []assurance.ID {
	out := make([]assurance.ID, len(list))
	for i, r := range list {
		out[i] = r.ID
	}
	return slices.Clip(out)
}
