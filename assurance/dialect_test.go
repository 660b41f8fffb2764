package assurance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

func TestVectors(t *testing.T) {
	covered := map[assurance.Dialect]map[assurance.Level]bool{}
	for _, v := range readVectors(t) {
		if err := v.policy.Validate(); err != nil {
			t.Errorf("%s: %v", v.where, err)
		}
		spelt, speaks := v.policy.Spell(v.dialect, v.level)
		level, dialect, known := v.policy.Recognise(v.spelling)
		switch v.verb {
		case "both":
			if !speaks || spelt != v.spelling {
				t.Errorf("%s: %s spells %v %q, %t; want %q", v.where, v.dialect, v.level, spelt, speaks, v.spelling)
			}
			if !known || level != v.level || dialect != v.dialect {
				t.Errorf("%s: %q is recognised as %v, %q, %t", v.where, v.spelling, level, dialect, known)
			}
		case "read":
			if !known || level != v.level || dialect != v.dialect || spelt == v.spelling {
				t.Errorf("%s: %q is recognised as %v, %q, %t; %v is spelt %q", v.where, v.spelling, level, dialect, known, v.level, spelt)
			}
		case "write":
			if !speaks || spelt != v.spelling {
				t.Errorf("%s: %s spells %v %q, %t; want %q", v.where, v.dialect, v.level, spelt, speaks, v.spelling)
			}
			if level >= v.level {
				t.Errorf("%s: %q is recognised as %v, not weaker than %v", v.where, v.spelling, level, v.level)
			}
		case "refuse":
			if known || level != assurance.None || dialect != "" {
				t.Errorf("%s: %q is recognised as %v, %q", v.where, v.spelling, level, dialect)
			}
		}
		if covered[v.dialect] == nil {
			covered[v.dialect] = map[assurance.Level]bool{}
		}
		covered[v.dialect][v.level] = true
	}
	for _, d := range assurance.Dialects() {
		if len(covered[d]) != 3 {
			t.Errorf("dialect %s: vectors for %d of 3 levels", d, len(covered[d]))
		}
	}
}

func TestSpellingsAreUnambiguous(t *testing.T) {
	owner := map[string]assurance.Dialect{}
	for _, d := range assurance.Dialects() {
		for _, l := range levels[1:] {
			s, ok := d.Spell(l)
			if !ok || s == "" {
				t.Fatalf("%s does not spell %v", d, l)
			}
			if o, taken := owner[s]; taken && o != d {
				t.Errorf("%q belongs to %s and %s", s, o, d)
			}
			owner[s] = d
			if strings.TrimSpace(s) != s || strings.ContainsAny(s, " \t,") {
				t.Errorf("%q cannot stand in a list separated by blanks", s)
			}
		}
	}
}

func TestNobodySpellsNoLevel(t *testing.T) {
	for _, d := range append(assurance.Dialects(), "", "unknown") {
		for _, l := range []assurance.Level{assurance.None, 4, 255} {
			if s, ok := d.Spell(l); ok || s != "" {
				t.Errorf("%q spells %v %q", d, l, s)
			}
		}
	}
	for _, l := range levels {
		if s, ok := assurance.Dialect("unknown").Spell(l); ok || s != "" {
			t.Errorf("an unknown dialect spells %v %q", l, s)
		}
	}
}

func TestParseDialect(t *testing.T) {
	for _, d := range assurance.Dialects() {
		if got, err := assurance.ParseDialect(string(d)); got != d || err != nil {
			t.Errorf("ParseDialect(%q) = %q, %v", d, got, err)
		}
	}
	for _, name := range []string{"", "NEB", "oiosaml", "neb "} {
		got, err := assurance.ParseDialect(name)
		if got != "" || err == nil || !strings.Contains(err.Error(), "oiosaml3") {
			t.Errorf("ParseDialect(%q) = %q, %v", name, got, err)
		}
	}
}

func TestDialectsBelongToTheCaller(t *testing.T) {
	slices.Reverse(assurance.Dialects())
	if assurance.Dialects()[0] != assurance.NEB {
		t.Error("a caller changed the list of dialects")
	}
}

func TestNumberPolicies(t *testing.T) {
	for low := -1; low <= 6; low++ {
		for sub := -1; sub <= 6; sub++ {
			for high := -1; high <= 6; high++ {
				checkPolicy(t, assurance.NumberPolicy{Low: low, Substantial: sub, High: high})
			}
		}
	}
}

// checkPolicy tests one policy: numbers rise with levels, and what is read is never more than what was written.
func checkPolicy(t *testing.T, p assurance.NumberPolicy) {
	t.Helper()
	valid := p.Validate() == nil
	last := ""
	for _, l := range levels[1:] {
		for _, d := range []assurance.Dialect{assurance.AssuranceLevel, assurance.AssuranceLevelURN} {
			s, ok := p.Spell(d, l)
			if ok != valid {
				t.Fatalf("%+v: valid %t, but spells %v %q", p, valid, l, s)
			}
			if !ok {
				continue
			}
			got, dialect, known := p.Recognise(s)
			again, _ := p.Spell(dialect, got)
			if !known || dialect != d || got > l || again != s {
				t.Fatalf("%+v: %v is spelt %q and read as %v of %q", p, l, s, got, dialect)
			}
			if d == assurance.AssuranceLevel {
				if s < last || s < "2" || s > "4" {
					t.Fatalf("%+v: %v is spelt %q after %q", p, l, s, last)
				}
				last = s
			}
		}
	}
	for _, s := range []string{"0", "1", "2", "3", "4", "5", "-1", "6"} {
		if _, _, known := p.Recognise(s); known && !valid {
			t.Fatalf("%+v is no policy and reads %q", p, s)
		}
	}
	if s, ok := p.Spell(assurance.NEB, assurance.High); !ok || s == "" {
		t.Fatalf("%+v keeps other dialects from spelling", p)
	}
}

func TestNumberPolicyNamesEveryWrongField(t *testing.T) {
	err := assurance.NumberPolicy{Low: 1, Substantial: 5, High: 2}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range []string{"1 for Low", "5 for Substantial", "2 for High is below 5"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.spelling, v.policy.Low, v.policy.Substantial, v.policy.High)
	}
	f.Fuzz(func(t *testing.T, spelling string, low, substantial, high int) {
		p := assurance.NumberPolicy{Low: low, Substantial: substantial, High: high}
		level, dialect, ok := p.Recognise(spelling)
		if !ok {
			if level != assurance.None || dialect != "" {
				t.Fatalf("%q is unknown, but is %v of %q", spelling, level, dialect)
			}
			return
		}
		if level == assurance.None || !level.Valid() {
			t.Fatalf("%q is recognised as %v", spelling, level)
		}
		spelt, speaks := p.Spell(dialect, level)
		again, same, known := p.Recognise(spelt)
		if !speaks || !known || again != level || same != dialect {
			t.Fatalf("%q is %v of %s, spelt %q, which is %v of %s", spelling, level, dialect, spelt, again, same)
		}
		if spelt != spelling && (dialect != assurance.Bare || !strings.EqualFold(spelt, spelling)) {
			t.Fatalf("%q was taken for %q", spelling, spelt)
		}
	})
}
