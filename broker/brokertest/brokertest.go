// Package brokertest runs a whole broker inside other people's tests: a real OpenID Provider on loopback, with real
// signatures and checks, seeded people who hold simulated devices, and a clock that the test sets.
//
// It simulates people, their devices and the time, and nothing else. It is for tests: every secret of its people is public.
package brokertest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/eid"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/memstore"
	"github.com/tillid/tillid/broker/web"
	"github.com/tillid/tillid/protocols/oidc"
)

// Config changes what New makes. The zero Config is a broker of level High with the clients of the dev profile.
type Config struct {
	FAL     assurance.Level // the broker's own level; zero is High
	Clients []oidc.Client   // besides demo, demo-web and demo-low
	Start   time.Time       // what the clock shows at first; zero is the present time
	Store   broker.Store    // of sessions and codes; nil keeps them in memory. Its own clock is not the test's
	Signer  crypto.Signer   // on P-256, signs tokens; nil is a new key
}

// Broker is a running broker. It stops when its test ends.
type Broker struct {
	Issuer string // "http://localhost:PORT"

	t         testing.TB
	core      *broker.Broker
	connector *eid.Connector
	clients   *oidc.Registry
	people    map[string]simulator.Holder

	mu     sync.Mutex
	offset time.Duration
}

// New starts a broker. It fails the test when that is not possible.
func New(t testing.TB, c Config) *Broker {
	t.Helper()
	b := &Broker{t: t, people: make(map[string]simulator.Holder)}
	if !c.Start.IsZero() {
		b.offset = time.Until(c.Start)
	}
	if c.FAL == assurance.None {
		c.FAL = assurance.High
	}
	if err := b.start(t.Context(), c); err != nil {
		t.Fatalf("brokertest: %v", err)
	}
	return b
}

// Now is what the broker's clock shows.
func (b *Broker) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.offset)
}

// Advance moves the broker's clock, and with it the clocks of everybody's devices.
func (b *Broker) Advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offset += d
}

// LogoutEverywhere ends every session and grant of a person, as a block would. Their parties are told before it returns.
func (b *Broker) LogoutEverywhere(user string) {
	b.t.Helper()
	err := b.core.EndSessions(b.t.Context(), string(b.person(user).Person.ID), "test")
	if err == nil {
		err = b.core.Deliver(b.t.Context())
	}
	if err != nil {
		b.t.Fatalf("brokertest: %v", err)
	}
}

func (b *Broker) person(user string) simulator.Holder {
	b.t.Helper()
	h, ok := b.people[user]
	if !ok {
		b.t.Fatalf("brokertest: nobody has the user ID %q", user)
	}
	return h
}

func (b *Broker) start(ctx context.Context, c Config) error {
	secret := make([]byte, broker.MinimumSecret)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	secrets := [][]byte{secret}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	if err != nil {
		return err
	}
	b.t.Cleanup(func() { b.check(db.Close()) })
	if err := errors.Join(db.Migrate(ctx, registry.Component, registry.Migrations()),
		db.Migrate(ctx, audit.Component, audit.Migrations()), db.Migrate(ctx, ledger.Component, ledger.Migrations())); err != nil {
		return err
	}
	people, err := registry.New(registry.Config{DB: db, Secrets: secrets})
	if err != nil {
		return err
	}
	if err := b.seed(ctx, people); err != nil {
		return err
	}
	log, err := audit.Open(ctx, audit.Config{DB: db, Signer: key, Now: b.Now})
	if err != nil {
		return err
	}
	b.t.Cleanup(func() { b.check(log.Close(context.WithoutCancel(ctx))) })
	books, err := ledger.New(ctx, ledger.Config{DB: db, Audit: log, Secrets: secrets, Now: b.Now})
	if err != nil {
		return err
	}
	if c.Store == nil {
		if c.Store, err = memstore.New(memstore.Config{Now: b.Now}); err != nil {
			return err
		}
	}
	if c.Signer == nil {
		c.Signer = key
	}
	b.connector, err = eid.New(eid.Config{Scheme: authn.MitID(authn.MitIDOptions{UserIDMin: 2}), Registry: people, Secret: secret})
	if err != nil {
		return err
	}
	if b.clients, err = oidc.NewRegistry(append(DemoClients(), c.Clients...)...); err != nil {
		return err
	}
	keys, err := oidc.NewKeys(oidc.Key{Signer: c.Signer, Algorithm: oidc.ES256, State: oidc.CurrentKey})
	if err != nil {
		return err
	}
	adapter := new(late)
	b.core, err = broker.New(broker.Config{FAL: c.FAL, Store: c.Store, Ledger: books, Directory: people, RelyingParties: b.clients,
		Connectors: []broker.Connector{b.connector}, Departers: map[string]broker.Departer{oidc.Protocol: adapter},
		Secrets: secrets, Now: b.Now, InsecureCookies: true})
	if err != nil {
		return err
	}
	pages, err := web.New(web.Config{Broker: b.core, Answerers: map[string]web.Answerer{oidc.Protocol: adapter}, People: people,
		Test: true, InsecureHTTP: true})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	b.t.Cleanup(server.Close)
	b.Issuer = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	adapter.Provider, err = oidc.New(oidc.Config{Issuer: b.Issuer, Broker: b.core, Clients: b.clients, People: people, Keys: keys,
		Store: c.Store, Secrets: secrets, LoginPath: pages.Path, ErrorPage: pages.Error, InsecureLoopback: true})
	if err != nil {
		return err
	}
	mux.Handle("/", adapter.Provider)
	mux.Handle("/login/", pages)
	return nil
}

// late is the adapter that broker and pages know before it exists, because it needs them.
type late struct{ *oidc.Provider }

func (b *Broker) check(err error) {
	if err != nil {
		b.t.Errorf("brokertest: %v", err)
	}
}

func (b *Broker) seed(ctx context.Context, r *registry.Registry) error {
	holders, err := simulator.People(b.Now())
	if err != nil {
		return err
	}
	for _, h := range holders {
		b.people[h.UserID] = h
		if _, err := r.AddPerson(ctx, h.Person); err != nil {
			return err
		}
		if err := r.AddUserID(ctx, h.Scheme, h.UserID, h.Person.ID); err != nil {
			return err
		}
		for _, a := range h.Authenticators {
			if _, err := r.AddAuthenticator(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// DemoClients are the clients of the dev profile: demo (public), demo-web (confidential) and demo-low (content with Low).
// All of them accept any redirect URI on loopback.
func DemoClients() []oidc.Client {
	secret := func(name string) oidc.Secret { return oidc.Secret(name + "-secret-0123456789abcdefghij") }
	clients := []oidc.Client{
		{ID: "demo"},
		{ID: "demo-web", Secret: secret("demo-web")},
		{ID: "demo-low", Secret: secret("demo-low"), MinimumLoA: assurance.Low},
	}
	for i := range clients {
		clients[i].Organisation, clients[i].SSO = "demo", true
		clients[i].Claims = []string{"profile", "mitid"}
		clients[i].InsecureAnyLoopbackRedirect = true
	}
	return clients
}
