package authn

import "time"

// State is where an authenticator is in its life.
type State string

// The life cycle: ordered -> active <-> paused, and from anywhere -> blocked or replaced, which are final. The zero value
// is no state, so a half-read record is never usable.
const (
	Ordered  State = "ordered"  // on its way, or waiting to be activated
	Active   State = "active"   // usable
	Paused   State = "paused"   // suspended by its holder or issuer; can be reactivated (NSIS 3.2.3)
	Blocked  State = "blocked"  // revoked for good
	Replaced State = "replaced" // revoked because another took its place
)

// Authenticator is one thing a person holds or knows.
type Authenticator struct {
	ID     string // random UUID
	Person PersonID
	Kind   Kind
	State  State
	Name   string // what its holder calls it; may be empty
	// Verifier is what the ceremony of the kind checks against: a password hash, a code seed, a public key. Its form
	// belongs to the ceremony; stores keep it encrypted.
	Verifier []byte
	// Counter only ever rises: the last time step of which a code was accepted, the last signature counter of an app.
	Counter uint64
	Created time.Time
}
