package assurance_test

import (
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

func evidenceOf(list []assurance.ID) assurance.Evidence {
	e := assurance.Evidence{}
	for _, id := range list {
		e[id] = "seen for " + string(id)
	}
	return e
}

func TestEvidenceVectors(t *testing.T) {
	cases := readEvidence(t)
	if len(cases) < 10 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		a := c.scope.Assess(evidenceOf(c.has))
		if a.Level != c.level || !slices.Equal(a.Missing, c.lacks) {
			t.Errorf("%s: %v lacking %v; want %v lacking %v", c.where, a.Level, a.Missing, c.level, c.lacks)
		}
		if a.Scope != c.scope || a.Axis != c.scope.Axis() {
			t.Errorf("%s: assessed %s on %s", c.where, a.Scope, a.Axis)
		}
	}
}

func TestAssessmentRestsOnAllItsRequirements(t *testing.T) {
	for _, s := range assurance.Scopes() {
		all := ids(s.Requirements())
		full := s.Assess(evidenceOf(all))
		if full.Level != assurance.High || full.Missing != nil || len(full.Fulfilled) != len(all) {
			t.Errorf("%s with everything: %v", s, full)
		}
		for i, id := range all {
			if full.Fulfilled[i] != (assurance.Finding{ID: id, Note: "seen for " + string(id)}) {
				t.Errorf("%s: finding %d is %+v", s, i, full.Fulfilled[i])
			}
			rest := evidenceOf(all)
			delete(rest, id)
			a := s.Assess(rest)
			r, _ := assurance.Lookup(id)
			if i := slices.IndexFunc(a.Fulfilled, func(f assurance.Finding) bool { return f.ID == id }); i >= 0 {
				// A stricter requirement stands in: then it is named, and its note is used.
				f := a.Fulfilled[i]
				by, ok := assurance.Lookup(f.By)
				if !ok || by.Level <= r.Level || f.Note != rest[f.By] {
					t.Errorf("%s without %s: fulfilled by %+v", s, id, f)
				}
				continue
			}
			if a.Level >= r.Level || !slices.Equal(a.Missing, []assurance.ID{id}) {
				t.Errorf("%s without %s: %v", s, id, a)
			}
		}
	}
}

func TestMoreEvidenceNeverLowersALevel(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	all := ids(assurance.Requirements())
	for range 20 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		e := assurance.Evidence{}
		last := map[assurance.Scope]assurance.Level{}
		for _, id := range all {
			e = e.Join(assurance.Evidence{id: "found", "9.9(9)": "noise"})
			for _, s := range assurance.Scopes() {
				a := s.Assess(e)
				if a.Level < last[s] {
					t.Fatalf("%s: %s lowered %v to %v", s, id, last[s], a.Level)
				}
				last[s] = a.Level
			}
		}
		for s, l := range last {
			if l != assurance.High {
				t.Fatalf("%s: all evidence is only %v", s, l)
			}
		}
	}
}

func FuzzAssessMonotone(f *testing.F) {
	all := ids(assurance.Requirements())
	f.Add([]byte{0xff, 0xff}, []byte{1})
	f.Add([]byte{0x77, 0x07}, []byte{0x88, 0xff, 3})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		pick := func(bits []byte) assurance.Evidence {
			e := assurance.Evidence{}
			for i, id := range all {
				if i/8 < len(bits) && bits[i/8]>>(i%8)&1 == 1 {
					e[id] = "found"
				}
			}
			return e
		}
		one, two := pick(first), pick(second)
		both := one.Join(two)
		if !maps.Equal(both, two.Join(one)) {
			t.Fatal("joining evidence depends on the order")
		}
		for _, s := range assurance.Scopes() {
			if joint := s.Assess(both).Level; joint < max(s.Assess(one).Level, s.Assess(two).Level) {
				t.Fatalf("%s: more evidence gave only %v", s, joint)
			}
		}
	})
}

func TestWhatIsNoEvidence(t *testing.T) {
	blank := assurance.Evidence{}
	for _, r := range assurance.Requirements() {
		blank[r.ID] = ""
	}
	for _, s := range assurance.Scopes() {
		if a := s.Assess(blank); a.Level != assurance.None {
			t.Errorf("%s: empty notes make %v", s, a.Level)
		}
		if a := s.Assess(nil); a.Level != assurance.None || a.Missing == nil {
			t.Errorf("%s: no evidence makes %+v", s, a)
		}
	}
	full := evidenceOf(ids(assurance.Requirements()))
	if a := assurance.Scope("unknown").Assess(full); a.Level != assurance.None {
		t.Errorf("an unknown scope reaches %v", a.Level)
	}
	if joined := full.Join(blank); !maps.Equal(joined, full) {
		t.Error("an empty note displaced evidence")
	}
	if joined := blank.Join(full); !maps.Equal(joined, full) {
		t.Error("an empty note hid evidence")
	}
}

func TestEvidenceValidate(t *testing.T) {
	if err := evidenceOf(ids(assurance.Requirements())).Validate(); err != nil {
		t.Error(err)
	}
	err := assurance.Evidence{"6.2": "min over the chain", "6(3)": "", "6(4)": "file mode 0600"}.Validate()
	if err == nil || !strings.Contains(err.Error(), `no requirement "6.2"`) || !strings.Contains(err.Error(), "6(3)") ||
		strings.Contains(err.Error(), "6(4)") {
		t.Errorf("Validate says %v", err)
	}
}

func TestAssessmentText(t *testing.T) {
	e := evidenceOf([]assurance.ID{"3.1.1(1)", "3.1.1(2)", "3.1.1(3)", "3.1.2(1)", "3.1.2(4)", "3.1.2(3)"})
	a := assurance.NaturalPerson.Assess(e)
	if text := a.String(); !strings.HasPrefix(text, "IAL=Low (natural person); Substantial lacks 3.1.1(4) the applicant accepts") ||
		!strings.Contains(text, "; 3.1.2(8) whoever registers") {
		t.Errorf("prints %q", text)
	}
	full := assurance.IdentityBroker.Assess(evidenceOf(ids(assurance.IdentityBroker.Requirements())))
	if text := full.String(); text != "FAL=High (broker)" {
		t.Errorf("prints %q", text)
	}
	a.Missing = []assurance.ID{"9(9)"} // as read from a record of another version
	if text := a.String(); !strings.HasSuffix(text, "lacks 9(9)") {
		t.Errorf("prints %q", text)
	}
}
