package authn

import (
	"crypto/hmac"
	"crypto/sha1" // of RFC 6238 devices; collisions do not break HMAC
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"time"
)

// CodeHash is the hash function of a device that shows one-time codes.
type CodeHash uint8

// The hash functions of RFC 6238 that devices in the field use. The zero value is none.
const (
	SHA1 CodeHash = iota + 1
	SHA256
)

const (
	codeName = "totp"
	// CodePeriod is how long a code is shown (RFC 6238 section 5.2).
	CodePeriod = 30 * time.Second
	// CodeDigits is the length of a code.
	CodeDigits = 6
	// codeWindow is how many steps a device's clock may be wrong either way.
	codeWindow = 1
)

// CodeSeed is the secret of a code display or audio code reader (RFC 6238): a code of six digits every 30 seconds. The
// same value is in the device and, encrypted, in the registry; it prints as nothing.
type CodeSeed struct {
	hash CodeHash
	key  []byte
}

// NewCodeSeed makes a seed of a key of 16 to 64 octets (RFC 4226 section 4, R6).
func NewCodeSeed(h CodeHash, key []byte) (CodeSeed, error) {
	if h != SHA1 && h != SHA256 {
		return CodeSeed{}, fmt.Errorf("authn: no such code hash")
	}
	if len(key) < 16 || len(key) > 64 {
		return CodeSeed{}, fmt.Errorf("authn: a code seed has 16 to 64 octets")
	}
	return CodeSeed{h, append([]byte(nil), key...)}, nil
}

// ParseCodeSeed reads the verifier of an authenticator that Verifier wrote.
func ParseCodeSeed(verifier []byte) (CodeSeed, error) {
	f, err := parsePHC(verifier, codeName, []string{"h"}, 1)
	if err != nil {
		return CodeSeed{}, err
	}
	if f.version != 1 || f.params[0].value > uint64(SHA256) {
		return CodeSeed{}, errVerifier
	}
	s, err := NewCodeSeed(CodeHash(f.params[0].value), f.octets[0])
	if err != nil {
		return CodeSeed{}, errVerifier
	}
	return s, nil
}

// Verifier is the form in which the seed is kept.
func (s CodeSeed) Verifier() []byte {
	return phc{name: codeName, version: 1, params: []param{{"h", uint64(s.hash)}}, octets: [][]byte{s.key}}.encode()
}

// Format hides the seed from every verb.
func (s CodeSeed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") } // fmt.State reports no errors of its own

// At returns the code shown at t. A zero seed has none: "".
func (s CodeSeed) At(t time.Time) string { return s.code(step(t)) }

func step(t time.Time) uint64 {
	return uint64(max(t.Unix(), 0)) / uint64(CodePeriod/time.Second)
}

// code is HOTP (RFC 4226 section 5.3) of the step.
func (s CodeSeed) code(step uint64) string {
	var h func() hash.Hash
	switch s.hash {
	case SHA1:
		h = sha1.New
	case SHA256:
		h = sha256.New
	default:
		return ""
	}
	mac := hmac.New(h, s.key)
	var msg [8]byte
	binary.BigEndian.PutUint64(msg[:], step)
	mac.Write(msg[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%0*d", CodeDigits, (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

// Check compares a code with those shown one step before now, now, and one step after, and returns the step it belongs to.
// The caller hands the step on as the authenticator's counter, which must rise: that is what makes a code good for one use.
// used is the counter so far: ErrReplayed when the code belongs to a step that is not later, so that a person can be told
// to wait for the next. ErrWrong when it belongs to none.
func (s CodeSeed) Check(code string, now time.Time, used uint64) (counter uint64, err error) {
	var found, replayed bool
	at := step(now)
	// Every step is compared, so that the time taken does not tell which one matched.
	for n := at - min(at, codeWindow); n <= at+codeWindow; n++ {
		want := s.code(n)
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) != 1 || want == "" {
			continue
		}
		if n <= used {
			replayed = true
			continue
		}
		if !found {
			found, counter = true, n
		}
	}
	switch {
	case found:
		return counter, nil
	case replayed:
		return 0, ErrReplayed
	}
	return 0, ErrWrong
}

// IsCode reports whether s has the form of a code. One that has not need not be counted as an attempt.
func IsCode(s string) bool { return len(s) == CodeDigits && digits(s) == CodeDigits }
