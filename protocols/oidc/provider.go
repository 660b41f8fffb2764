package oidc

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/broker"
)

// Config is what a Provider is made of. Fields without a default are required.
type Config struct {
	// Issuer is the provider's name, exactly as it stands in tokens and in discovery: https, without query, fragment or
	// trailing slash; it may have a path. It is never taken from a request.
	Issuer  string
	Broker  *broker.Broker
	Clients Clients          // the same registrations that the broker has as relying parties
	People  broker.Directory // whom claims are read from
	Keys    *Keys
	// Store remembers what may happen once or a few times only: client assertions and tries at CPR match. It may be the
	// broker's.
	Store broker.Store
	// Secrets seal access tokens: the first seals, all open. They may be the broker's, from which other keys are derived.
	Secrets [][]byte
	// LoginPath is where a transaction's pages are, by its id. Nil: "/login/" and the id.
	LoginPath func(id string) string
	// ErrorPage shows what cannot be told to a client, because it is not proven who asks or where the answer goes. text is
	// an English sentence that may be shown. Nil: a plain page with a reference number.
	ErrorPage func(w http.ResponseWriter, r *http.Request, status int, code broker.Code, text string)
	// LoggedOutPage ends a logout that has nowhere to go back to. Nil: a plain page.
	LoggedOutPage func(w http.ResponseWriter, r *http.Request, tx broker.Transaction, left broker.Left)
	Lifetimes     Lifetimes
	// Roots verify the clients that are called at back-channel logout. Nil: those of the system.
	Roots  *x509.CertPool
	Random io.Reader    // nil: crypto/rand
	Logger *slog.Logger // nil: logs nothing
	// InsecureLoopback permits an http issuer on loopback, and calls to back-channel addresses on loopback, http and https.
	// For the dev profile.
	InsecureLoopback bool
}

// Lifetimes of what the provider issues. Zero values are the defaults.
type Lifetimes struct {
	IDToken     time.Duration // 5 minutes
	AccessToken time.Duration // 1 hour
}

// Provider answers relying parties. It is made by New; its methods may be called concurrently.
type Provider struct {
	issuer    string
	prefix    string // the issuer's path
	secure    bool   // the issuer is https
	broker    *broker.Broker
	clients   Clients
	people    broker.Directory
	keys      *Keys
	store     broker.Store
	tokens    *tokens
	login     func(string) string
	errorPage func(http.ResponseWriter, *http.Request, int, broker.Code, string)
	loggedOut func(http.ResponseWriter, *http.Request, broker.Transaction, broker.Left)
	lifetimes Lifetimes
	random    io.Reader
	log       *slog.Logger
	backchan  *http.Client
	where     *time.Location
	documents atomic.Pointer[documents]
	endpoints map[string]http.Handler
}

// New checks the whole configuration and reports every fault at once, each by the name of its field.
func New(c Config) (*Provider, error) {
	p := &Provider{issuer: c.Issuer, broker: c.Broker, clients: c.Clients, people: c.People, keys: c.Keys, store: c.Store,
		login: c.LoginPath, errorPage: c.ErrorPage, loggedOut: c.LoggedOutPage, lifetimes: c.Lifetimes, random: c.Random,
		log: c.Logger, backchan: egress(c.Roots, c.InsecureLoopback), where: denmark()}
	if p.login == nil {
		p.login = func(id string) string { return "/login/" + id }
	}
	if p.random == nil {
		p.random = rand.Reader
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if p.errorPage == nil {
		p.errorPage = p.plainError
	}
	if p.loggedOut == nil {
		p.loggedOut = p.plainLoggedOut
	}
	if p.lifetimes.IDToken == 0 {
		p.lifetimes.IDToken = 5 * time.Minute
	}
	if p.lifetimes.AccessToken == 0 {
		p.lifetimes.AccessToken = time.Hour
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("oidc.Config."+format, args...))
		}
	}
	prefix, err := issuerPath(c.Issuer, c.InsecureLoopback)
	fault(err != nil, "Issuer: %w", err)
	p.prefix, p.secure = prefix, strings.HasPrefix(c.Issuer, "https:")
	fault(c.Broker == nil, "Broker is required")
	fault(c.Clients == nil, "Clients is required")
	fault(c.People == nil, "People is required")
	fault(c.Keys == nil || c.Keys.set.Load() == nil, "Keys is required, from NewKeys")
	fault(c.Store == nil, "Store is required: without it a client assertion could be used twice")
	fault(min(c.Lifetimes.IDToken, c.Lifetimes.AccessToken) < 0, "Lifetimes: negative")
	p.tokens, err = newTokens(c.Secrets, c.Issuer, p.random)
	fault(err != nil, "Secrets: %w", err)
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	p.endpoints = p.routes()
	return p, nil
}

// issuerPath checks an issuer and returns its path.
func issuerPath(issuer string, insecureLoopback bool) (string, error) {
	u, err := plainURI(issuer)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q %w", issuer, err)
	case u.Scheme == "http" && !(insecureLoopback && loopbackName(u.Hostname())):
		return "", fmt.Errorf("%q is not https", issuer)
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return "", fmt.Errorf("%q is not an https address", issuer)
	case strings.Contains(issuer, "?"):
		return "", fmt.Errorf("%q has a query", issuer)
	case strings.HasSuffix(issuer, "/"):
		return "", fmt.Errorf("%q ends in a slash", issuer)
	case u.EscapedPath() != u.Path:
		return "", fmt.Errorf("%q has an escaped path", issuer)
	}
	return u.Path, nil
}

// denmark is where the day is reckoned that people have birthdays on. Without a time zone database it is winter there,
// which is an hour off at most.
func denmark() *time.Location {
	if l, err := time.LoadLocation("Europe/Copenhagen"); err == nil {
		return l
	}
	return time.FixedZone("CET", 60*60)
}

// The paths below the issuer. They are a contract with integrators.
const (
	pathDiscovery  = "/.well-known/openid-configuration"
	pathKeys       = "/oidc/keys"
	pathAuthorize  = "/oidc/authorize"
	pathToken      = "/oidc/token"
	pathUserinfo   = "/oidc/userinfo"
	pathIntrospect = "/oidc/introspect"
	pathRevoke     = "/oidc/revoke"
	pathLogout     = "/oidc/logout"
	pathCPRMatch   = "/oidc/cpr-match"
	pathPAR        = "/oidc/par"
)

// routes are all paths but those of the documents that are prepared once.
func (p *Provider) routes() map[string]http.Handler {
	api := p.operations()
	return map[string]http.Handler{
		pathAuthorize:  http.HandlerFunc(p.authorize),
		pathLogout:     http.HandlerFunc(p.logout),
		pathToken:      p.form(crossOrigin(http.MethodPost), p.grantType(api)),
		pathRevoke:     p.form(crossOrigin(http.MethodPost), api),
		pathIntrospect: p.form(nil, confidential(api)),
		pathUserinfo:   p.resource(crossOrigin(http.MethodGet, http.MethodPost), bodiless(api), http.MethodGet, http.MethodPost),
		pathCPRMatch:   p.resource(nil, http.HandlerFunc(p.cprMatch), http.MethodPost),
		pathPAR:        http.HandlerFunc(notBuilt),
	}
}

// ServeHTTP serves every path of the issuer that belongs to OpenID Connect, and answers 404 to all others.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, p.prefix)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if p.secure {
		w.Header()["Strict-Transport-Security"] = transportSecurity
	}
	switch path { // what is prepared is served before anything else is looked at
	case pathDiscovery:
		p.prepared().discovery.serve(w, r)
		return
	case pathKeys:
		p.prepared().keys.serve(w, r)
		return
	}
	h, ok := p.endpoints[path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// transportSecurity keeps browsers on https for two years (RFC 6797).
var transportSecurity = []string{"max-age=63072000"}

// Owns reports whether ServeHTTP serves the path, for a mux that several adapters share.
func (p *Provider) Owns(path string) bool {
	rest, ok := strings.CutPrefix(path, p.prefix)
	return ok && (rest == pathDiscovery || rest == pathKeys || p.endpoints[rest] != nil)
}

// Issuer is the provider's name.
func (p *Provider) Issuer() string { return p.issuer }

// notBuilt answers for pushed authorization requests (RFC 9126), which discovery does not offer.
func notBuilt(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Pushed authorization requests are not supported. Send the request to the authorization endpoint.", http.StatusNotImplemented)
}

// address is a path as an absolute address.
func (p *Provider) address(path string) string { return p.issuer + path }
