// Package broker carries one login from a relying party's request to a result that may be asserted.
//
// It decides who may log in where, with what, how surely and for how long; it speaks no protocol and serves no page.
// Adapters (protocols/...) turn requests into a Request and a Result into tokens or assertions; package web shows the
// steps in between; connectors do the proving.
//
// A login is: Begin, then Next until it answers Done or Refuse. Everything in between is one dispatcher over one stored
// Transaction: what must happen next is decided by an ordered list of named checks, and the name of the check that
// decided goes into the audit log.
package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

// Directory knows the persons whom identities name. An unknown one is authn.ErrNotFound;
// any other error is a directory that cannot answer now.
type Directory interface {
	Person(ctx context.Context, id authn.PersonID) (authn.Person, error)
}

// Config is what a broker is made of. Fields without a default are required.
type Config struct {
	// FAL is the NSIS level that this broker itself is notified at. Nothing is asserted above it (NSIS 6.2).
	// Zero is Substantial.
	FAL            assurance.Level
	Store          Store
	Ledger         Ledger
	Directory      Directory
	RelyingParties RelyingParties
	Connectors     []Connector         // in the order in which they are offered
	Departers      map[string]Departer // by protocol; a protocol without one has nobody to notify
	// Secrets seal everything that leaves the process or goes into the Store. The first seals, all open, so that one can be
	// replaced without ending what is under way. At least 32 random bytes each.
	Secrets   [][]byte
	Lifetimes Lifetimes
	Now       func() time.Time // nil: time.Now
	Random    io.Reader        // nil: crypto/rand
	Logger    *slog.Logger     // nil: logs nothing
	// InsecureCookies sends cookies over plain http, for loopback in the dev profile.
	InsecureCookies bool
}

// Lifetimes bounds everything that ends by itself. Zero values are the defaults.
type Lifetimes struct {
	Transaction time.Duration // from request to answer; 10 minutes
	Code        time.Duration // from answer to redemption; 60 seconds, as FAPI 2.0 has it
	SessionIdle time.Duration // without use; 30 minutes
	Session     time.Duration // in all; 4.5 hours
	RefreshIdle time.Duration // of an offline grant without use; 30 days
	Grace       time.Duration // in which a replaced refresh token still gives its successor; 10 seconds
}

func (l Lifetimes) withDefaults() Lifetimes {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&l.Transaction, 10 * time.Minute}, {&l.Code, time.Minute}, {&l.SessionIdle, 30 * time.Minute},
		{&l.Session, 270 * time.Minute}, {&l.RefreshIdle, 30 * 24 * time.Hour}, {&l.Grace, 10 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	return l
}

// Broker is made by New. Its methods may be called concurrently, and any number of brokers may share a Store and a
// Ledger.
type Broker struct {
	fal           assurance.Level
	store         Store
	ledger        Ledger
	directory     Directory
	parties       RelyingParties
	connectors    []Connector
	departers     map[string]Departer
	lifetimes     Lifetimes
	now           func() time.Time
	random        io.Reader
	log           *slog.Logger
	secureCookies bool
	woken         chan struct{}

	records, codes, channels, tickets, sids, cookies, refresh *seal
}

// New checks the whole configuration and reports every fault at once, each by the name of its field.
func New(c Config) (*Broker, error) {
	b := &Broker{fal: c.FAL, store: c.Store, ledger: c.Ledger, directory: c.Directory, parties: c.RelyingParties,
		connectors: c.Connectors, departers: c.Departers, lifetimes: c.Lifetimes.withDefaults(), now: c.Now,
		random: randomSource(c.Random), log: c.Logger, secureCookies: !c.InsecureCookies,
		woken: make(chan struct{}, 1)}
	if b.fal == assurance.None {
		b.fal = assurance.Substantial
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("broker.Config."+format, args...))
		}
	}
	fault(!c.FAL.Valid(), "FAL: %v is not a level", c.FAL)
	fault(c.Store == nil, "Store is required")
	fault(c.Ledger == nil, "Ledger is required: without it nothing can be issued")
	fault(c.Directory == nil, "Directory is required")
	fault(c.RelyingParties == nil, "RelyingParties is required")
	fault(len(c.Connectors) == 0, "Connectors: at least one is required")
	seen := make(map[string]bool)
	for i, conn := range c.Connectors {
		if conn == nil {
			fault(true, "Connectors[%d] is nil", i)
			continue
		}
		fault(conn.Name() == "" || seen[conn.Name()], "Connectors[%d]: the name %q is empty or taken", i, conn.Name())
		seen[conn.Name()] = true
	}
	l := b.lifetimes
	fault(min(l.Transaction, l.Code, l.SessionIdle, l.Session, l.RefreshIdle, l.Grace) < 0, "Lifetimes: negative")
	for _, s := range []struct {
		into    **seal
		purpose string
	}{
		{&b.records, "record"}, {&b.codes, "code"}, {&b.channels, "channel"}, {&b.tickets, "ticket"},
		{&b.sids, "sid"}, {&b.cookies, "cookie"}, {&b.refresh, "refresh"},
	} {
		made, err := newSeal(c.Secrets, s.purpose)
		if err != nil {
			fault(true, "Secrets: %w", err)
			break
		}
		*s.into = made
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	return b, nil
}

// FAL is the broker's own level.
func (b *Broker) FAL() assurance.Level { return b.fal }

// Now is the broker's clock, for adapters.
func (b *Broker) Now() time.Time { return b.now() }

// Record writes a line about something that an adapter asked or answered without a transaction, such as a request that
// it refused. It is durable when Record returns.
func (b *Broker) Record(ctx context.Context, line Line) error {
	line.Time = b.now()
	return b.ledger.Record(ctx, line)
}

// Note is Record for what need not be durable before the answer: the line goes with the next one that is.
func (b *Broker) Note(ctx context.Context, line Line) error {
	line.Time = b.now()
	return b.ledger.Note(ctx, line)
}

func (b *Broker) connector(name string) Connector {
	for _, c := range b.connectors {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// party returns a registered, enabled party.
func (b *Broker) party(ctx context.Context, protocol, id string) (RelyingParty, error) {
	p, err := b.parties.RelyingParty(ctx, protocol, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return p, Fail(UnknownParty, "The service is not registered here.")
	case err != nil:
		return p, err
	case p.Disabled:
		return p, Fail(UnknownParty, "The service is disabled.")
	}
	return p, nil
}
