package assurance

import "fmt"

// Comparison says how an asked level is compared with the level reached (SAML Core 2.0 section 3.3.2.2.1).
// The zero value is AtLeast, the only sensible reading of acr_values and the one OIOSAML 3 prescribes.
type Comparison string

// The four comparisons.
const (
	AtLeast Comparison = ""        // "minimum": as strong as asked, or stronger
	Exact   Comparison = "exact"   // just the level asked for
	AtMost  Comparison = "maximum" // no stronger than what was asked for
	Better  Comparison = "better"  // stronger than asked
)

// ParseComparison reads the four words of SAML: "exact", "minimum", "maximum" and "better". Anything else is an error,
// the empty word included, since what an absent attribute means is for the profile to say: exact in SAML Core
// section 3.3.2.2.1, minimum in OIOSAML 3 [OIO-SP-06].
func ParseComparison(word string) (Comparison, error) {
	switch c := Comparison(word); c {
	case "minimum":
		return AtLeast, nil
	case Exact, AtMost, Better:
		return c, nil
	}
	return AtLeast, fmt.Errorf("assurance: %.40q is not a comparison; exact, minimum, maximum and better are", word)
}

// Holds reports whether l satisfies the one alternative asked, read by c; axes that asked leaves at None are not
// compared. It holds for nothing where c is unknown, where asked names no axis at all (an unknown spelling amounts to
// that), or where asked names a value that is no level.
func (c Comparison) Holds(asked Minimum, l Levels) bool {
	if asked == (Minimum{}) {
		return false
	}
	for _, a := range asked.axes(l) {
		if a.Wanted != None && !(a.Wanted.Valid() && c.holds(a.Wanted, a.Got)) {
			return false
		}
	}
	return true
}

func (c Comparison) holds(want, got Level) bool {
	switch c {
	case AtLeast:
		return got >= want
	case Exact:
		return got == want
	case AtMost:
		return None < got && got <= want
	case Better:
		return got > want
	}
	return false
}

// atLeast is the weakest Minimum that could satisfy asked under c; it may be one that nothing meets.
func (c Comparison) atLeast(asked Minimum) Minimum {
	switch c {
	case AtMost:
		return Minimum{} // weaker is better: only the floor keeps it up
	case Better:
		return Minimum{LoA: above(asked.LoA), IAL: above(asked.IAL), AAL: above(asked.AAL)}
	}
	return asked
}

// above is the weakest level that is better than l, and None where nothing is asked.
func above(l Level) Level {
	if l == None {
		return None
	}
	return min(l, High) + 1
}

// prefix is what stands before the level in a sentence.
func (c Comparison) prefix() string {
	switch c {
	case AtLeast:
		return ""
	case Exact:
		return "exactly "
	case AtMost:
		return "at most "
	case Better:
		return "better than "
	}
	return fmt.Sprintf("(by the unknown comparison %.40q) ", string(c))
}
