package assurance_test

import (
	"errors"
	"math/rand"
	"testing"

	"github.com/tillid/tillid/assurance"
)

var comparisons = []assurance.Comparison{assurance.AtLeast, assurance.Exact, assurance.AtMost, assurance.Better}

// compare is SAML Core 3.3.2.2.1 for one axis, spelt out.
func compare(c assurance.Comparison, want, got assurance.Level) bool {
	return want == assurance.None ||
		c == assurance.AtLeast && got >= want ||
		c == assurance.Exact && got == want ||
		c == assurance.AtMost && got <= want && got >= assurance.Low ||
		c == assurance.Better && got > want
}

func holds(c assurance.Comparison, alt assurance.Minimum, l assurance.Levels) bool {
	return alt != (assurance.Minimum{}) &&
		compare(c, alt.LoA, l.LoA()) && compare(c, alt.IAL, l.IAL) && compare(c, alt.AAL, l.AAL)
}

// accepts is what Ask promises, by definition and without cleverness.
func accepts(a assurance.Ask, l assurance.Levels) bool {
	if l.LoA() == assurance.None || !meets(a.Floor, l) {
		return false
	}
	met := 0
	for _, alt := range a.Alternatives {
		if holds(a.Comparison, alt, l) {
			met++
		}
	}
	switch {
	case len(a.Alternatives) == 0:
		return true
	case a.Comparison == assurance.Better:
		return met == len(a.Alternatives)
	}
	return met > 0
}

// promises checks everything that Ask promises, against all levels there are.
func promises(t *testing.T, a assurance.Ask) {
	t.Helper()
	var accepted []assurance.Levels
	for _, l := range every() {
		ok := accepts(a, l)
		if ok {
			accepted = append(accepted, l)
		}
		if err := a.Check(l); (err == nil) != ok {
			t.Fatalf("%+v: Check(%+v) = %v", a, l, err)
		}
		i, err := a.Pick(l)
		switch {
		case (err == nil) != ok:
			t.Fatalf("%+v: Pick(%+v) = %d, %v", a, l, i, err)
		case !ok || len(a.Alternatives) == 0:
			if i != -1 {
				t.Fatalf("%+v: Pick(%+v) = %d", a, l, i)
			}
		default:
			picksTheFirst(t, a, l, i)
		}
	}
	weakestWins(t, a, accepted)
	for _, l := range every() {
		if err := a.Check(l); err != nil {
			explains(t, a, l, accepted, err)
		}
	}
}

func picksTheFirst(t *testing.T, a assurance.Ask, l assurance.Levels, picked int) {
	t.Helper()
	for i, alt := range a.Alternatives {
		if i < picked && holds(a.Comparison, alt, l) || i == picked && !holds(a.Comparison, alt, l) {
			t.Fatalf("%+v: Pick(%+v) = %d", a, l, picked)
		}
		// What is asserted is l, so it must not be less than any alternative that it satisfies.
		if a.Comparison != assurance.AtMost && holds(a.Comparison, alt, l) && !meets(alt, l) {
			t.Fatalf("%+v: %+v yields less than the satisfied alternative %d", a, l, i)
		}
	}
}

// weakestWins checks Least and Validate against the levels that are accepted.
func weakestWins(t *testing.T, a assurance.Ask, accepted []assurance.Levels) {
	t.Helper()
	least := a.Least()
	if (a.Validate() == nil) != (len(accepted) > 0) {
		t.Fatalf("%+v accepts %d levels, Validate says %v", a, len(accepted), a.Validate())
	}
	if len(accepted) == 0 {
		for _, l := range every() {
			if least.Check(l) == nil {
				t.Fatalf("%+v accepts nothing, but %+v meets its Least %+v", a, l, least)
			}
		}
		return
	}
	if !least.LoA.Valid() || !meets(a.Floor, weakest(least)) || !accepts(a, weakest(least)) {
		t.Fatalf("%+v: what just meets Least %+v is not accepted", a, least)
	}
	for _, l := range accepted {
		if l != weakest(least) && atMost(l, weakest(least)) {
			t.Fatalf("%+v: Least %+v, but the weaker %+v is accepted", a, least, l)
		}
		if len(a.Alternatives) < 2 && least.Check(l) != nil {
			t.Fatalf("%+v: accepts %+v, which does not meet Least %+v", a, l, least)
		}
	}
}

func weakest(m assurance.Minimum) assurance.Levels {
	ial, aal := m.Needs()
	return assurance.Levels{IAL: ial, AAL: aal, FAL: m.LoA}
}

// explains checks the error for refused levels: what it wants has to be something that would have helped.
func explains(t *testing.T, a assurance.Ask, l assurance.Levels, accepted []assurance.Levels, err error) {
	t.Helper()
	var short *assurance.ShortfallError
	if !errors.As(err, &short) || len(short.Missing) == 0 || short.Got != l {
		t.Fatalf("%+v: %+v is refused with %#v", a, l, err)
	}
	below := meets(a.Floor, l) && l.LoA() != assurance.None
	if below && len(accepted) > 0 && short.Comparison == assurance.AtLeast {
		if meets(short.Wanted, l) || !accepts(a, weakest(short.Wanted)) {
			t.Fatalf("%+v: %+v is told to reach %v, which is no help", a, l, short.Wanted)
		}
	}
	if short.Comparison != assurance.AtLeast {
		for _, ok := range accepted {
			if ok != l && atMost(l, ok) {
				t.Fatalf("%+v: %+v could reach %+v, but is told %v", a, l, ok, err)
			}
		}
	}
}

func TestAskWithOneAlternative(t *testing.T) {
	for _, floor := range minima() {
		promises(t, assurance.Ask{Floor: floor})
		for _, alt := range minima() {
			for _, c := range comparisons {
				promises(t, assurance.Ask{Floor: floor, Alternatives: []assurance.Minimum{alt}, Comparison: c})
			}
		}
	}
}

func TestAskWithTwoLevels(t *testing.T) {
	for _, floor := range minima() {
		for _, first := range levels[1:] {
			for _, second := range levels[1:] {
				for _, c := range comparisons {
					promises(t, assurance.Ask{Floor: floor, Alternatives: []assurance.Minimum{{LoA: first}, {LoA: second}}, Comparison: c})
				}
			}
		}
	}
}

func TestAskWithManyAlternatives(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	all := minima()
	for range 5000 {
		a := assurance.Ask{Floor: all[random.Intn(len(all))], Comparison: comparisons[random.Intn(len(comparisons))]}
		for range 2 + random.Intn(3) {
			alt := all[1+random.Intn(len(all)-1)]
			a.Alternatives = append(a.Alternatives, alt)
		}
		promises(t, a)
	}
}

func TestARequestCannotLowerTheFloor(t *testing.T) {
	floor := assurance.Minimum{LoA: assurance.Substantial}
	low := assurance.Levels{IAL: assurance.High, AAL: assurance.Low, FAL: assurance.High}
	for _, c := range comparisons {
		a := assurance.Ask{Floor: floor, Alternatives: []assurance.Minimum{{LoA: assurance.Low}}, Comparison: c}
		if a.Check(low) == nil {
			t.Errorf("asking for Low by %q went below the floor", c)
		}
	}
}

func TestAskRefusesWhatIsNoLevel(t *testing.T) {
	high := assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: assurance.High}
	for name, a := range map[string]assurance.Ask{
		"unknown spelling":           {Alternatives: []assurance.Minimum{{}}},
		"unknown beside known":       {Alternatives: []assurance.Minimum{{}, {LoA: 9}}},
		"stray level":                {Alternatives: []assurance.Minimum{{LoA: 9}}},
		"stray level as an upper":    {Alternatives: []assurance.Minimum{{AAL: 9}}, Comparison: assurance.AtMost},
		"stray level, better":        {Alternatives: []assurance.Minimum{{AAL: 255}}, Comparison: assurance.Better},
		"stray floor":                {Floor: assurance.Minimum{IAL: 4}},
		"unknown comparison":         {Alternatives: []assurance.Minimum{{LoA: assurance.Low}}, Comparison: "minimum"},
		"better than High":           {Alternatives: []assurance.Minimum{{LoA: assurance.High}}, Comparison: assurance.Better},
		"unknown under a comparison": {Alternatives: []assurance.Minimum{{}}, Comparison: assurance.Better},
	} {
		if err := a.Check(high); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if a.Validate() == nil {
			t.Errorf("%s: Validate is content", name)
		}
		if a.Least().Check(high) == nil {
			t.Errorf("%s: Least %v is met", name, a.Least())
		}
	}
}

func TestShortfallText(t *testing.T) {
	sub := assurance.Levels{IAL: assurance.High, AAL: assurance.Substantial, FAL: assurance.High}
	for _, c := range []struct {
		comparison assurance.Comparison
		want       []assurance.Minimum
		text       string
	}{
		{assurance.AtLeast, []assurance.Minimum{{LoA: assurance.High}}, "assurance: LoA is Substantial, High is required"},
		{assurance.AtLeast, []assurance.Minimum{{LoA: assurance.High, AAL: assurance.High}},
			"assurance: LoA is Substantial, High is required; AAL is Substantial, High is required"},
		{assurance.AtLeast, []assurance.Minimum{{}}, "assurance: LoA is Substantial, an unknown level is required"},
		{assurance.Exact, []assurance.Minimum{{LoA: assurance.Low}, {LoA: assurance.High}},
			"assurance: LoA is Substantial, High is required"},
		{assurance.Exact, []assurance.Minimum{{LoA: assurance.Low}}, "assurance: LoA is Substantial, exactly Low is required"},
		{assurance.Exact, []assurance.Minimum{{AAL: assurance.Low}}, "assurance: AAL is Substantial, exactly Low is required"},
		{assurance.AtMost, []assurance.Minimum{{IAL: assurance.Low}}, "assurance: IAL is High, at most Low is required"},
		{assurance.Better, []assurance.Minimum{{LoA: assurance.Low}, {IAL: assurance.High}},
			"assurance: IAL is High, better than High is required"},
		{"strange", []assurance.Minimum{{LoA: assurance.Low}},
			`assurance: LoA is Substantial, (by the unknown comparison "strange") Low is required`},
	} {
		err := assurance.Ask{Alternatives: c.want, Comparison: c.comparison}.Check(sub)
		if err == nil || err.Error() != c.text {
			t.Errorf("%q %v: %v, want %s", c.comparison, c.want, err, c.text)
		}
	}
}

func TestComparisonHolds(t *testing.T) {
	for _, c := range comparisons {
		for _, alt := range minima() {
			for _, l := range every() {
				if got := c.Holds(alt, l); got != holds(c, alt, l) {
					t.Fatalf("%q: %+v against %+v: %t", c, l, alt, got)
				}
			}
		}
	}
}

// Where no broker could help, the broker is not the reason.
func TestTheImpossibleIsNotTheBrokersFault(t *testing.T) {
	a := assurance.Ask{Alternatives: []assurance.Minimum{{LoA: assurance.High}}, Comparison: assurance.Better}
	err := a.Check(assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: assurance.Substantial})
	var short *assurance.ShortfallError
	if !errors.As(err, &short) || short.BrokerLimited() {
		t.Errorf("better than High is refused with %v", err)
	}
}

func TestParseComparison(t *testing.T) {
	for word, want := range map[string]assurance.Comparison{
		"minimum": assurance.AtLeast, "exact": assurance.Exact, "maximum": assurance.AtMost, "better": assurance.Better,
	} {
		if got, err := assurance.ParseComparison(word); got != want || err != nil {
			t.Errorf("ParseComparison(%q) = %q, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "Exact", "minimum ", "atleast"} {
		if _, err := assurance.ParseComparison(word); err == nil {
			t.Errorf("ParseComparison(%q) succeeded", word)
		}
	}
}
