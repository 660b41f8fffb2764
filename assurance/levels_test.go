package assurance_test

import (
	"testing"

	"github.com/tillid/tillid/assurance"
)

// every is all 4^3 Levels.
func every() []assurance.Levels {
	var all []assurance.Levels
	for _, ial := range levels {
		for _, aal := range levels {
			for _, fal := range levels {
				all = append(all, assurance.Levels{IAL: ial, AAL: aal, FAL: fal})
			}
		}
	}
	return all
}

// atMost reports whether a is on no axis stronger than b.
func atMost(a, b assurance.Levels) bool { return a.IAL <= b.IAL && a.AAL <= b.AAL && a.FAL <= b.FAL }

func TestLoAIsTheWeakestAxis(t *testing.T) {
	for _, l := range every() {
		loa := l.LoA()
		if loa > l.IAL || loa > l.AAL || loa > l.FAL {
			t.Errorf("%+v: LoA %v is stronger than an axis", l, loa)
		}
		if loa != l.IAL && loa != l.AAL && loa != l.FAL {
			t.Errorf("%+v: LoA %v is no axis", l, loa)
		}
	}
}

func TestMeetIsTheMeetOfALattice(t *testing.T) {
	top := assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: assurance.High}
	all := every()
	for _, a := range all {
		if a.Meet(a) != a {
			t.Errorf("not idempotent at %+v", a)
		}
		if a.Meet(top) != a || a.Meet(assurance.Levels{}) != (assurance.Levels{}) {
			t.Errorf("bounds fail at %+v", a)
		}
		for _, b := range all {
			m := a.Meet(b)
			if m != b.Meet(a) {
				t.Errorf("not commutative at %+v, %+v", a, b)
			}
			if m.LoA() != min(a.LoA(), b.LoA()) {
				t.Errorf("LoA of a meet is not the meet of the LoAs at %+v, %+v", a, b)
			}
			if (m == a) != atMost(a, b) {
				t.Errorf("meet and order disagree at %+v, %+v", a, b)
			}
			if atMost(a, b) && a.LoA() > b.LoA() {
				t.Errorf("LoA is not monotone at %+v, %+v", a, b)
			}
			for _, c := range all {
				if m.Meet(c) != a.Meet(b.Meet(c)) {
					t.Fatalf("not associative at %+v, %+v, %+v", a, b, c)
				}
				if atMost(c, a) && atMost(c, b) && !atMost(c, m) {
					t.Fatalf("%+v is a stronger lower bound of %+v and %+v than their meet", c, a, b)
				}
			}
		}
	}
}

func TestUnderRaisesNothing(t *testing.T) {
	for _, l := range every() {
		for _, fal := range levels {
			u := l.Under(fal)
			if u.IAL != l.IAL || u.AAL != l.AAL || u.FAL != min(l.FAL, fal) {
				t.Errorf("%+v under %v is %+v", l, fal, u)
			}
		}
	}
}

func TestValuesOutsideTheLevelsCountAsNone(t *testing.T) {
	high := assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: assurance.High}
	for n := 4; n < 256; n++ {
		stray := assurance.Level(n)
		for _, l := range []assurance.Levels{
			{IAL: stray, AAL: assurance.High, FAL: assurance.High},
			{IAL: assurance.High, AAL: stray, FAL: assurance.High},
			{IAL: assurance.High, AAL: assurance.High, FAL: stray},
			{IAL: stray, AAL: stray, FAL: stray},
		} {
			if l.LoA() != assurance.None || l.Meet(high).LoA() != assurance.None || l.Under(assurance.High).LoA() != assurance.None {
				t.Fatalf("%+v has a LoA", l)
			}
			if (assurance.Ask{}).Check(l) == nil {
				t.Fatalf("%+v passes a check", l)
			}
		}
		if high.Under(stray).LoA() != assurance.None {
			t.Fatalf("a broker of %v asserts something", stray)
		}
		if (assurance.Minimum{IAL: assurance.Low}).Check(assurance.Levels{IAL: stray}) == nil {
			t.Fatalf("IAL %v meets Low", stray)
		}
	}
}
