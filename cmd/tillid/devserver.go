//go:build !nodev

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/cmd/tillid/internal/devpages"
	"github.com/tillid/tillid/protocols/oidc"
)

// devServer is a server with seeded people, which a reset replaces by a new one.
type devServer struct {
	plan     plan
	command  devCommand
	people   []simulator.Holder
	caller   *http.Client
	ahead    atomic.Int64 // nanoseconds that the clock was moved on by
	begun    time.Time
	rsaMade  chan struct{} // closed once the RSA keys are there
	stop     context.CancelFunc
	running  sync.WaitGroup
	changing sync.Mutex
	current  atomic.Pointer[devInstance]
}

// devInstance is what one reset replaces.
type devInstance struct {
	db      *sqldb.DB
	server  *server
	handler http.Handler
}

func newDevServer(ctx context.Context, c devCommand, issuer *url.URL, fal assurance.Level, log *slog.Logger) (*devServer, error) {
	d := &devServer{command: c, begun: time.Now(), rsaMade: make(chan struct{})}
	d.plan = plan{issuer: issuer, fal: fal, mitid: authn.MitIDOptions{UserIDMin: 2}, test: true, now: d.now, log: log,
		metrics: newMetrics(true)}
	if !strings.HasPrefix(c.Store, "sqlite:") {
		d.plan.store = c.Store
	}
	var err error
	if d.plan.roots, d.caller, err = ownCertificate(c.TLSCert); err != nil {
		return nil, err
	}
	db, err := d.open(ctx)
	if err != nil {
		return nil, err
	}
	if err = d.secrets(ctx, db); err == nil {
		var first *devInstance
		if first, err = d.instance(ctx, db); err == nil {
			d.current.Store(first)
			d.plan.metrics.watchDB(func() *sqldb.DB { return d.current.Load().db })
			d.background(ctx, db)
			for _, c := range first.server.plan.clients.List() {
				if err := d.awaitKey(ctx, c); err != nil {
					return nil, errors.Join(err, d.close(ctx))
				}
			}
			return d, nil
		}
	}
	return nil, errors.Join(err, db.Close())
}

// now is the clock of everything here.
func (d *devServer) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

// ownCertificate lets the server call itself and clients with the same certificate.
func ownCertificate(name string) (*x509.CertPool, *http.Client, error) {
	content, err := readPEM(name)
	if err != nil || content == nil {
		return nil, &http.Client{Timeout: 10 * time.Second}, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(content) {
		return nil, nil, fmt.Errorf("%s holds no certificate", name)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	return pool, &http.Client{Transport: transport, Timeout: 10 * time.Second}, nil
}

// open opens a database, which in memory is a new one every time.
func (d *devServer) open(ctx context.Context) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{URL: d.command.registry(), Readers: readers()})
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, append(parts(), devPart())...); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// secrets takes what is kept in the database, or makes it. RSA keys take too long to wait for.
func (d *devServer) secrets(ctx context.Context, db *sqldb.DB) error {
	secret, err := keepSecret(ctx, db)
	if err != nil {
		return err
	}
	d.plan.secrets = [][]byte{secret}
	signing, err := keepKey(ctx, db, string(oidc.ES256), string(oidc.ES256))
	if err != nil {
		return err
	}
	if d.plan.auditKey, err = keepKey(ctx, db, keptAuditKey, string(oidc.ES256)); err != nil {
		return err
	}
	d.plan.keys, err = oidc.NewKeys(d.plan.metrics.counted(oidc.Key{Signer: signing, Algorithm: oidc.ES256}))
	d.plan.metrics.watchKeys(d.plan.keys, func(string) time.Time { return d.begun }, d.now)
	return err
}

// background makes the RSA keys.
func (d *devServer) background(ctx context.Context, db *sqldb.DB) {
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	d.running.Go(func() {
		defer close(d.rsaMade)
		for _, a := range []oidc.Algorithm{oidc.RS256, oidc.PS256} {
			key, err := keepKey(ctx, db, string(a), string(a))
			if err == nil {
				err = d.plan.keys.Add(d.plan.metrics.counted(oidc.Key{Signer: key, Algorithm: a}))
			}
			if err != nil && ctx.Err() == nil {
				d.plan.log.WarnContext(ctx, "no RSA key", "algorithm", a, "error", err)
			}
		}
	})
}

// instance seeds a database and wires a server on it.
func (d *devServer) instance(ctx context.Context, db *sqldb.DB) (_ *devInstance, err error) {
	p := d.plan
	p.db = db
	given, err := readClientFiles(d.command.Client)
	if err != nil {
		return nil, err
	}
	if p.clients, err = oidc.NewRegistry(demoClients()...); err == nil {
		err = p.clients.Add(given...)
	}
	if err != nil {
		return nil, err
	}
	people, err := simulator.People(d.now())
	if err != nil {
		return nil, err
	}
	s, err := assemble(ctx, p)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	if err = seed(ctx, db, s.registry, people, authn.MitID(p.mitid).Attempts); err != nil {
		return nil, fmt.Errorf("the seeded people: %w", err)
	}
	if err = resume(ctx, s.registry, people); err != nil {
		return nil, err
	}
	pages, err := devpages.New(devpages.Config{Issuer: p.issuer, Broker: s.broker, Index: s.connector.Index, People: people,
		Now: d.now, Advance: d.advance, Reset: d.reset, AddClient: d.addClient, Language: d.command.Lang, Client: d.caller, Logger: p.log,
		ParseClient: func(b []byte) (oidc.Client, error) { return readClient("client", b) }})
	if err != nil {
		return nil, err
	}
	d.people = people
	none := newLimits(0, 1, 1, nil, d.now)
	return &devInstance{db: db, server: s, handler: s.handler(none, speaking(d.command.Lang), alongside(pages))}, nil
}

// alongside serves the dev pages beside the others.
func alongside(pages http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/":
				http.Redirect(w, r, "/dev", http.StatusSeeOther)
			case devpages.Owns(r.URL.Path):
				pages.ServeHTTP(w, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

// ServeHTTP serves with whatever the last reset made.
func (d *devServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.current.Load().handler.ServeHTTP(w, r)
}

func (d *devServer) ready(ctx context.Context) error { return d.current.Load().server.ready(ctx) }

func (d *devServer) advance(by time.Duration) { d.ahead.Add(int64(by)) }

// reset puts a new server in the place of this one: new people, no sessions, the clock right again. Keys stay, since
// relying parties may have them in a cache.
func (d *devServer) reset(ctx context.Context) error {
	if d.command.registry() != "sqlite::memory:" {
		return devpages.ErrKept
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	old := d.current.Load()
	for _, h := range d.people { // a store that outlives the database must not bring their sessions back
		if err := old.server.broker.EndSessions(ctx, string(h.Person.ID), "reset"); err != nil {
			return err
		}
	}
	d.ahead.Store(0)
	db, err := d.open(ctx)
	if err != nil {
		return err
	}
	fresh, err := d.instance(ctx, db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	d.current.Store(fresh)
	return old.close(ctx)
}

func (i *devInstance) close(ctx context.Context) error {
	return errors.Join(i.server.close(ctx), i.db.Close())
}

func (d *devServer) close(ctx context.Context) error {
	d.stop()
	d.running.Wait()
	return d.current.Load().close(ctx)
}

// awaitKey waits until there is a key of the kind that a client's tokens are signed with. Only those who want RSA wait.
func (d *devServer) awaitKey(ctx context.Context, c oidc.Client) error {
	if c.SigningAlg != oidc.RS256 && c.SigningAlg != oidc.PS256 {
		return nil
	}
	select {
	case <-d.rsaMade:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// addClient registers a client now and for the next start on the same database.
func (d *devServer) addClient(ctx context.Context, c oidc.Client) error {
	if err := d.awaitKey(ctx, c); err != nil {
		return err
	}
	if c.Secret != "" {
		c.Secret, c.SecretDigest = "", c.Secret.Digest()
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s := d.current.Load().server
	line := broker.Line{Time: d.now(), Event: "party_added", Party: oidc.Protocol + ":" + c.ID}
	if err := s.ledger.PutParty(ctx, oidc.Protocol, c.ID, data, line); err != nil {
		return err
	}
	return s.plan.clients.Add(c)
}

// demoClients are there without registration. Their secrets are known to everybody, so they are nobody's
// anywhere else.
func demoClients() []oidc.Client {
	base := oidc.Client{Organisation: "demo", SSO: true, Claims: []string{"profile", "mitid", broker.ClaimCPR},
		CPRBasis: "consent", InsecureAnyLoopbackRedirect: true}
	one := func(id, name string, secret oidc.Secret, minimum assurance.Level) oidc.Client {
		c := base
		c.ID, c.Name, c.NameEN, c.Secret, c.MinimumLoA, c.Claims = id, name, name, secret, minimum, slices.Clone(base.Claims)
		return c
	}
	return []oidc.Client{
		one("demo", "Demo", "", assurance.Substantial),
		one("demo-web", "Demo Web", devpages.WebSecret, assurance.Substantial),
		one("demo-low", "Demo Low", devpages.LowSecret, assurance.Low),
	}
}
