package assurance

import (
	"fmt"
	"slices"
	"strings"
)

// ID names a requirement of NSIS 2.0.2a by section and number, such as "3.1.2(4)" or, for what prose calls NSIS 6.2,
// "6(2)".
type ID string

// Section is a section of NSIS 2.0.2a that holds requirements.
type Section struct {
	Number string // "3.1.2"
	Title  string // in English, such as "Identity proofing, natural person"
	Danish string // as the standard prints it
	Axis   Axis   // IAL, AAL or FAL
}

// Requirement is one requirement of NSIS 2.0.2a. It applies at its level and at every level above.
type Requirement struct {
	ID      ID
	Section Section
	Level   Level  // the lowest level that has it
	Text    string // what it wants, in our words; the Danish text of the standard decides
	// When is the circumstance in which the requirement applies at all, such as "somebody else registers the applicant".
	// Empty means always. Where the circumstance did not arise, evidence says so in its note.
	When string

	includes []ID
}

// Includes lists the weaker requirements that are met by meeting r, because r says the same thing to a stricter
// degree: a mechanism that withstands attackers of high capacity (3.3.1(6)) withstands moderate ones (3.3.1(5)) as
// well. Each requirement names the next weaker one; what that one includes follows.
func (r Requirement) Includes() []ID { return slices.Clone(r.includes) }

// String returns the id and the text, such as "3.2.1(1) uses at least one authentication factor".
func (r Requirement) String() string { return fmt.Sprintf("%s %s", r.ID, r.Text) }

// Requirements returns the whole catalogue in the order of the standard. The slice is the caller's own.
func Requirements() []Requirement {
	var list []Requirement
	for _, c := range catalogue {
		list = append(list, c.requirements()...)
	}
	return list
}

// Lookup returns the requirement that id names, and false when the catalogue has none. Ids match to the letter.
func Lookup(id ID) (Requirement, bool) {
	number, _, _ := strings.Cut(string(id), "(")
	for _, c := range catalogue {
		if c.Number != number {
			continue
		}
		for _, r := range c.requirements() {
			if r.ID == id {
				return r, true
			}
		}
	}
	return Requirement{}, false
}

// chapter is one section of the catalogue and its rows.
type chapter struct {
	Section
	rows []row
}

// row is a requirement as it stands in the catalogue's tables.
type row struct {
	number   string
	level    Level
	text     string
	when     string
	includes []ID
}

func (c chapter) requirements() []Requirement {
	list := make([]Requirement, len(c.rows))
	for i, r := range c.rows {
		list[i] = Requirement{
			ID:       ID(c.Number + "(" + r.number + ")"),
			Section:  c.Section,
			Level:    r.level,
			Text:     r.text,
			When:     r.when,
			includes: r.includes,
		}
	}
	return list
}

// catalogue is NSIS 2.0.2a, sections 3 to 6, in order.
var catalogue = slices.Concat(identityChapters[:], meansChapters[:], organisationChapters[:], bindingChapters[:], brokerChapters[:])

// Scope is what is being assessed: it fixes which sections count and on which axis. The set is closed, so that nobody
// assesses against fewer requirements than the standard has.
type Scope string

// The scopes of NSIS 2.0.2a.
const (
	NaturalPerson  Scope = "natural person" // IAL: 3.1.1 and 3.1.2
	LegalEntity    Scope = "legal entity"   // IAL: 3.1.1 and 3.1.3
	Professional   Scope = "professional"   // IAL: 3.1.1, 3.1.2 and the binding to the legal entity, 5.2
	Authentication Scope = "authentication" // AAL: the means, 3.2, and the mechanism, 3.3
	IdentityBroker Scope = "broker"         // FAL: the organisation, 4.1, and the broker, 6
)

var scopes = [...]struct {
	scope    Scope
	axis     Axis
	sections []string
}{
	{NaturalPerson, IAL, []string{"3.1.1", "3.1.2"}},
	{LegalEntity, IAL, []string{"3.1.1", "3.1.3"}},
	{Professional, IAL, []string{"3.1.1", "3.1.2", "5.2"}},
	{Authentication, AAL, []string{"3.2.1", "3.2.2", "3.2.3", "3.2.4", "3.3.1"}},
	{IdentityBroker, FAL, []string{"4.1.1", "4.1.2", "4.1.3", "4.1.4", "4.1.5", "4.1.6", "4.1.7", "6"}},
}

// Scopes returns every scope. The slice is the caller's own.
func Scopes() []Scope {
	list := make([]Scope, len(scopes))
	for i, s := range scopes {
		list[i] = s.scope
	}
	return list
}

// Axis returns the axis that s is measured on, "" for an unknown scope.
func (s Scope) Axis() Axis {
	for _, sc := range scopes {
		if sc.scope == s {
			return sc.axis
		}
	}
	return ""
}

// Requirements returns the requirements of every level that s is assessed against, in the order of the standard; nil
// for an unknown scope.
func (s Scope) Requirements() []Requirement {
	var list []Requirement
	for _, sc := range scopes {
		if sc.scope != s {
			continue
		}
		for _, c := range catalogue {
			if slices.Contains(sc.sections, c.Number) {
				list = append(list, c.requirements()...)
			}
		}
	}
	return list
}
