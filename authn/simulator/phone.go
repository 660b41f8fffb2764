// Package simulator holds the devices that people carry, for the dev profile and for tests: phones, code displays and
// chips that own real keys and do real cryptography, and the seeded people who hold them.
//
// It is not for production: every secret in it follows from this source text, and whoever has that can be any of its
// people. It never speaks to a server; callers carry the messages.
package simulator

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tillid/tillid/authn"
)

// What a phone says instead of signing.
var (
	// ErrNotOnPhone says that the challenge is for an app that is not on this phone.
	ErrNotOnPhone = errors.New("simulator: no such app on this phone")
	// ErrPIN says that the PIN is wrong. It is checked and counted by the phone; the server never hears of it.
	ErrPIN = errors.New("simulator: wrong PIN")
	// ErrNoBiometrics says that several people share the phone, so a fingerprint would not tell which of them is there
	// (seeds/000).
	ErrNoBiometrics = errors.New("simulator: no biometrics on a shared phone")
)

// PhoneConfig is what a phone is made of.
type PhoneConfig struct {
	Random io.Reader    // of signatures; nil is crypto/rand.Reader
	Limits authn.Limits // of wrong PINs, counted in the phone
}

// Phone is a phone with apps on it, one for each of its users. It is safe for concurrent use.
type Phone struct {
	config PhoneConfig
	mu     sync.Mutex
	apps   map[string]*app
}

type app struct {
	key     *ecdsa.PrivateKey
	pin     string
	counter uint64
	wrong   authn.Attempts
}

// NewPhone returns a phone without apps.
func NewPhone(c PhoneConfig) (*Phone, error) {
	if err := c.Limits.Check(); err != nil {
		return nil, err
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &Phone{config: c, apps: map[string]*app{}}, nil
}

// Install puts the app of one authenticator on the phone. The counter is the last one it signed with.
func (p *Phone) Install(authenticator string, key *ecdsa.PrivateKey, pin string, counter uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apps[authenticator] = &app{key: key, pin: pin, counter: counter}
}

// Resume raises the counter of an app whose phone was made anew: the registry remembers the last one it signed with. A
// lower counter, or one for an app that is not on the phone, changes nothing.
func (p *Phone) Resume(authenticator string, counter uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.apps[authenticator]; a != nil {
		a.counter = max(a.counter, counter)
	}
}

// Apps lists the authenticators on the phone, sorted.
func (p *Phone) Apps() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for id := range p.apps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Approve signs a challenge after unlocking. The PIN counts only for UnlockPIN. Wrong PINs pause, and in the end block, the
// app on the phone: *authn.PausedError, authn.ErrBlocked. A challenge that the phone could not show faithfully is refused.
func (p *Phone) Approve(c authn.Challenge, unlock authn.Unlock, pin string, now time.Time) (authn.Approval, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.apps[c.Device]
	if a == nil {
		return authn.Approval{}, ErrNotOnPhone
	}
	if _, err := authn.ParseChallenge(c.Fields()); err != nil {
		return authn.Approval{}, err
	}
	switch unlock {
	case authn.UnlockPIN:
		// A lane of its own: in the phone there are no strangers.
		wrong, err := p.config.Limits.Reserve(a.wrong, "phone", now)
		if err != nil {
			return authn.Approval{}, err
		}
		a.wrong = wrong
		if subtle.ConstantTimeCompare([]byte(pin), []byte(a.pin)) != 1 {
			return authn.Approval{}, ErrPIN
		}
		a.wrong = p.config.Limits.Success(a.wrong)
	case authn.UnlockBiometrics:
		if len(p.apps) > 1 {
			return authn.Approval{}, ErrNoBiometrics
		}
	case authn.UnlockNone:
	default:
		return authn.Approval{}, fmt.Errorf("simulator: no such unlock")
	}
	a.counter++
	digest := sha256.Sum256(c.Message(unlock, a.counter))
	signature, err := ecdsa.SignASN1(p.config.Random, a.key, digest[:])
	if err != nil {
		return authn.Approval{}, fmt.Errorf("simulator: sign: %w", err)
	}
	return authn.Approval{Unlock: unlock, Counter: a.counter, Signature: signature}, nil
}

// Answer approves a challenge as it came from the server, and returns the fields to send back. Its errors are those of
// Approve, or that the challenge cannot be read.
func (p *Phone) Answer(challenge map[string]string, unlock authn.Unlock, pin string, now time.Time) (map[string]string, error) {
	c, err := authn.ParseChallenge(challenge)
	if err != nil {
		return nil, err
	}
	a, err := p.Approve(c, unlock, pin, now)
	if err != nil {
		return nil, err
	}
	fields := a.Fields()
	fields["do"], fields["device"] = "answer", c.Device
	return fields, nil
}
