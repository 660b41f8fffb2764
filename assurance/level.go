// Package assurance answers one question about a person who has logged in: how sure are we?
//
// It holds the three NSIS levels, the axes they are measured on, the arithmetic that joins them into one level of
// assurance, the requirements that a level rests on, and the spellings that levels have on the wire. It speaks no
// protocol, knows no person and imports the standard library only.
//
// The rules are those of NSIS 2.0.2a, the Danish national standard for identity assurance (National Standard for
// Identiteters Sikringsniveauer), which is aligned with eIDAS.
//
// # Deviations
//
// Where this package reads a standard in one of several ways, or differs from it:
//
//   - OIOSAML 2 AssuranceLevel numbers are a policy ([NumberPolicy]), not arithmetic: the reference implementation of
//     OIOSAML writes 3 for High, other sources 4, and the health sector used 4 for what became Substantial. By default
//     High is 3, and 4 is not a level at all.
//   - SAML Core 3.3.2.2.1, comparison "better": stronger than "any one" of the contexts is read as stronger than every
//     one of them, the stricter of the two readings.
//   - SAML Core 3.3.2.2.1, comparison "maximum": "as strong as possible" is not judged here, only that the level does
//     not exceed what was asked for. The level that was reached is never written down to fit.
//   - SAML Core 3.3.2.2.1, no comparison: SAML means "exact", OIOSAML 3 [OIO-SP-06] wants "minimum". The zero
//     [Comparison] is [AtLeast]; an adapter for plain SAML has to say [Exact] itself.
//   - NSIS prints requirements that repeat the level below ("as Substantial"). They are left out of the catalogue, which
//     is why some numbers of the standard's tables are missing.
//   - NSIS does not say that a stricter wording stands in for a weaker one. The catalogue does, where both say the same
//     thing to different degrees ([Requirement.Includes]).
//   - NSIS has no level for "no level". [None] is ours; it is never written on the wire.
package assurance

import "fmt"

// Level is an NSIS level (sikringsniveau). Levels are ordered: None < Low < Substantial < High.
//
// The zero value is None, which asserts nothing: it is what an unknown spelling, a missing proof or a failed check
// amounts to, and it satisfies no requirement. So does a value outside the four, see [Level.Valid].
type Level uint8

// The levels of NSIS 2.0.2a section 1; None is ours and stands for the absence of a level.
const (
	None        Level = iota
	Low               // Lav
	Substantial       // Betydelig
	High              // Høj
)

// beyond compares as stronger than every level and is therefore never reached.
const beyond = High + 1

// Levels in rising order, without None.
var all = [...]Level{Low, Substantial, High}

var words = [...]string{"None", "Low", "Substantial", "High"}

// String returns the English word of the standard: "None", "Low", "Substantial" or "High".
// A value outside the four is printed as "Level(n)".
func (l Level) String() string {
	if int(l) < len(words) {
		return words[l]
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Valid reports whether l is one of the four levels, None included.
func (l Level) Valid() bool { return l <= High }

// reached is l as something that was reached. A value outside the four counts as None, so that a number from nowhere
// never passes for more than High.
func (l Level) reached() Level {
	if !l.Valid() {
		return None
	}
	return l
}

// MarshalText writes the English word. A value outside the four is an error, so that it is never stored.
func (l Level) MarshalText() ([]byte, error) {
	if !l.Valid() {
		return nil, fmt.Errorf("assurance: %v is not a level", l)
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads what MarshalText wrote, in any case ("substantial", "Substantial"). Anything else is an error
// and leaves l at None. Spellings of the wire are read by dialects, not here.
func (l *Level) UnmarshalText(text []byte) error {
	v, err := ParseLevel(string(text))
	*l = v
	return err
}

// ParseLevel reads one of the words that [Level.String] writes, "None" included, in any case: the form of configuration
// and of stored records. Anything else is None and an error. Only ASCII letters are folded.
func ParseLevel(word string) (Level, error) {
	for l, w := range words {
		if sameWord(word, w) {
			return Level(l), nil
		}
	}
	return None, fmt.Errorf("assurance: %.40q is not a level; Low, Substantial and High are", word)
}

// sameWord reports whether a and b differ at most in the case of ASCII letters. Unicode folding would also take
// "\u017fubstantial", with a long s, for a level.
func sameWord(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowered(a[i]) != lowered(b[i]) {
			return false
		}
	}
	return true
}

func lowered(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
