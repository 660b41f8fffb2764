package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
)

// ErrWrong says that what was given does not match: a wrong password, code or signature. It never says which.
var ErrWrong = errors.New("authn: wrong")

// ErrBusy says that as many passwords are being checked as the machine is allowed to; try again later.
var ErrBusy = errors.New("authn: too many passwords are being checked")

// PasswordConfig is how passwords are hashed. The zero value is Argon2id with 19 MiB, two passes and one lane, the least
// that OWASP recommends; RFC 9106 section 4 explains the parameters.
type PasswordConfig struct {
	Memory   uint32        // KiB of a hash, 8 to 1 GiB; zero is 19,456
	Passes   uint32        // at most 16; zero is 2
	Lanes    uint8         // at most 16; zero is 1
	Parallel int           // hashes at a time, each with its Memory; zero is twice the number of processors
	Patience time.Duration // how long one waits for its turn before ErrBusy; zero is 15 ms
	Random   io.Reader     // nil is crypto/rand.Reader
}

// Passwords hashes and checks passwords, so many at a time and no more: a hash costs milliseconds and megabytes on
// purpose, which makes it the cheapest thing to overload a server with. It is safe for concurrent use.
type Passwords struct {
	config PasswordConfig
	slots  chan struct{}
	dummy  []byte // the verifier that nobody's password matches
}

const (
	argon2Name = "argon2id"
	saltLength = 16
	hashLength = 32
)

// NewPasswords reports every field that is out of range at once.
func NewPasswords(c PasswordConfig) (*Passwords, error) {
	if c.Memory == 0 {
		c.Memory = 19 * 1024
	}
	if c.Passes == 0 {
		c.Passes = 2
	}
	if c.Lanes == 0 {
		c.Lanes = 1
	}
	if c.Parallel == 0 {
		c.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	if c.Patience == 0 {
		c.Patience = 15 * time.Millisecond
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	var errs []error
	if !plausible(uint64(c.Memory), uint64(c.Passes), uint64(c.Lanes)) {
		errs = append(errs, errors.New("authn: PasswordConfig: Memory, Passes or Lanes out of range"))
	}
	if c.Parallel < 1 {
		errs = append(errs, errors.New("authn: PasswordConfig.Parallel is negative"))
	}
	if c.Patience < 0 {
		errs = append(errs, errors.New("authn: PasswordConfig.Patience is negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p := &Passwords{config: c, slots: make(chan struct{}, c.Parallel)}
	salt, hash := make([]byte, saltLength), make([]byte, hashLength)
	if _, err := io.ReadFull(c.Random, salt); err != nil {
		return nil, fmt.Errorf("authn: randomness: %w", err)
	}
	if _, err := io.ReadFull(c.Random, hash); err != nil {
		return nil, fmt.Errorf("authn: randomness: %w", err)
	}
	p.dummy = p.encode(salt, hash)
	return p, nil
}

// plausible bounds what a verifier may cost, whoever wrote it.
func plausible(memory, passes, lanes uint64) bool {
	return memory >= 8*lanes && memory <= 1<<20 && passes >= 1 && passes <= 16 && lanes >= 1 && lanes <= 16
}

// PasswordCheck is one turn at checking a password. It must be finished or abandoned.
type PasswordCheck struct{ p *Passwords }

// Begin waits for a turn. ErrBusy: there was none within the configured patience, or ctx ended. Taking the turn before an
// attempt is counted keeps an overloaded server from counting what it never checked.
func (p *Passwords) Begin(ctx context.Context) (*PasswordCheck, error) {
	select {
	case p.slots <- struct{}{}:
		return &PasswordCheck{p}, nil
	default:
	}
	patience := time.NewTimer(p.config.Patience)
	defer patience.Stop()
	select {
	case p.slots <- struct{}{}:
		return &PasswordCheck{p}, nil
	case <-patience.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

// Abandon gives the turn back unused. After Finish it does nothing.
func (c *PasswordCheck) Abandon() {
	if c.p != nil {
		<-c.p.slots
		c.p = nil
	}
}

// Finish checks a password, in its normalised form, against a verifier and ends the turn. A nil verifier is that of
// nobody: the check does the same work and never succeeds. ErrWrong: no match. Any other error: the verifier cannot be
// read, and a check was pretended all the same. Stale says that the verifier matched but was made with other
// parameters than today's, and should be replaced by a new hash of the same password.
func (c *PasswordCheck) Finish(verifier []byte, password string) (stale bool, err error) {
	if c.p == nil {
		return false, errors.New("authn: the turn is over")
	}
	defer c.Abandon()
	nobody := verifier == nil
	if nobody {
		verifier = c.p.dummy
	}
	q, err := parsePassword(verifier)
	if err != nil {
		if d, derr := parsePassword(c.p.dummy); derr == nil {
			d.matches(password)
		}
		return false, err
	}
	if !q.matches(password) || nobody {
		return false, ErrWrong
	}
	want := c.p.config
	return q.memory != want.Memory || q.passes != want.Passes || q.lanes != want.Lanes || len(q.hash) != hashLength, nil
}

// Hash makes the verifier of a password in its normalised form, in PHC string format with a random salt. It takes a turn
// as a check does.
func (p *Passwords) Hash(ctx context.Context, password string) ([]byte, error) {
	turn, err := p.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer turn.Abandon()
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(p.config.Random, salt); err != nil {
		return nil, fmt.Errorf("authn: randomness: %w", err)
	}
	return p.encode(salt, argon2.IDKey([]byte(password), salt, p.config.Passes, p.config.Memory, p.config.Lanes, hashLength)), nil
}

func (p *Passwords) encode(salt, hash []byte) []byte {
	return phc{name: argon2Name, version: argon2.Version, params: []param{
		{"m", uint64(p.config.Memory)}, {"t", uint64(p.config.Passes)}, {"p", uint64(p.config.Lanes)},
	}, octets: [][]byte{salt, hash}}.encode()
}

type passwordVerifier struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

func parsePassword(verifier []byte) (passwordVerifier, error) {
	f, err := parsePHC(verifier, argon2Name, []string{"m", "t", "p"}, 2)
	if err != nil {
		return passwordVerifier{}, err
	}
	m, t, p := f.params[0].value, f.params[1].value, f.params[2].value
	salt, hash := f.octets[0], f.octets[1]
	if f.version != argon2.Version || !plausible(m, t, p) || len(salt) < 8 || len(salt) > 64 || len(hash) < 16 || len(hash) > 64 {
		return passwordVerifier{}, errVerifier
	}
	return passwordVerifier{uint32(m), uint32(t), uint8(p), salt, hash}, nil
}

func (v passwordVerifier) matches(password string) bool {
	got := argon2.IDKey([]byte(password), v.salt, v.passes, v.memory, v.lanes, uint32(len(v.hash)))
	return subtle.ConstantTimeCompare(got, v.hash) == 1
}
