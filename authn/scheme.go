package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tillid/tillid/assurance"
)

// Scheme is an eID scheme as data: what its people can hold, and what a combination of it is worth.
type Scheme struct {
	Name         string // "mitid", "nemid": the connector's name and the value of the idp claim
	Title        string // "MitID", as shown to people
	Kinds        []Kind // in the order in which they are offered
	Combinations []Combination
	UserIDs      UserIDRule
	Passwords    PasswordRule
	PINs         PINRule
	MinimumAge   int    // years
	MaxApps      int    // active apps a person may have at a time; zero is no limit
	Attempts     Limits // of every authenticator whose secret the server checks
	// Usual are sets of kinds that people of the scheme commonly hold. A user ID that nobody has seems to hold one of them,
	// so the sets must be as varied as those of real people: strangers must not learn which user IDs exist (OWASP ASVS 5.0,
	// 6.3.8).
	Usual [][]Kind
}

// Combination is one row of the table that turns authenticators used together into an AAL.
type Combination struct {
	Uses []Use // in the order in which they are asked for
	AAL  assurance.Level
	Why  string // as it stands in a derivation: "app + PIN or biometrics"
}

// String names the kinds as a sentence would: "password and chip".
func (c Combination) String() string { return names(c.Uses) }

// Check reports everything that is wrong with s, at once: no name, rows that name kinds outside Kinds or one kind twice,
// levels outside the scale, and rows worth Substantial or more that do not cover two categories of factors, which NSIS
// 2.0.2a section 3.2.1 (3) demands.
func (s Scheme) Check() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("authn: scheme: "+format, args...)) }
	if s.Name == "" {
		fail("Name is empty")
	}
	if len(s.Combinations) == 0 {
		fail("Combinations is empty")
	}
	for i, k := range s.Kinds {
		if k.Factor() == "" {
			fail("Kinds[%d]: %q is not a kind", i, k)
		}
	}
	for i, c := range s.Combinations {
		if len(c.Uses) == 0 {
			fail("Combinations[%d]: no uses", i)
		}
		if c.AAL < assurance.Low || !c.AAL.Valid() {
			fail("Combinations[%d]: AAL %v is worth nothing", i, c.AAL)
		}
		for j, u := range c.Uses {
			if !slices.Contains(s.Kinds, u.Kind) {
				fail("Combinations[%d]: %q is not among Kinds", i, u.Kind)
			}
			if slices.ContainsFunc(c.Uses[:j], func(o Use) bool { return o.Kind == u.Kind }) {
				fail("Combinations[%d]: %q twice", i, u.Kind)
			}
			if u.Unlocked && !u.Kind.lockable() {
				fail("Combinations[%d]: %q has no lock", i, u.Kind)
			}
		}
		if c.AAL >= assurance.Substantial && !c.twoFactors() {
			fail("Combinations[%d]: %v needs two factors of different categories", i, c.AAL)
		}
	}
	for i, set := range s.Usual {
		for _, k := range set {
			if !slices.Contains(s.Kinds, k) {
				fail("Usual[%d]: %q is not among Kinds", i, k)
			}
		}
	}
	if err := s.Attempts.Check(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// twoFactors reports whether the uses cover two categories.
func (c Combination) twoFactors() bool {
	for _, u := range c.Uses {
		if u.factors() > 1 || u.Kind.Factor() != c.Uses[0].Kind.Factor() {
			return true
		}
	}
	return false
}

// AAL is what the uses are worth together: the level of the best row that they cover, and that row's Why. Uses beyond the
// row neither help nor harm. Uses that cover no row are worth None, with an empty Why.
func (s Scheme) AAL(uses []Use) (level assurance.Level, why string) {
	for _, c := range s.Combinations {
		if c.AAL > level && len(missing(c.Uses, uses)) == 0 && len(c.Uses) > 0 {
			level, why = c.AAL, c.Why
		}
	}
	return level, why
}

// missing returns the wanted uses that none of have covers, in their order.
func missing(want, have []Use) []Use {
	var out []Use
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h Use) bool { return h.covers(w) }) {
			out = append(out, w)
		}
	}
	return out
}

func names(uses []Use) string {
	parts := make([]string, len(uses))
	for i, u := range uses {
		parts[i] = u.Kind.Name()
	}
	return join(parts)
}

// join writes "a", "a and b" or "a, b and c".
func join(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
