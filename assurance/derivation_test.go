package assurance_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

func derivation(ial, aal, fal assurance.Level) assurance.Derivation {
	return assurance.Derivation{
		IAL: assurance.Basis{Level: ial, Reason: "proofed at the desk"},
		AAL: assurance.Basis{Level: aal, Reason: "app + PIN"},
		FAL: assurance.Basis{Level: fal, Reason: "this broker"},
	}
}

func TestDerivationSaysWhatLevelsSay(t *testing.T) {
	for _, l := range every() {
		d := derivation(l.IAL, l.AAL, l.FAL)
		if d.Levels() != l || d.LoA() != l.LoA() {
			t.Errorf("%v is about %+v", d, d.Levels())
		}
		limits := map[assurance.Axis]bool{}
		for _, a := range d.Limits() {
			limits[a] = true
		}
		for a, level := range map[assurance.Axis]assurance.Level{assurance.IAL: l.IAL, assurance.AAL: l.AAL, assurance.FAL: l.FAL} {
			if limits[a] != (level == l.LoA() && level != assurance.High) {
				t.Errorf("%v: %s limits it: %t", d, a, limits[a])
			}
		}
		for _, fal := range levels {
			u := d.Under(assurance.Basis{Level: fal, Reason: "next"})
			if u.Levels() != l.Under(fal) {
				t.Errorf("%v under %v is %v", d, fal, u)
			}
			if (u.FAL.Reason == "next") != (fal < l.FAL) {
				t.Errorf("%v under %v gives the reason %q", d, fal, u.FAL.Reason)
			}
		}
	}
}

func TestDerivationJSON(t *testing.T) {
	for _, l := range every() {
		d := derivation(l.IAL, l.AAL, l.FAL)
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back assurance.Derivation
		if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%s reads as %v, %v", data, back, err)
		}
	}
	data, _ := json.Marshal(derivation(assurance.High, assurance.Substantial, assurance.Substantial))
	want := `{"loa":"Substantial","ial":{"level":"High","reason":"proofed at the desk"},` +
		`"aal":{"level":"Substantial","reason":"app + PIN"},"fal":{"level":"Substantial","reason":"this broker"},"limits":["AAL","FAL"]}`
	if string(data) != want {
		t.Errorf("marshals to %s", data)
	}
	if _, err := json.Marshal(derivation(9, 1, 1)); err == nil {
		t.Error("a value outside the levels was stored")
	}
	for _, hostile := range []string{
		`{"loa":"High","ial":{"level":"High"},"aal":{"level":"Low"},"fal":{"level":"High"}}`,
		`{"loa":"High"}`,
		`{"loa":"None","ial":{"level":"Medium"}}`,
		`{"loa":3}`,
		`[]`,
		``,
	} {
		d := derivation(assurance.Low, assurance.Low, assurance.Low)
		if err := d.UnmarshalJSON([]byte(hostile)); err == nil || d != derivation(assurance.Low, assurance.Low, assurance.Low) {
			t.Errorf("%s reads as %v, %v", hostile, d, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	loa := func(l assurance.Level) assurance.Ask { return assurance.Ask{Floor: assurance.Minimum{LoA: l}} }
	for _, c := range []struct {
		name string
		d    assurance.Derivation
		ask  assurance.Ask
		want string
	}{
		{"met", derivation(assurance.High, assurance.Substantial, assurance.High), loa(assurance.Substantial), ""},
		{"AAL", derivation(assurance.High, assurance.Low, assurance.High), loa(assurance.Substantial),
			"Substantial is required, but Low was reached: limited by AAL=Low (app + PIN)"},
		{"broker", derivation(assurance.High, assurance.High, assurance.Substantial), loa(assurance.High),
			"High is required, but Substantial was reached: limited by FAL=Substantial (this broker); " +
				"whoever logs in, no more than Substantial can be asserted through this broker"},
		{"broker and person", derivation(assurance.Low, assurance.High, assurance.Substantial), loa(assurance.High),
			"High is required, but Low was reached: limited by IAL=Low (proofed at the desk) and FAL=Substantial (this broker); " +
				"whoever logs in, no more than Substantial can be asserted through this broker"},
		{"upstream broker", derivation(assurance.High, assurance.High, assurance.High).
			Under(assurance.Basis{Level: assurance.Low, Reason: "login.example"}).
			Under(assurance.Basis{Level: assurance.Substantial, Reason: "this broker"}), loa(assurance.Substantial),
			"Substantial is required, but Low was reached: limited by FAL=Low (login.example); " +
				"whoever logs in, no more than Low can be asserted through login.example"},
		{"broker without a name", assurance.Derivation{IAL: assurance.Basis{Level: assurance.Low}, AAL: assurance.Basis{Level: assurance.Low}},
			assurance.Ask{}, "Low is required, but None was reached: limited by FAL=None; " +
				"whoever logs in, no more than None can be asserted through the broker"},
		{"one axis", derivation(assurance.Substantial, assurance.Substantial, assurance.Low),
			assurance.Ask{Alternatives: []assurance.Minimum{{AAL: assurance.High}}},
			"LoA=Low, AAL=High is required, but Low was reached: limited by AAL=Substantial (app + PIN)"},
		{"too strong", derivation(assurance.High, assurance.High, assurance.High),
			assurance.Ask{Alternatives: []assurance.Minimum{{LoA: assurance.Low}}, Comparison: assurance.Exact},
			"exactly Low is required, but High because IAL=High (proofed at the desk), AAL=High (app + PIN), FAL=High (this broker)"},
		{"unknown spelling", derivation(assurance.High, assurance.High, assurance.High),
			assurance.Ask{Alternatives: []assurance.Minimum{{}}},
			"an unknown level is required, but High because IAL=High (proofed at the desk), AAL=High (app + PIN), FAL=High (this broker)"},
	} {
		if got := c.d.Refusal(c.ask); got != c.want {
			t.Errorf("%s: %q\nwant %q", c.name, got, c.want)
		}
	}
}

// A refusal names an axis exactly when raising the others to High would not help.
func TestRefusalNamesTheLimits(t *testing.T) {
	for _, l := range every() {
		for _, floor := range minima() {
			a := assurance.Ask{Floor: floor}
			text := derivation(l.IAL, l.AAL, l.FAL).Refusal(a)
			if (text == "") != (a.Check(l) == nil) {
				t.Fatalf("%+v against %+v: %q", l, floor, text)
			}
			if text == "" {
				continue
			}
			for axis, only := range map[string]assurance.Levels{
				"by IAL=|and IAL=": {IAL: l.IAL, AAL: assurance.High, FAL: assurance.High},
				"by AAL=|and AAL=": {IAL: assurance.High, AAL: l.AAL, FAL: assurance.High},
				"by FAL=|and FAL=": {IAL: assurance.High, AAL: assurance.High, FAL: l.FAL},
			} {
				if named := containsAny(text, axis); named != (a.Check(only) != nil) {
					t.Fatalf("%+v against %+v: %s named %t: %q", l, floor, axis, named, text)
				}
			}
		}
	}
}

// containsAny reports whether text has one of the words that are separated by bars.
func containsAny(text, words string) bool {
	for _, w := range strings.Split(words, "|") {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
