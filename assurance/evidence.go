package assurance

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Evidence is which requirements are fulfilled, each with a note on how: what an auditor would want to read, such as
// "passport read by NFC, chip signature verified". Where a requirement applies only in a circumstance that did not
// arise, the note says that. Notes end up in audit lines: no CPR number in them.
//
// An empty note is no evidence, and an id that the catalogue does not have counts for nothing. The nil map is no
// evidence at all.
type Evidence map[ID]string

// Join returns what e and o show together. Where both have a note on a requirement, that of e stands.
func (e Evidence) Join(o Evidence) Evidence {
	joined := make(Evidence, len(e)+len(o))
	maps.Copy(joined, o)
	for id, note := range e {
		if note != "" {
			joined[id] = note
		}
	}
	return joined
}

// Validate returns nil when every id is in the catalogue and has a note, and otherwise an error that names each that
// is not or has none. Assess copes with both; Validate is for evidence that is written by hand.
func (e Evidence) Validate() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(e)) {
		if _, ok := Lookup(id); !ok {
			errs = append(errs, fmt.Errorf("assurance: NSIS 2.0.2a has no requirement %.40q", string(id)))
		} else if e[id] == "" {
			errs = append(errs, fmt.Errorf("assurance: no note on how %s is fulfilled", id))
		}
	}
	return errors.Join(errs...)
}

// Assessment is the level that evidence amounts to within a scope, and how it came about. The zero Assessment
// establishes nothing.
type Assessment struct {
	Scope Scope `json:"scope"`
	Axis  Axis  `json:"axis"`
	Level Level `json:"level"`
	// Fulfilled is what the level rests on, in the order of the standard. Evidence for requirements of higher levels is
	// not in it.
	Fulfilled []Finding `json:"fulfilled,omitempty"`
	// Missing is what the next level lacks, in the order of the standard; empty at High.
	Missing []ID `json:"missing,omitempty"`
}

// Finding is one fulfilled requirement.
type Finding struct {
	ID   ID     `json:"id"`
	Note string `json:"note"`
	By   ID     `json:"by,omitempty"` // the stricter requirement whose note it is; "" where the requirement has its own
}

// Assess returns the level that e amounts to: the highest of which every requirement is fulfilled, and every
// requirement of the levels below it. More evidence never lowers it. It is None when a requirement of Low is missing,
// and for an unknown scope.
func (s Scope) Assess(e Evidence) Assessment {
	a := Assessment{Scope: s, Axis: s.Axis()}
	required := s.Requirements()
	if len(required) == 0 {
		return a // no requirements are not fulfilled requirements
	}
	found := e.findings()
	for _, l := range all {
		for _, r := range required {
			if _, ok := found[r.ID]; r.Level == l && !ok {
				a.Missing = append(a.Missing, r.ID)
			}
		}
		if a.Missing != nil {
			break
		}
		a.Level = l
	}
	for _, r := range required {
		if r.Level <= a.Level {
			a.Fulfilled = append(a.Fulfilled, found[r.ID])
		}
	}
	return a
}

// findings returns what e shows, the requirements included in stricter ones among it.
func (e Evidence) findings() map[ID]Finding {
	found := map[ID]Finding{}
	// From the highest level down, what a stricter requirement brings is known before the weaker ones are looked at.
	byLevel := slices.SortedStableFunc(slices.Values(Requirements()), func(a, b Requirement) int {
		return cmp.Compare(b.Level, a.Level)
	})
	for _, r := range byLevel {
		if note := e[r.ID]; note != "" {
			found[r.ID] = Finding{ID: r.ID, Note: note}
		}
		f, ok := found[r.ID]
		if !ok {
			continue
		}
		for _, weaker := range r.includes {
			found[weaker] = Finding{ID: weaker, Note: f.Note, By: cmp.Or(f.By, r.ID)}
		}
	}
	return found
}

// Basis returns the assessed level with the reason that a derivation prints for it, such as "proofed at the desk with
// passport".
func (a Assessment) Basis(reason string) Basis { return Basis{Level: a.Level, Reason: reason} }

// String says what was reached and what the next level lacks, such as
// "IAL=Low (natural person); Substantial lacks 3.1.1(4) the applicant accepts the terms and states having read them".
func (a Assessment) String() string {
	text := fmt.Sprintf("%s=%v (%s)", a.Axis, a.Level, a.Scope)
	if len(a.Missing) == 0 {
		return text
	}
	missing := make([]string, len(a.Missing))
	for i, id := range a.Missing {
		missing[i] = string(id)
		if r, ok := Lookup(id); ok {
			missing[i] = r.String()
		}
	}
	return fmt.Sprintf("%s; %v lacks %s", text, a.Level+1, strings.Join(missing, "; "))
}
