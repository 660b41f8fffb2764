// Package web shows the pages between a relying party's request and its answer: user ID, codes, the app that is waited for,
// consent, refusals, logout and errors. It decides nothing about a login, proves nothing and speaks no protocol: it hands
// what the browser sent to broker.Next and renders the step that comes back.
//
// Every page is complete without JavaScript, in Danish and English, and carries a strict Content-Security-Policy.
//
// # Leaving through a form
//
// Chromium applies form-action to every redirect that follows a form's submission, and so would block the 303 that sends
// a logged-in person back to the service from a page with "form-action 'self'". Naming the service's origin instead would not do:
// services redirect on, to origins that nobody here knows. So a redirect that answers a form is sent to a browser as a
// page of its own, which goes on at once by itself (meta refresh, and a link); the form's submission ends with that page. Who is not a
// browser, by the absence of Sec-Fetch-Mode (W3C Fetch Metadata), gets the plain 303.
//
// # Deviations
//
//   - Cross-Origin-Opener-Policy is not sent: services open a login in a window of their own and wait for that window to
//     come back, which the header would break.
//   - There is no language cookie. The language belongs to the transaction and comes from the service, then the browser.
package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the pages show Danish time on machines without a time zone database

	"github.com/tillid/tillid/broker"
)

// Answerer gives a protocol's answers to the party, by way of the browser.
type Answerer interface {
	// Answer writes the response that ends a login or logout in the protocol: step is Done, Refuse with Explain false, or
	// Left. It returns false, having written nothing, when the party is owed no answer; the person is shown a page then.
	// The security headers of the pages are set already; a page of the adapter's own may replace them.
	Answer(w http.ResponseWriter, r *http.Request, tx broker.Transaction, step broker.Step) bool
}

// Config is what the pages are made of. Fields without a default are required.
type Config struct {
	Broker    *broker.Broker
	Answerers map[string]Answerer // by protocol; one without an Answerer ends in a page of ours
	// People supplies the values that the consent page shows beside the claims; nil: only what is claimed is listed.
	People broker.Directory
	Prefix string // path of the pages, beginning and ending with a slash; empty: "/login/"
	Name   string // of the installation, beside the mark; empty: "Tillid"
	// Test puts a band on every page that says that this is a test environment and not MitID. Only an installation that
	// real people log in to may leave it out.
	Test          bool
	Theme         []byte // CSS served after our own; nil: none
	Help          string // address of a help page, linked on every page; empty: no link
	Accessibility string // address of the accessibility statement (tilgængelighedserklæring); empty: no link
	// Texts replaces texts, by language ("da", "en") and key. A key that the pages do not know must begin with "prompt.",
	// "wait.", "field.", "connector.", "kind.", "claim." or "problem.", the texts of new connectors, and be there in both languages.
	Texts   map[string]map[string]string
	MaxBody int64        // the greatest form in bytes, larger ones are answered 413; zero: 64 KiB
	Random  io.Reader    // of reference numbers; nil: crypto/rand
	Logger  *slog.Logger // nil: logs nothing
	// InsecureHTTP leaves out Strict-Transport-Security and permits upstream addresses over plain http, for loopback in the
	// dev profile.
	InsecureHTTP bool
}

// Pages serves the pages. It is made by New, and its methods may be called concurrently.
type Pages struct {
	config    Config
	templates map[pageName]*template.Template
	buffers   sync.Pool // of *bytes.Buffer, for pages under way
	plans     qrPlans
	texts     map[string]map[string]string
	assets    map[string]asset
	hrefs     hrefs
	zone      *time.Location
	origin    *http.CrossOriginProtection
}

const maxBody = 64 << 10

// New checks the whole configuration and reports every fault at once, each by the name of its field.
func New(c Config) (*Pages, error) {
	if c.Prefix == "" {
		c.Prefix = "/login/"
	}
	if c.Name == "" {
		c.Name = "Tillid"
	}
	if c.MaxBody == 0 {
		c.MaxBody = maxBody
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("web.Config."+format, args...))
		}
	}
	fault(c.Broker == nil, "Broker is required")
	fault(!strings.HasPrefix(c.Prefix, "/") || !strings.HasSuffix(c.Prefix, "/") || strings.ContainsAny(c.Prefix, "?#%\\"),
		"Prefix: %q is not a path that begins and ends with a slash", c.Prefix)
	fault(c.MaxBody < 0, "MaxBody: negative")
	for protocol, a := range c.Answerers {
		fault(a == nil, "Answerers[%q] is nil", protocol)
	}
	for field, address := range map[string]string{"Help": c.Help, "Accessibility": c.Accessibility} {
		fault(address != "" && !linkable(address), "%s: %q is neither an http(s) address nor a path", field, address)
	}
	texts, err := catalogue(c.Texts)
	if err != nil {
		fault(true, "Texts: %w", err)
	}
	zone, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		faults = append(faults, fmt.Errorf("web: the time zone: %w", err))
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	p := &Pages{config: c, texts: texts, zone: zone, origin: http.NewCrossOriginProtection()}
	if p.assets, p.hrefs, err = collectAssets(c.Prefix, c.Theme); err != nil {
		return nil, err
	}
	same := fixed{"Brand": c.Name, "Help": c.Help, "Accessibility": c.Accessibility, "Test": "",
		"Style": p.hrefs.Style, "Script": p.hrefs.Script, "Mark": p.hrefs.Mark, "Theme": p.hrefs.Theme}
	if c.Test {
		same["Test"] = "yes"
	}
	p.templates, err = parseTemplates(texts, same)
	return p, err
}

// linkable reports whether an address may stand in a link of ours.
func linkable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http" ||
		u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"))
}

// Path is the address of a transaction's page, relative to the origin.
func (p *Pages) Path(id string) string { return p.config.Prefix + id }

// ServeHTTP serves everything under the prefix: assets/NAME, and per transaction its page ID, ID/return where an upstream
// sends the browser back to, and ID/state, which a waiting page asks whether anything has happened. Other paths are 404.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ours := strings.CutPrefix(r.URL.Path, p.config.Prefix)
	first, second, nested := strings.Cut(rest, "/")
	switch {
	case ours && first == "assets" && nested:
		p.serveAsset(w, r, second)
	case !ours || !plausible(first) || nested && second != "return" && second != "state":
		p.fail(w, r, failure{status: http.StatusNotFound, key: "notfound"})
	case r.Method != http.MethodGet && (r.Method != http.MethodPost || second == "state"):
		allow := "GET, POST"
		if second == "state" {
			allow = "GET"
		}
		w.Header().Set("Allow", allow)
		p.fail(w, r, failure{status: http.StatusMethodNotAllowed, key: "method"})
	case second == "state":
		p.serveState(w, r, first)
	case second == "return":
		p.serveReturn(w, r, first)
	default:
		p.servePage(w, r, first)
	}
}

// plausible reports whether id has the form of a transaction's id, so that nothing else reaches the store.
func plausible(id string) bool {
	if len(id) != 43 {
		return false
	}
	for _, c := range []byte(id) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
