// Package devpages is what the dev profile has beside a real server: a start page, a demo relying party, the simulated
// devices of the seeded people, and the interface by which test scripts control all that. It is no part of a build with
// the tag nodev, and it must never be reachable from another machine.
//
// What it does to a login it does as a device would: with real keys, through broker.Remote.
package devpages

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/protocols/oidc"
)

// Config is what the pages are made of. Every field but Language, Client and Logger is required.
type Config struct {
	Issuer *url.URL
	Broker *broker.Broker
	// Index is the index under which a connector files what waits for a person.
	Index  func(authn.PersonID) string
	People []simulator.Holder
	Now    func() time.Time
	// Advance moves the clock of the whole server on.
	Advance func(time.Duration)
	// Reset puts everything back to its beginning. ErrKept: what is kept in a file is not thrown away.
	Reset func(context.Context) error
	// AddClient registers a client, for good where the database is.
	AddClient func(context.Context, oidc.Client) error
	// ParseClient reads a client from JSON; its error says what is wrong, line by line.
	ParseClient func([]byte) (oidc.Client, error)
	Language    string       // "da" or "en"; empty: da
	Client      *http.Client // with which the demo calls the issuer; nil: http.DefaultClient
	Logger      *slog.Logger // nil: logs nothing
}

// ErrKept says that a reset would have to delete what somebody chose to keep.
var ErrKept = errors.New("devpages: the database is kept in a file or on a server")

// Pages serves everything under /dev and /sim, and says of what is not built yet that it is not.
type Pages struct {
	config    Config
	templates *template.Template
	people    map[string]simulator.Holder
	mux       *http.ServeMux
	origin    *http.CrossOriginProtection
	demo      demo
	zone      *time.Location // of the times shown
}

//go:embed templates assets
var files embed.FS

const maxBody = 64 << 10

// New reports every missing field at once.
func New(c Config) (*Pages, error) {
	var faults []error
	for field, missing := range map[string]bool{"Issuer": c.Issuer == nil, "Broker": c.Broker == nil, "Index": c.Index == nil,
		"Now": c.Now == nil, "Advance": c.Advance == nil, "Reset": c.Reset == nil, "AddClient": c.AddClient == nil,
		"ParseClient": c.ParseClient == nil} {
		if missing {
			faults = append(faults, fmt.Errorf("devpages.Config.%s is required", field))
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	if c.Language == "" {
		c.Language = "da"
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Pages{config: c, people: make(map[string]simulator.Holder), mux: http.NewServeMux(), origin: http.NewCrossOriginProtection()}
	for _, h := range c.People {
		p.people[h.UserID] = h
	}
	var err error
	if p.templates, err = template.New("").Funcs(template.FuncMap{"claims": func(v page, c []claim) any {
		return struct {
			Page   page
			Claims []claim
		}{v, c}
	}}).ParseFS(files, "templates/*.html"); err != nil {
		return nil, err
	}
	if p.zone, err = time.LoadLocation("Europe/Copenhagen"); err != nil {
		return nil, err
	}
	p.demo.begun = make(map[string]demoLogin)
	p.routes()
	return p, nil
}

func (p *Pages) routes() {
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /dev":               p.start,
		"GET /dev/assets/{name}": asset,
		"GET /dev/demo":          p.demoStart,
		"GET /dev/demo/callback": p.demoCallback,
		"GET /dev/post":          p.post,
		"GET /sim/phone":         p.phone,
		"POST /sim/phone":        p.phoneAnswer,
		"GET /sim/codedisplay":   p.codeDisplays,

		"GET /dev/api/people":                     p.apiPeople,
		"GET /dev/api/people/{user}/code":         p.apiCode,
		"GET /dev/api/people/{user}/app":          p.apiApp,
		"POST /dev/api/people/{user}/app/approve": p.apiApprove,
		"POST /dev/api/people/{user}/app/reject":  p.apiReject,
		"GET /dev/api/people/{user}/chip":         p.apiChip,
		"GET /dev/api/post":                       p.apiPost,
		"POST /dev/api/clock":                     p.apiClock,
		"POST /dev/api/reset":                     p.apiReset,
		"POST /dev/api/clients":                   p.apiClients,

		"GET /dev/api/people/{user}/key": unbuilt("Key cards belong to NemID, which is not built yet."),
		"GET /sim/keycard":               unbuilt("Key cards belong to NemID, which is not built yet."),
		"POST /dev/api/sp":               unbuilt("SAML is not built yet."),
		"/saml/":                         unbuilt("SAML is not built yet."),
		"POST /dev/api/faults":           unbuilt("Faults cannot be planted yet."),
	} {
		p.mux.Handle(pattern, h)
	}
}

// Owns reports whether a path belongs to these pages.
func Owns(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return slices.Contains([]string{"dev", "sim", "saml"}, first)
}

// unbuilt answers 501 with a sentence.
func unbuilt(sentence string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusNotImplemented, sentence) }
}

// ServeHTTP serves requests from this machine to this machine's name: whoever gets a browser to believe that a name of
// theirs is loopback (DNS rebinding) is refused, and so is a form or script of another origin.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'")
	if !p.ownHost(r.Host) {
		problem(w, http.StatusForbidden, "The dev pages answer to names of this machine only.")
		return
	}
	if err := p.origin.Check(r); err != nil {
		problem(w, http.StatusForbidden, "The request comes from another origin.")
		return
	}
	if r.ContentLength > maxBody {
		problem(w, http.StatusRequestEntityTooLarge, "The body is over 64 KiB.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.mux.ServeHTTP(w, r)
}

func (p *Pages) ownHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == p.config.Issuer.Hostname()
}

// start is the page that a developer opens first.
func (p *Pages) start(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusOK, "start.html", "start.title", struct {
		People                              []simulator.Holder
		Password, PIN, WebSecret, LowSecret string
	}{p.config.People, simulator.Password, simulator.PIN, WebSecret, LowSecret})
}

// post is the tray of letters, SMS and e-mail. Nothing sends any yet.
func (p *Pages) post(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusOK, "post.html", "post.title", nil)
}
