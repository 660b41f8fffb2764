package assurance

import (
	"errors"
	"fmt"
)

// Ask is what one request wants of an authentication: a floor that always holds, and alternatives in order of
// preference, read by a comparison.
//
// The floor is the relying party's registered minimum, which no request can lower; the alternatives are what the request
// itself named (acr_values, RequestedAuthnContext). The zero Ask accepts everything that has a level at all.
//
// An alternative that names no axis is never met, so that a spelling nobody knows cannot stand for "anything".
type Ask struct {
	Floor        Minimum    `json:"floor"`
	Alternatives []Minimum  `json:"alternatives,omitempty"` // in order of preference; empty means that the floor is all
	Comparison   Comparison `json:"comparison,omitempty"`   // how the alternatives are read; zero is AtLeast
}

// Validate returns nil when some authentication could satisfy a. Otherwise nobody needs to be asked to log in: the
// error lists every value that is no level, or says that floor, alternatives and comparison exclude each other
// (exactly Low above a floor of Substantial, better than High).
func (a Ask) Validate() error {
	var errs []error
	if !valid(a.Floor) {
		errs = append(errs, fmt.Errorf("assurance: floor %v is not a level", a.Floor))
	}
	for i, alt := range a.Alternatives {
		if !valid(alt) || alt == (Minimum{}) {
			errs = append(errs, fmt.Errorf("assurance: alternative %d (%v) is not a level", i, alt))
		}
	}
	if errs == nil && a.goals() == nil {
		errs = append(errs, fmt.Errorf("assurance: nothing that meets the floor %v is also %s%v",
			a.floor(), a.Comparison.prefix(), a.Alternatives))
	}
	return errors.Join(errs...)
}

func valid(m Minimum) bool { return m.LoA.Valid() && m.IAL.Valid() && m.AAL.Valid() }

// Check returns nil when l meets the floor and at least one alternative, and otherwise a *ShortfallError for the
// weakest thing that would have sufficed. Levels of which the LoA is None never pass.
//
// A planner that knows what a way to log in would reach asks Check about those levels before it offers that way.
func (a Ask) Check(l Levels) error {
	_, err := a.Pick(l)
	return err
}

// Pick returns the index of the first alternative that l meets, -1 where there are no alternatives. Under Better, l has
// to meet all of them. It says which wish was granted; what is asserted is still the level reached, never less.
//
// The error is a *ShortfallError. Its Comparison is AtLeast when l is too weak, and that of a when l is strong enough
// but not what was asked for.
func (a Ask) Pick(l Levels) (int, error) {
	if err := a.floor().Check(l); err != nil {
		return -1, err
	}
	if len(a.Alternatives) == 0 {
		return -1, nil
	}
	if i := a.match(l); i >= 0 {
		return i, nil
	}
	return -1, a.shortfall(l)
}

// Least returns the weakest Minimum that satisfies a: the floor joined with the weakest alternative that the floor
// allows, the first of them where several are weakest on different axes. It is what a planner must aim for at least.
// Where nothing can satisfy a (Validate says why), it is a Minimum that nothing meets.
func (a Ask) Least() Minimum {
	if goals := a.goals(); goals != nil {
		return least(goals)
	}
	return Minimum{LoA: beyond}
}

// floor is the registered minimum; beneath it lies that a level is asserted at all.
func (a Ask) floor() Minimum { return a.Floor.Join(Minimum{LoA: Low}) }

// match returns the index of the first alternative that l satisfies, -1 when there is none.
func (a Ask) match(l Levels) int {
	found := -1
	for i, alt := range a.Alternatives {
		holds := a.Comparison.Holds(alt, l)
		if a.Comparison == Better {
			// "Stronger than any one of" the contexts is read as stronger than each.
			if !holds {
				return -1
			}
			found = 0
		} else if holds {
			return i
		}
	}
	return found
}

// goals returns what satisfies a at the weakest, once for each alternative that can be satisfied at all; nil when
// nothing can. The weakest levels that a goal allows decide whether it can: AtLeast and Better only ask for more, and
// where Exact or AtMost refuses the weakest for being too strong, it refuses all the others as well.
func (a Ask) goals() []Minimum {
	candidates := []Minimum{a.floor()}
	switch {
	case len(a.Alternatives) == 0:
	case a.Comparison == Better:
		for _, alt := range a.Alternatives {
			candidates[0] = candidates[0].Join(a.Comparison.atLeast(alt))
		}
	default:
		candidates = nil
		for _, alt := range a.Alternatives {
			candidates = append(candidates, a.floor().Join(a.Comparison.atLeast(alt)))
		}
	}
	var goals []Minimum
	for _, m := range candidates {
		w := m.weakest()
		if m.Check(w) == nil && (len(a.Alternatives) == 0 || a.match(w) >= 0) {
			goals = append(goals, m)
		}
	}
	return goals
}

// least returns the first of goals that no other undercuts.
func least(goals []Minimum) Minimum {
	m := goals[0]
	for _, g := range goals[1:] {
		if g.impliedBy(m) && !m.impliedBy(g) {
			m = g
		}
	}
	return m
}

// shortfall explains why l, which meets the floor, satisfies no alternative.
func (a Ask) shortfall(l Levels) error {
	var above []Minimum
	for _, g := range a.goals() {
		if g.Check(l) != nil {
			above = append(above, g)
		}
	}
	if above != nil {
		return least(above).Check(l)
	}
	// Strong enough for everything that can be satisfied, but not what was asked for.
	wanted := a.Alternatives[0]
	for _, alt := range a.Alternatives {
		if !a.Comparison.Holds(alt, l) { // only Better can fail on another than the first
			wanted = alt
			break
		}
	}
	e := &ShortfallError{Wanted: wanted, Got: l, Comparison: a.Comparison}
	for _, s := range wanted.axes(l) {
		if s.Wanted != None && !a.Comparison.holds(s.Wanted, s.Got) {
			e.Missing = append(e.Missing, s)
		}
	}
	if e.Missing == nil {
		e.Missing = []Shortfall{{LoA, wanted.LoA, l.LoA()}} // the alternative names no level
	}
	return e
}
