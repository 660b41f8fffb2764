package broker

import (
	"context"
	"errors"
	"time"

	"github.com/tillid/tillid/assurance"
)

// ErrReused says that a refresh token was used that had been replaced before. The whole grant is revoked with it.
var ErrReused = errors.New("broker: refresh token reused")

// Grant is what one redeemed code or one refresh-token family rests on: who logged in, for which party, how surely. It is
// written once, at redemption; afterwards only its generation rises and it may be revoked.
type Grant struct {
	ID         string // derived from the transaction, so that a second redemption of one code meets ErrExists
	Party      string
	Person     string
	Connector  string // how the person logged in
	Session    string // session id; "" for none
	SID        string // what the party knows the session by
	Epoch      uint64 // the person's epoch when granted
	Subject    string // the pairwise subject the party knows the person by
	Levels     assurance.Levels
	AMR        []string
	AuthTime   time.Time
	Created    time.Time
	Expires    time.Time // absolute end of the grant
	Offline    bool      // outlives the session: offline_access was granted
	Data       []byte    // the adapter's own, at most 8 KiB: scopes, claims, spelling of the level
	Generation uint32    // of the refresh token that is current
	Rotated    time.Time // when Generation last rose
	Used       time.Time // of the last refresh; Created before the first
	Revoked    bool
}

// Standing is what the ledger knows about a person and a session at one instant.
type Standing struct {
	Epoch uint64 // sessions and grants of an older epoch are dead
	Ended bool   // the session was ended; one that a store brings back is dead
}

// Consent is what a person allowed a party to receive.
type Consent struct {
	Claims []string
	Given  time.Time
}

// Line is one line of the audit log: something that was asked, decided or answered. Values must not be CPR numbers,
// secrets or names; persons appear by their id, which is pseudonymous.
type Line struct {
	Time        time.Time         `json:"time"`
	Event       string            `json:"event"`                 // "asked", "decided", "authenticated", "issued", "refused", "logged_out", ...
	Transaction string            `json:"transaction,omitempty"` // a digest of its id
	Party       string            `json:"party,omitempty"`
	Person      string            `json:"person,omitempty"`
	Session     string            `json:"session,omitempty"` // a digest of its id
	Check       string            `json:"check,omitempty"`   // the named check that decided
	Outcome     string            `json:"outcome,omitempty"`
	Detail      map[string]string `json:"detail,omitempty"`
}

// Ledger is what the broker must never forget. Every method that changes something is durable when it returns, and writes
// its audit line in the same commit: if the line cannot be written, nothing has happened. Errors that wrap ErrUnavailable
// mean that the database cannot answer.
type Ledger interface {
	// Record appends audit lines. It returns when they are durable.
	Record(ctx context.Context, lines ...Line) error
	// Note queues audit lines that the next durable commit carries with it, in order. It fails when the queue is full or
	// the log cannot be written.
	Note(ctx context.Context, lines ...Line) error

	// Subject returns the random UUID under which the sector knows the person, and makes it the first time.
	Subject(ctx context.Context, sector, person string) (string, error)
	// Standing returns the person's epoch, zero for a person never heard of, and whether the session was ended.
	Standing(ctx context.Context, person, session string) (Standing, error)

	// OpenGrant writes a new grant; ErrExists when its ID was used before. If RevokeGrant came first, the grant is written
	// as revoked and the error is nil.
	OpenGrant(ctx context.Context, g Grant, line Line) error
	// Grant returns a grant, revoked or not, or ErrNotFound.
	Grant(ctx context.Context, id string) (Grant, error)
	// Rotate replaces the refresh token of the given generation. If it is current, the generation rises by one. If it is
	// the one before and at most grace has passed since it was replaced, nothing changes and the grant is returned: the
	// successor is the same. Otherwise the grant is revoked and ErrReused returned. ErrNotFound: no such grant, or revoked
	// or expired.
	Rotate(ctx context.Context, id string, generation uint32, now time.Time, grace time.Duration, line Line) (Grant, error)
	// RevokeGrant ends a grant. One that was revoked before is no error. One that is not there is remembered, and is born
	// revoked if OpenGrant writes it later: a code that is replayed while it is being redeemed gives dead tokens.
	RevokeGrant(ctx context.Context, id string, line Line) error
	// RevokeToken ends a single access token until it would have expired.
	RevokeToken(ctx context.Context, token string, until time.Time, line Line) error
	// TokenRevoked reports whether RevokeToken was called for the token.
	TokenRevoked(ctx context.Context, token string) (bool, error)

	// EndSession revokes the grants that rest on a session, offline ones excepted, and remembers until when a record of it
	// could come back.
	EndSession(ctx context.Context, session string, until time.Time, line Line) error
	// EndEpoch ends every session and every grant of a person by raising the epoch.
	EndEpoch(ctx context.Context, person string, line Line) error

	// Consent returns what the person allowed the party, or ErrNotFound.
	Consent(ctx context.Context, person, party string) (Consent, error)
	// SetConsent replaces it; a Consent without claims withdraws it.
	SetConsent(ctx context.Context, person, party string, c Consent, line Line) error
}
