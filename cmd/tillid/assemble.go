package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/eid"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/web"
	"github.com/tillid/tillid/protocols/oidc"
)

// plan is what a server is to be made of, once everything has been read and nothing opened yet but the database.
type plan struct {
	issuer    *url.URL
	db        *sqldb.DB // of everything durable, migrated
	store     string    // address of the short-lived records; empty: in db
	replicas  int
	secrets   [][]byte // newest first
	keys      *oidc.Keys
	auditKey  crypto.Signer
	clients   *oidc.Registry
	fal       assurance.Level
	mitid     authn.MitIDOptions
	passwords int
	lifetimes broker.Lifetimes
	roots     *x509.CertPool // of clients called at back-channel logout; nil: the system's
	test      bool           // the dev profile: a band on every page, and http on loopback
	now       func() time.Time
	log       *slog.Logger
	metrics   *metrics
}

// server is everything wired together.
type server struct {
	plan      plan
	storage   storage
	audit     *audit.Log
	ledger    *ledger.Ledger
	registry  *registry.Registry
	connector *eid.Connector
	broker    *broker.Broker
	provider  *oidc.Provider
	pages     *web.Pages

	stop    context.CancelFunc
	running sync.WaitGroup
}

// assemble wires a server and starts its background work. Whatever it opened is closed again when it fails.
func assemble(ctx context.Context, p plan) (_ *server, err error) {
	s := &server{plan: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	if s.audit, err = audit.Open(ctx, audit.Config{DB: p.db, Signer: p.auditKey, Now: p.now, Logger: p.log}); err != nil {
		return nil, err
	}
	if s.ledger, err = ledger.New(ctx, ledger.Config{DB: p.db, Audit: s.audit, Secrets: p.secrets, Now: p.now}); err != nil {
		return nil, err
	}
	if s.registry, err = registry.New(registry.Config{DB: p.db, Secrets: p.secrets}); err != nil {
		return nil, err
	}
	if s.storage, err = openStorage(ctx, p); err != nil {
		return nil, err
	}
	store := meteredStore{Store: s.storage.store, metrics: p.metrics}
	if err = s.identify(); err != nil {
		return nil, err
	}
	oidcAdapter := new(adapter)
	s.broker, err = broker.New(broker.Config{
		FAL: p.fal, Store: store, Ledger: meteredLedger{Ledger: s.ledger, metrics: p.metrics}, Directory: s.registry,
		RelyingParties: p.clients, Connectors: []broker.Connector{s.connector},
		Departers: map[string]broker.Departer{oidc.Protocol: oidcAdapter},
		Secrets:   p.secrets, Lifetimes: p.lifetimes, Now: p.now, Logger: p.log, InsecureCookies: p.plainHTTP(),
	})
	if err != nil {
		return nil, err
	}
	s.pages, err = web.New(web.Config{Broker: s.broker, Answerers: map[string]web.Answerer{oidc.Protocol: oidcAdapter},
		People: s.registry, Prefix: p.issuer.Path + "/login/", Test: p.test, Logger: p.log, InsecureHTTP: p.plainHTTP()})
	if err != nil {
		return nil, err
	}
	s.provider, err = oidc.New(oidc.Config{Issuer: p.issuer.String(), Broker: s.broker, Clients: p.clients, People: s.registry,
		Keys: p.keys, Store: store, Secrets: p.secrets, LoginPath: s.pages.Path, ErrorPage: s.pages.Error, Roots: p.roots,
		Logger: p.log, InsecureLoopback: p.test})
	if err != nil {
		return nil, err
	}
	oidcAdapter.Provider = s.provider
	if err = s.addedParties(ctx); err != nil {
		return nil, err
	}
	s.background(ctx)
	return s, nil
}

// adapter is a protocol that the broker and the pages know before it has been made: it needs both of them itself.
type adapter struct{ *oidc.Provider }

var (
	_ broker.Departer = (*adapter)(nil)
	_ web.Answerer    = (*adapter)(nil)
)

// plainHTTP reports that browsers reach the server over http, which only the dev profile permits.
func (p plan) plainHTTP() bool { return p.test && p.issuer.Scheme == "http" }

// identify makes the connectors.
func (s *server) identify() error {
	passwords, err := authn.NewPasswords(authn.PasswordConfig{Parallel: s.plan.passwords})
	if err != nil {
		return err
	}
	s.connector, err = eid.New(eid.Config{Scheme: authn.MitID(s.plan.mitid),
		Registry:  meteredRegistry{Registry: s.registry, metrics: s.plan.metrics},
		Passwords: passwords, Secret: derive(s.plan.secrets[len(s.plan.secrets)-1], "eid"), Logger: s.plan.log})
	return err
}

// addedParties registers the clients that were added at run time.
func (s *server) addedParties(ctx context.Context) error {
	parties, err := s.ledger.Parties(ctx, oidc.Protocol)
	if err != nil {
		return err
	}
	for _, party := range parties {
		c, err := readClient("client "+party.ID, party.Data)
		if err == nil {
			c.InsecureAnyLoopbackRedirect = s.plan.test && len(c.RedirectURIs) == 0
			err = s.plan.clients.Add(c)
		}
		if err != nil {
			return fmt.Errorf("a client that was added at run time: %w", err)
		}
	}
	return nil
}

// background starts what runs beside the requests, until close.
func (s *server) background(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.running.Go(func() {
		if err := s.broker.Run(ctx); err != nil {
			s.plan.log.ErrorContext(ctx, "logout notices are no longer delivered", "error", err)
		}
	})
}

// close ends the background work, writes what the audit log still holds and closes the store. The database is its
// owner's.
func (s *server) close(ctx context.Context) error {
	var faults []error
	if s.stop != nil {
		s.stop()
		s.running.Wait()
	}
	if s.audit != nil {
		faults = append(faults, s.audit.Close(ctx))
	}
	if s.storage.close != nil {
		faults = append(faults, s.storage.close())
	}
	return errors.Join(faults...)
}

// ready reports why the server cannot serve, if it cannot.
func (s *server) ready(ctx context.Context) error {
	return errors.Join(s.plan.db.Ping(ctx), s.storage.ping(ctx))
}

// routes serves the protocols and the pages; anything else is 404.
func (s *server) routes() http.Handler {
	login := s.plan.issuer.Path + "/login/"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.provider.Owns(r.URL.Path):
			s.provider.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, login):
			s.pages.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	})
}
