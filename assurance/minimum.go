package assurance

import (
	"fmt"
	"strings"
)

// Axis names what a level is measured on.
type Axis string

// The axes of NSIS 2.0.2a, and LoA, their minimum.
const (
	LoA Axis = "LoA"
	IAL Axis = "IAL"
	AAL Axis = "AAL"
	FAL Axis = "FAL"
)

// Minimum is the least that is acceptable, per axis. The zero value of an axis asks nothing of it; the zero Minimum is
// met by everybody and is therefore never a relying party's whole requirement.
type Minimum struct {
	LoA Level `json:"loa,omitempty"`
	IAL Level `json:"ial,omitempty"`
	AAL Level `json:"aal,omitempty"`
}

// String names the levels that are asked for: "Substantial" where LoA says it all, otherwise each axis, such as
// "LoA=Low, IAL=High". The zero Minimum is "nothing".
func (m Minimum) String() string {
	if m == (Minimum{LoA: m.LoA}) && m.LoA != None {
		return m.LoA.String()
	}
	var parts []string
	for _, a := range m.axes(Levels{}) {
		if a.Wanted != None {
			parts = append(parts, fmt.Sprintf("%s=%v", a.Axis, a.Wanted))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// Check returns nil when l meets m, and otherwise a *ShortfallError that names every axis that falls short.
func (m Minimum) Check(l Levels) error {
	var short []Shortfall
	for _, a := range m.axes(l) {
		if a.Got < a.Wanted {
			short = append(short, a)
		}
	}
	if short == nil {
		return nil
	}
	return &ShortfallError{Wanted: m, Got: l, Missing: short}
}

// axes pairs what m wants with what l has, on the axes that m can name.
func (m Minimum) axes(l Levels) [3]Shortfall {
	return [...]Shortfall{
		{LoA, m.LoA, l.LoA()},
		{IAL, m.IAL, l.IAL.reached()},
		{AAL, m.AAL, l.AAL.reached()},
	}
}

// Join returns the Minimum that is met exactly when both m and o are met.
func (m Minimum) Join(o Minimum) Minimum {
	return Minimum{LoA: max(m.LoA, o.LoA), IAL: max(m.IAL, o.IAL), AAL: max(m.AAL, o.AAL)}
}

// Needs returns the IAL and AAL that a person must reach for m to be met, whatever the broker's own level.
func (m Minimum) Needs() (ial, aal Level) { return max(m.LoA, m.IAL), max(m.LoA, m.AAL) }

// weakest returns the levels that meet m and are, on every axis, no stronger than any other levels that do.
func (m Minimum) weakest() Levels {
	ial, aal := m.Needs()
	return Levels{IAL: ial, AAL: aal, FAL: m.LoA}
}

// impliedBy reports whether whatever meets o also meets m. It compares what the two need and not their fields, since
// LoA=Low, IAL=Low says no more than LoA=Low.
func (m Minimum) impliedBy(o Minimum) bool {
	mine, theirs := m.weakest(), o.weakest()
	return mine.IAL <= theirs.IAL && mine.AAL <= theirs.AAL && mine.FAL <= theirs.FAL
}

// Shortfall is one axis on which an authentication is not what was wanted.
type Shortfall struct {
	Axis   Axis
	Wanted Level
	Got    Level
}

// ShortfallError says that an authentication does not meet what was asked, and why.
type ShortfallError struct {
	Wanted     Minimum
	Got        Levels
	Missing    []Shortfall // never empty
	Comparison Comparison  // how Wanted was compared; zero is AtLeast: the authentication is too weak
}

// Error names every axis that falls short, such as "LoA is Low, Substantial is required"; where the comparison was
// another than AtLeast it says so: "LoA is High, exactly Low is required".
func (e *ShortfallError) Error() string {
	parts := make([]string, len(e.Missing))
	for i, s := range e.Missing {
		if s.Wanted == None { // asked for by a spelling that nobody knows
			parts[i] = fmt.Sprintf("%s is %v, an unknown level is required", s.Axis, s.Got)
			continue
		}
		parts[i] = fmt.Sprintf("%s is %v, %s%v is required", s.Axis, s.Got, e.Comparison.prefix(), s.Wanted)
	}
	return "assurance: " + strings.Join(parts, "; ")
}

// BrokerLimited reports whether the broker's own level is a reason for the shortfall: a person who did everything right
// still could not reach the level here (NSIS 6.2).
func (e *ShortfallError) BrokerLimited() bool {
	return e.Comparison == AtLeast && e.Got.FAL.reached() < e.Wanted.LoA
}
