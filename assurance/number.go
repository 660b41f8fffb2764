package assurance

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// NumberPolicy says which OIOSAML 2 AssuranceLevel (1 to 4, dk:gov:saml:attribute:AssuranceLevel, also used with OCES
// certificates) stands for which level. It is policy because the sources disagree on High: the OIOSAML.Java reference
// implementation writes 3, the Agency for Digital Government's text for registration units and Safewhere write 4, and
// the health sector, which had required 4, moved to Substantial.
//
// A zero field takes its default. Two levels may share a number; the number then stands for the weaker of the two. A
// number that no level has is not a level: 4 by default, and always 1, which says that people registered themselves.
type NumberPolicy struct {
	Low         int `json:"low,omitempty"`         // default 2
	Substantial int `json:"substantial,omitempty"` // default 3
	High        int `json:"high,omitempty"`        // default as Substantial
}

// Validate returns nil when every number is between 2 and 4 and a stronger level never has a smaller number than a
// weaker one, and otherwise an error that names each wrong field.
func (p NumberPolicy) Validate() error {
	var errs []error
	n := p.numbers()
	for i, v := range n {
		if v < 2 || v > 4 {
			errs = append(errs, fmt.Errorf("assurance: number %d for %v is not between 2 and 4", v, all[i]))
		}
		if i > 0 && v < n[i-1] {
			errs = append(errs, fmt.Errorf("assurance: number %d for %v is below %d for %v", v, all[i], n[i-1], all[i-1]))
		}
	}
	return errors.Join(errs...)
}

// numbers returns the numbers of Low, Substantial and High, defaults filled in.
func (p NumberPolicy) numbers() [3]int {
	n := [...]int{p.Low, p.Substantial, p.High}
	for i, d := range [...]int{2, 3, 0} {
		if n[i] == 0 {
			n[i] = d
		}
	}
	if n[2] == 0 {
		n[2] = n[1]
	}
	return n
}

// Spell is [Dialect.Spell] with numbers by p. A policy that Validate refuses spells no numbers.
func (p NumberPolicy) Spell(d Dialect, l Level) (string, bool) {
	if l == None || !l.Valid() {
		return "", false
	}
	for _, s := range spellings {
		if s.dialect == d {
			words, ok := p.words(s.words)
			if !ok {
				break
			}
			return s.prefix + words[l-1], true
		}
	}
	return "", false
}

// Recognise is [Recognise] with numbers by p. What Spell wrote is recognised as the same level, or as the weaker of
// the levels that share the number. A policy that Validate refuses recognises no numbers.
func (p NumberPolicy) Recognise(spelling string) (Level, Dialect, bool) {
	for _, s := range spellings {
		rest, ok := strings.CutPrefix(spelling, s.prefix)
		if !ok {
			continue
		}
		words, ok := p.words(s.words)
		if !ok {
			continue
		}
		for i, w := range words {
			if rest == w {
				return all[i], s.dialect, true
			}
		}
	}
	for i, w := range title {
		if sameWord(spelling, w) {
			return all[i], Bare, true
		}
	}
	return None, "", false
}

// words returns w, or the numbers of p where a dialect has no words of its own; false when p is not a policy.
func (p NumberPolicy) words(w [3]string) ([3]string, bool) {
	if w != ([3]string{}) {
		return w, true
	}
	if p.Validate() != nil {
		return w, false
	}
	for i, n := range p.numbers() {
		w[i] = strconv.Itoa(n)
	}
	return w, true
}
