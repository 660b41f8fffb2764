package authn

import (
	"cmp"
	"slices"

	"github.com/tillid/tillid/assurance"
)

// Option is one way to reach a level.
type Option struct {
	Combination Combination
	// Ask is what must still be asked for, in order; what the session proves already is left out. Empty: nothing.
	Ask []Use
}

// Plan returns the ways in which a person who holds held can reach want, cheapest first: fewest factors to prove, then
// fewest authenticators, then those that need no device, then the order in which the scheme offers its kinds. What have
// proves already is not asked for again. A way that contains another one whole is left out, so a password that suffices is
// not followed by a code.
//
// Only active authenticators count. Want None is read as Low: every authentication proves something. The result is empty
// when the level is out of reach; Gaps then says what would help.
func (s Scheme) Plan(want assurance.Level, held []Authenticator, have []Use) []Option {
	var out []Option
	for _, c := range s.Combinations {
		if c.AAL < max(want, assurance.Low) {
			continue
		}
		ask := missing(c.Uses, have)
		if !slices.ContainsFunc(ask, func(u Use) bool { return !holds(held, u.Kind) }) {
			out = append(out, Option{Combination: c, Ask: ask})
		}
	}
	slices.SortStableFunc(out, func(a, b Option) int { return s.compare(a.Ask, b.Ask) })
	// Sorted by cost, whatever contains an option comes after it.
	kept := out[:0:0]
	for _, o := range out {
		if !slices.ContainsFunc(kept, func(k Option) bool { return len(missing(k.Ask, o.Ask)) == 0 }) {
			kept = append(kept, o)
		}
	}
	return kept
}

// Gap is a way to a level that is blocked for want of authenticators.
type Gap struct {
	Combination Combination
	Obtain      []Kind // what the person does not hold; empty when everything is held
}

// Gaps returns every row of the table worth want or more with what the person would have to obtain for it, the shortest
// way first.
func (s Scheme) Gaps(want assurance.Level, held []Authenticator) []Gap {
	var out []Gap
	for _, c := range s.Combinations {
		if c.AAL < max(want, assurance.Low) {
			continue
		}
		g := Gap{Combination: c}
		for _, u := range c.Uses {
			if !holds(held, u.Kind) {
				g.Obtain = append(g.Obtain, u.Kind)
			}
		}
		out = append(out, g)
	}
	slices.SortStableFunc(out, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(len(a.Obtain), len(b.Obtain)), s.compare(a.Combination.Uses, b.Combination.Uses))
	})
	return out
}

// Reach is the highest level, at most want, that a person who holds held can reach; None if there is none.
func (s Scheme) Reach(want assurance.Level, held []Authenticator, have []Use) assurance.Level {
	for l := want; l > assurance.None; l-- {
		if len(s.Plan(l, held, have)) > 0 {
			return l
		}
	}
	return assurance.None
}

// compare orders what must be asked for by how much trouble it is to the person.
func (s Scheme) compare(a, b []Use) int {
	fa, da := cost(a)
	fb, db := cost(b)
	return cmp.Or(cmp.Compare(fa, fb), cmp.Compare(len(a), len(b)), cmp.Compare(da, db),
		slices.CompareFunc(a, b, func(x, y Use) int {
			return cmp.Compare(slices.Index(s.Kinds, x.Kind), slices.Index(s.Kinds, y.Kind))
		}))
}

func cost(uses []Use) (factors, devices int) {
	for _, u := range uses {
		factors += u.factors()
		if u.Kind.Factor() == Possession {
			devices++
		}
	}
	return factors, devices
}

func holds(held []Authenticator, k Kind) bool {
	return slices.ContainsFunc(held, func(a Authenticator) bool { return a.Kind == k && a.State == Active })
}
