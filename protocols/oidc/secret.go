package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a client secret in the clear. It masks itself in formatted text, in JSON and in logs.
type Secret string

const maskedSecret = "(secret)"

// minimumSecret is the least length of a client secret. Secrets are kept as a plain digest, which is safe only for what
// nobody can guess.
const minimumSecret = 32

// Digest is what is kept of a secret: its SHA-256 as unpadded base64url.
func (s Secret) Digest() string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// String returns a mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return maskedSecret
}

// Format prints the mask for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) } // fmt.State reports no errors of its own

// MarshalText writes the mask, so that a client that is written out holds no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// sameDigest compares in constant time. An empty digest matches nothing.
func sameDigest(digest string, s Secret) bool {
	return subtle.ConstantTimeCompare([]byte(digest), []byte(s.Digest())) == 1
}
