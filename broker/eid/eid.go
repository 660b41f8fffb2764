// Package eid is the connector that logs people in with an eID scheme of our own: it asks for a user ID, finds out which
// of the person's authenticators can reach the level asked for, and carries out their ceremonies.
//
// It renders no page, keeps nothing between calls, and leaves the level arithmetic to assurance, the worth of
// combinations to authn and the counting of attempts to the registry. A person who has not proved anything yet learns
// nothing about whether a user ID exists or what its owner holds: unknown user IDs walk the same way as known ones, to an
// end where no code is right.
package eid

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// Registry is what the connector must know of persons and durably count. Package authn/registry has one.
//
// PersonByUserID, Person and Authenticator answer authn.ErrNotFound where there is nobody and nothing. Reserve and Succeed
// are atomic and durable when they return. Any other error counts as a registry that cannot answer.
type Registry interface {
	// PersonByUserID finds a person by a normalised user ID, with all their authenticators.
	PersonByUserID(ctx context.Context, scheme, userID string) (authn.Person, []authn.Authenticator, error)
	Person(ctx context.Context, id authn.PersonID) (authn.Person, error)
	Authenticators(ctx context.Context, person authn.PersonID) ([]authn.Authenticator, error)
	Authenticator(ctx context.Context, id string) (authn.Authenticator, error)
	// Reserve counts one attempt before it is checked, as authn.Limits decides: *authn.PausedError, authn.ErrBlocked. It
	// counts under any id, whether there is such an authenticator or not, at the same cost: that is how a user ID that
	// nobody has gets its pauses.
	Reserve(ctx context.Context, authenticator string, lane authn.Lane, limits authn.Limits, now time.Time) (authn.Attempts, error)
	// Succeed forgets the lane's failures and raises the authenticator's counter. authn.ErrReplayed when counter is not zero
	// and not above the stored one; of any number of calls with one counter exactly one succeeds. authn.ErrNotFound or
	// authn.ErrBlocked for an authenticator that is gone or no longer active.
	Succeed(ctx context.Context, authenticator string, lane authn.Lane, counter uint64, now time.Time) error
}

// Config is what a Connector is made of.
type Config struct {
	Scheme   authn.Scheme
	Registry Registry
	// Passwords checks passwords; several connectors may share one, and then its limit. Nil makes one with defaults.
	Passwords *authn.Passwords
	// Limits is how often one may be wrong; zero is what the scheme says.
	Limits authn.Limits
	// Secret keys what must be stable but not foreseeable: what an unknown user ID seems to hold, the index of a person, the
	// number to type instead of scanning. At least 32 octets, the same in every process of one broker. When it changes,
	// unknown user IDs change their looks, which somebody who kept a list could notice.
	Secret []byte
	Poll   time.Duration // how often a waiting page asks again; zero is 2 s
	Random io.Reader     // nil is crypto/rand.Reader
	Logger *slog.Logger  // nil discards
}

// Connector implements broker.Connector for one scheme. It is safe for concurrent use.
type Connector struct {
	scheme    authn.Scheme
	registry  Registry
	passwords *authn.Passwords
	limits    authn.Limits
	secret    []byte
	poll      time.Duration
	random    io.Reader
	log       *slog.Logger
}

var _ broker.Connector = (*Connector)(nil)

// New reports every wrong field at once.
func New(c Config) (*Connector, error) {
	var errs []error
	if err := c.Scheme.Check(); err != nil {
		errs = append(errs, fmt.Errorf("eid: Config.Scheme: %w", err))
	}
	if c.Registry == nil {
		errs = append(errs, errors.New("eid: Config.Registry is nil"))
	}
	if len(c.Scheme.Usual) == 0 {
		errs = append(errs, errors.New("eid: Config.Scheme.Usual is empty: unknown user IDs would stand out"))
	}
	for i, set := range c.Scheme.Usual {
		if len(c.Scheme.Plan(0, usable(imagine(set, "")), nil)) == 0 {
			errs = append(errs, fmt.Errorf("eid: Config.Scheme.Usual[%d] cannot log in with what this connector has ceremonies for", i))
		}
	}
	if err := c.Limits.Check(); err != nil {
		errs = append(errs, fmt.Errorf("eid: Config.Limits: %w", err))
	}
	if len(c.Secret) < 32 {
		errs = append(errs, errors.New("eid: Config.Secret is shorter than 32 octets"))
	}
	if c.Poll < 0 {
		errs = append(errs, errors.New("eid: Config.Poll is negative"))
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Passwords == nil {
		p, err := authn.NewPasswords(authn.PasswordConfig{Random: c.Random})
		if err != nil {
			errs = append(errs, fmt.Errorf("eid: Config.Passwords: %w", err))
		}
		c.Passwords = p
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Limits == (authn.Limits{}) {
		c.Limits = c.Scheme.Attempts
	}
	if c.Poll == 0 {
		c.Poll = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Connector{scheme: c.Scheme, registry: c.Registry, passwords: c.Passwords, limits: c.Limits,
		secret: slices.Clone(c.Secret), poll: c.Poll, random: c.Random, log: c.Logger}, nil
}

// Name is the scheme's name.
func (c *Connector) Name() string { return c.scheme.Name }

// Kinds are the kinds of authenticators that can be used here, in the scheme's order: those of the scheme that there is a
// ceremony for. What a person holds beyond them is neither asked for nor offered.
func (c *Connector) Kinds() []authn.Kind {
	var out []authn.Kind
	for _, k := range c.scheme.Kinds {
		if _, ok := ceremonies[k]; ok {
			out = append(out, k)
		}
	}
	return out
}

// Index is the pseudonym under which the transactions that wait for a person's device are filed. It tells nothing about
// the person to who has not got the secret.
func (c *Connector) Index(person authn.PersonID) string {
	return base64.RawURLEncoding.EncodeToString(c.keyed("index", string(person)))
}

// keyed is a value that is stable for one purpose and text, and cannot be foreseen without the secret.
func (c *Connector) keyed(purpose, text string) []byte {
	mac := hmac.New(sha256.New, c.secret)
	for _, s := range [...]string{"eid", c.scheme.Name, purpose, text} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		mac.Write([]byte(s))
	}
	return mac.Sum(nil)
}

// unavailable is a registry that cannot answer: the person may try again, nothing was decided.
func unavailable(err error) error {
	return fmt.Errorf("eid: registry: %w: %w", broker.ErrUnavailable, err)
}
