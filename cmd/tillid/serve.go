package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

type serveCommand struct {
	configFlags
	MigrateFirst bool `name:"migrate" help:"Bring the database to the form that this build uses, before serving. A new SQLite file always is."`
}

// Run serves until the context ends.
func (c serveCommand) Run(env *environment) error {
	cfg, err := c.read(env)
	if err != nil {
		return err
	}
	ctx := env.ctx
	log := newLogger(env.stderr, cfg.Log.Level)
	p, err := planOf(cfg, env)
	if err != nil {
		return err
	}
	p.metrics = newMetrics(false)
	ring, err := readKeys(cfg.Keys, p.metrics)
	if err != nil {
		return err
	}
	p.log, p.now, p.keys, p.auditKey = log, time.Now, ring.signing, ring.audit
	p.metrics.watchKeys(ring.signing, func(id string) time.Time { return ring.made[id] }, p.now)
	tlsConfig, err := certificate(cfg.TLS)
	if err != nil {
		return err
	}
	address, err := cfg.Registry.Resolve(env.getenv)
	if err != nil {
		return err
	}
	if p.db, err = openDatabase(ctx, address, c.MigrateFirst); err != nil {
		return err
	}
	defer func() { logClosed(ctx, log, p.db.Close()) }()
	p.metrics.watchDB(func() *sqldb.DB { return p.db })
	s, err := assemble(ctx, p)
	if err != nil {
		return err
	}
	f := front{handler: s.handler(limitsOf(cfg, p.now), speaking(cfg.Language)), metrics: p.metrics.handler(), ready: s.ready, tls: tlsConfig,
		delay: cfg.DrainDelay, drain: cfg.Drain, log: log}
	if err := f.listen(ctx, cfg.Listen, cfg.Management); err != nil {
		return errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}
	log.Info("serving", "issuer", cfg.Issuer, "listen", f.public.Addr().String(), "management", cfg.Management, "version", version())
	env.announce(f)
	return errors.Join(f.serve(ctx), s.close(context.WithoutCancel(ctx)))
}

// planOf takes over what can be had without opening anything.
func planOf(cfg config.Config, env *environment) (plan, error) {
	var faults []error
	resolve := func(key string, r config.Reference) string {
		value, err := r.Resolve(env.getenv)
		if err != nil {
			faults = append(faults, &config.Fault{Key: key, Text: err.Error()})
		}
		return value
	}
	p := plan{replicas: cfg.Replicas, fal: cfg.FAL, passwords: cfg.MitID.Passwords,
		mitid:     authn.MitIDOptions{AppEnhancedAlone: cfg.MitID.AppEnhancedAlone, AppWithChip: cfg.MitID.AppWithChip},
		lifetimes: broker.Lifetimes(cfg.Lifetimes), store: resolve("store", cfg.Store)}
	for _, r := range cfg.Secrets {
		secret := resolve("secrets", r)
		if secret != "" && len(secret) < 32 {
			faults = append(faults, &config.Fault{Key: "secrets", Text: fmt.Sprintf("%s holds fewer than 32 octets", r)})
		}
		p.secrets = append(p.secrets, []byte(secret))
	}
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		faults = append(faults, &config.Fault{Key: "issuer", Text: err.Error()})
	}
	p.issuer = issuer
	p.clients, err = readClients(cfg.Clients)
	return p, errors.Join(append(faults, err)...)
}

// openDatabase opens the database of the registry. The embedded one is brought to the form of this build; another is only
// when that is asked for, since other servers may still use it in its old form.
func openDatabase(ctx context.Context, address string, migrating bool) (*sqldb.DB, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{URL: address, Readers: readers()})
	if err != nil {
		return nil, err
	}
	if migrating || strings.HasPrefix(address, "sqlite:") {
		err = migrate(ctx, db, parts()...)
	} else {
		var names []string
		names, err = pending(ctx, db, parts()...)
		if err == nil && len(names) > 0 {
			err = fmt.Errorf("the database lacks %s; run `tillid migrate` first", strings.Join(names, ", "))
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func limitsOf(cfg config.Config, now func() time.Time) *limits {
	var trusted proxies
	for _, p := range cfg.TrustedProxies {
		trusted = append(trusted, p.Prefix)
	}
	return newLimits(cfg.Limits.Rate, cfg.Limits.Burst, cfg.Limits.Addresses, trusted, now)
}

// handler puts in front of the routes what every request passes: limits, an id for the log, and the measure of its time.
// The two documents that are prepared once pass the limits alone.
func (s *server) handler(l *limits, more ...func(http.Handler) http.Handler) http.Handler {
	routes := s.plan.metrics.time(s.plan.issuer.Path, s.routes())
	for _, wrap := range more {
		routes = wrap(routes)
	}
	routes = identify(caught(s.plan.log, routes))
	discovery, keys := s.plan.issuer.Path+"/.well-known/openid-configuration", s.plan.issuer.Path+"/oidc/keys"
	return l.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == discovery || r.URL.Path == keys {
			s.provider.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	}))
}

// speaking makes a language the wish of a browser that has none.
func speaking(language string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Language") == "" {
				r.Header.Set("Accept-Language", language)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// listen opens both listeners.
func (f *front) listen(ctx context.Context, public, management string) (err error) {
	var lc net.ListenConfig
	if f.public, err = lc.Listen(ctx, "tcp", public); err != nil {
		return err
	}
	if management == "" {
		return nil
	}
	if f.management, err = lc.Listen(ctx, "tcp", management); err != nil {
		return errors.Join(err, f.public.Close())
	}
	return nil
}

// announce tells whoever waits for the server that it answers.
func (e *environment) announce(f front) {
	if e.listening == nil {
		return
	}
	management := ""
	if f.management != nil {
		management = f.management.Addr().String()
	}
	e.listening(f.public.Addr().String(), management)
}
