package authn

import "github.com/tillid/tillid/assurance"

// PersonID names a person inside one installation: a random UUID that is never given to a relying party.
type PersonID string

// PersonState says whether a person may authenticate at all.
type PersonState string

// The states of a person. The zero value is not a state, so a half-read record never passes as active.
const (
	PersonActive  PersonState = "active"
	PersonBlocked PersonState = "blocked" // the whole eID is blocked, by its holder or by its issuer
	PersonDead    PersonState = "dead"    // NSIS 3.2.3(7): the means are revoked when their owner ceases to exist
)

// Person is somebody whose identity was proofed.
type Person struct {
	ID         PersonID
	State      PersonState
	GivenName  string
	FamilyName string
	BirthDate  Date
	CPR        CPR    // zero: the person has none
	UUID       string // the eID's own lasting identifier (MitID UUID), given only to parties registered for it
	// IAL is how surely the identity was proofed; Proofing says how, in words fit for a derivation ("proofed at the desk").
	IAL      assurance.Level
	Proofing string
	// Protected is name and address protection (navne- og adressebeskyttelse): private parties get neither.
	Protected bool
	Language  string // "da" or "en"; empty is unknown
}

// Name is the full name as registered.
func (p Person) Name() string {
	switch {
	case p.GivenName == "":
		return p.FamilyName
	case p.FamilyName == "":
		return p.GivenName
	}
	return p.GivenName + " " + p.FamilyName
}
