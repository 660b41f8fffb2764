package assurance_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tillid/tillid/assurance"
)

// minima is all 4^3 Minimums.
func minima() []assurance.Minimum {
	var all []assurance.Minimum
	for _, l := range every() {
		all = append(all, assurance.Minimum{LoA: l.FAL, IAL: l.IAL, AAL: l.AAL})
	}
	return all
}

func meets(m assurance.Minimum, l assurance.Levels) bool {
	return l.LoA() >= m.LoA && l.IAL >= m.IAL && l.AAL >= m.AAL
}

func TestMinimumCheck(t *testing.T) {
	for _, m := range minima() {
		for _, l := range every() {
			err := m.Check(l)
			if (err == nil) != meets(m, l) {
				t.Fatalf("%+v against %+v: %v", l, m, err)
			}
			if err == nil {
				continue
			}
			var short *assurance.ShortfallError
			if !errors.As(err, &short) || len(short.Missing) == 0 || short.Wanted != m || short.Got != l {
				t.Fatalf("%+v against %+v: %#v", l, m, err)
			}
			for _, s := range short.Missing {
				if s.Got >= s.Wanted {
					t.Fatalf("%+v against %+v: %+v is no shortfall", l, m, s)
				}
			}
			if short.BrokerLimited() != (l.FAL < m.LoA) {
				t.Fatalf("%+v against %+v: BrokerLimited is %t", l, m, short.BrokerLimited())
			}
		}
	}
}

func TestMinimumJoinAndNeeds(t *testing.T) {
	for _, m := range minima() {
		ial, aal := m.Needs()
		for _, l := range every() {
			if meets(m, l) && (l.IAL < ial || l.AAL < aal) {
				t.Fatalf("%+v meets %+v without what it needs", l, m)
			}
			if l.IAL >= ial && l.AAL >= aal && l.FAL == assurance.High && !meets(m, l) {
				t.Fatalf("%+v has what %+v needs and does not meet it", l, m)
			}
		}
		for _, o := range minima() {
			j := m.Join(o)
			if j != o.Join(m) || m.Join(m) != m {
				t.Fatalf("join of %+v and %+v is not a join", m, o)
			}
			for _, l := range every() {
				if (j.Check(l) == nil) != (meets(m, l) && meets(o, l)) {
					t.Fatalf("%+v against %+v joined with %+v", l, m, o)
				}
			}
		}
	}
}

func TestMinimumText(t *testing.T) {
	for _, c := range []struct {
		m          assurance.Minimum
		text, json string
	}{
		{assurance.Minimum{}, "nothing", `{}`},
		{assurance.Minimum{LoA: assurance.Substantial}, "Substantial", `{"loa":"Substantial"}`},
		{assurance.Minimum{IAL: assurance.High}, "IAL=High", `{"ial":"High"}`},
		{assurance.Minimum{LoA: assurance.Low, IAL: assurance.High, AAL: assurance.Substantial},
			"LoA=Low, IAL=High, AAL=Substantial", `{"loa":"Low","ial":"High","aal":"Substantial"}`},
	} {
		if got := c.m.String(); got != c.text {
			t.Errorf("%#v prints %q, want %q", c.m, got, c.text)
		}
		data, err := json.Marshal(c.m)
		if err != nil || string(data) != c.json {
			t.Errorf("%v marshals to %s, %v; want %s", c.m, data, err, c.json)
		}
		var back assurance.Minimum
		if err := json.Unmarshal(data, &back); err != nil || back != c.m {
			t.Errorf("%s reads as %v, %v", data, back, err)
		}
	}
	var m assurance.Minimum
	if err := json.Unmarshal([]byte(`{"loa":"Medium"}`), &m); err == nil || m.LoA != assurance.None {
		t.Errorf("an unknown word reads as %v, %v", m, err)
	}
}
