package simulator

import (
	"crypto/ecdsa"
	"time"

	"github.com/tillid/tillid/authn"
)

// CodeDevice is a code display, or an audio code reader that reads the same kind of code aloud.
type CodeDevice struct {
	Authenticator string // its ID
	Seed          authn.CodeSeed
	Drift         time.Duration // how far its clock is ahead
}

// Code is the code it shows now.
func (d CodeDevice) Code(now time.Time) string { return d.Seed.At(now.Add(d.Drift)) }

// Chip is a security key as a browser's virtual authenticator needs it.
type Chip struct {
	Authenticator string // its ID
	Credential    []byte // credential id, 32 octets
	Key           *ecdsa.PrivateKey
	SignCount     uint32
}
