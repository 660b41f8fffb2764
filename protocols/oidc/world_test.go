package oidc_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/memstore"
	"github.com/tillid/tillid/protocols/oidc"
)

const (
	callback = "https://rp.example/cb"
	goodbye  = "https://rp.example/bye"
	verifier = "a-code-verifier-that-is-long-enough-for-rfc-7636"
	webWord  = "web-secret-0123456789abcdefghijklmnop"
)

var testSecret = []byte("0123456789abcdef0123456789abcdef")

// world is a provider in front of a real broker with store, ledger and audit log, served on loopback.
type world struct {
	t        testing.TB
	clock    *clock
	store    *flaky
	log      *audit.Log
	db       *sqldb.DB
	registry *oidc.Registry
	keys     *oidc.Keys
	broker   *broker.Broker
	provider *oidc.Provider
	people   people
	issuer   string
	server   *httptest.Server
}

type option func(*oidc.Config, *world)

func newWorld(t testing.TB, options ...option) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, clock: &clock{at: time.Now().Truncate(time.Second)}, people: testPeople()}
	memory, err := memstore.New(memstore.Config{Now: w.clock.now})
	must(t, err)
	w.store = &flaky{Store: memory}
	w.db, err = sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	must(t, err)
	must(t, errors.Join(w.db.Migrate(ctx, audit.Component, audit.Migrations()),
		w.db.Migrate(ctx, ledger.Component, ledger.Migrations())))
	w.log, err = audit.Open(ctx, audit.Config{DB: w.db, Signer: ecKey(t), Now: w.clock.now})
	must(t, err)
	l, err := ledger.New(ctx, ledger.Config{DB: w.db, Audit: w.log, Secrets: [][]byte{testSecret}, Now: w.clock.now})
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(w.log.Close(context.WithoutCancel(ctx)), w.db.Close()); err != nil {
			t.Error(err)
		}
	})
	w.registry, err = oidc.NewRegistry(testClients()...)
	must(t, err)
	w.keys, err = oidc.NewKeys(oidc.Key{Signer: ecKey(t), Algorithm: oidc.ES256},
		oidc.Key{Signer: rsaKey(1), Algorithm: oidc.RS256}, oidc.Key{Signer: rsaKey(2), Algorithm: oidc.PS256})
	must(t, err)
	departers := map[string]broker.Departer{}
	w.broker, err = broker.New(broker.Config{FAL: assurance.High, Store: w.store, Ledger: l, Directory: w.people,
		RelyingParties: w.registry, Connectors: []broker.Connector{scripted{}}, Secrets: [][]byte{testSecret}, Now: w.clock.now,
		Departers: departers, InsecureCookies: true})
	must(t, err)
	w.server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.server.Close)
	w.issuer = w.server.URL
	c := oidc.Config{Issuer: w.server.URL, Broker: w.broker, Clients: w.registry, People: w.people, Keys: w.keys, Store: w.store,
		Secrets: [][]byte{testSecret}, InsecureLoopback: true}
	for _, o := range options {
		o(&c, w)
	}
	w.issuer = c.Issuer
	w.provider, err = oidc.New(c)
	must(t, err)
	departers[oidc.Protocol] = w.provider
	return w
}

// serve is what a program around the provider does: its paths, and pages for what the broker wants in between.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	if w.provider.Owns(r.URL.Path) {
		w.provider.ServeHTTP(rw, r)
		return
	}
	id, ok := strings.CutPrefix(r.URL.Path, "/login/")
	if !ok {
		http.NotFound(rw, r)
		return
	}
	fields := map[string]string{}
	for name := range r.URL.Query() {
		fields[name] = r.URL.Query().Get(name)
	}
	br := w.broker.Browser(r)
	tx, step, err := w.broker.Next(r.Context(), id, br, broker.Input{Fields: fields})
	if err != nil {
		http.Error(rw, err.Error(), http.StatusGone)
		return
	}
	br.SetCookies(rw.Header())
	switch s := step.(type) {
	case broker.Consenting:
		_, _ = io.WriteString(rw, "consent")
	case broker.Show:
		_, _ = io.WriteString(rw, "show")
	case broker.Leave:
		_, _ = io.WriteString(rw, "leave")
	case broker.Refuse:
		if s.Explain {
			_, _ = io.WriteString(rw, "explain: "+s.Err.Text)
			return
		}
		if !w.provider.Answer(rw, r, tx, step) {
			_, _ = io.WriteString(rw, "stayed")
		}
	default:
		if !w.provider.Answer(rw, r, tx, step) {
			_, _ = io.WriteString(rw, "left")
		}
	}
}

// browser follows redirects inside the provider and stops at those that lead out.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(w.t, err)
	inside := w.server.Listener.Addr().String()
	return &browser{w, &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != inside {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// page is an answer as a test looks at it.
type page struct {
	status int
	header http.Header
	body   string
	at     *url.URL   // where it was found
	to     *url.URL   // where it leads out to, or nil
	params url.Values // of to
}

func (b *browser) do(r *http.Request) page {
	b.w.t.Helper()
	resp, err := b.client.Do(r)
	must(b.w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b.w.t, err)
	p := page{status: resp.StatusCode, header: resp.Header, body: string(body), at: resp.Request.URL}
	if l := resp.Header.Get("Location"); l != "" {
		p.to, err = url.Parse(l)
		must(b.w.t, err)
		p.params = p.to.Query()
	}
	return p
}

func (b *browser) get(address string) page {
	b.w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	must(b.w.t, err)
	return b.do(r)
}

// request is a valid authorization request, with pairs of names and values changed in it; "-" removes.
func (w *world) request(client string, changes ...string) url.Values {
	v := url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"st&te"}, "nonce": {"n0nce"}, "code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"}}
	change(v, changes)
	return v
}

func change(v url.Values, changes []string) {
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "-" {
			v.Del(changes[i])
		} else {
			v.Set(changes[i], changes[i+1])
		}
	}
}

func (b *browser) authorize(v url.Values) page {
	b.w.t.Helper()
	return b.get(b.w.issuer + "/oidc/authorize?" + v.Encode())
}

// prove fills in the scripted login page.
func (b *browser) prove(p page, user, level string) page {
	b.w.t.Helper()
	if p.body != "show" {
		b.w.t.Fatalf("not at a login page: %d %q %v", p.status, p.body, p.to)
	}
	return b.get(b.w.server.URL + p.at.Path + "?user=" + user + "&level=" + level)
}

// login logs anna in at Substantial and returns the code.
func (b *browser) login(v url.Values) string {
	b.w.t.Helper()
	return b.code(b.prove(b.authorize(v), "anna", "Substantial"))
}

// code takes the code out of an answer to the callback.
func (b *browser) code(p page) string {
	b.w.t.Helper()
	if p.status != http.StatusSeeOther || p.to == nil || p.params.Get("code") == "" || p.params.Get("iss") != b.w.issuer {
		b.w.t.Fatalf("no code: %d %q %v", p.status, p.body, p.to)
	}
	return p.params.Get("code")
}

// tokens is a token response.
type tokens struct {
	status  int
	header  http.Header
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
	Text    string `json:"error_description"`
}

// post sends a form to an endpoint; auth is "client:secret" for basic, or "".
func (w *world) post(path, auth string, form url.Values) tokens {
	w.t.Helper()
	status, header, body := w.send(path, auth, form)
	out := tokens{status: status, header: header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &out); err != nil {
			w.t.Fatalf("%s: %d %q", path, status, body)
		}
	}
	return out
}

func (w *world) send(path, auth string, form url.Values) (int, http.Header, []byte) {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	must(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if id, secret, ok := strings.Cut(auth, ":"); ok {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	}
	return w.roundTrip(r)
}

func (w *world) roundTrip(r *http.Request) (int, http.Header, []byte) {
	w.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	must(w.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return resp.StatusCode, resp.Header, body
}

// redeem exchanges a code of the public client, with changes.
func (w *world) redeem(code string, changes ...string) tokens {
	w.t.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "client_id": {"app"},
		"code_verifier": {verifier}}
	change(v, changes)
	return w.post("/oidc/token", "", v)
}

func (w *world) refresh(client, token string) tokens {
	w.t.Helper()
	return w.post("/oidc/token", "", url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {token}})
}

// bearer calls a resource with an access token.
func (w *world) bearer(method, path, token, body string) (int, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequest(method, w.issuer+path, strings.NewReader(body))
	must(w.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	status, _, text := w.roundTrip(r)
	out := map[string]any{}
	if err := json.Unmarshal(text, &out); err != nil {
		w.t.Fatalf("%s: %d %q", path, status, text)
	}
	return status, out
}

func (w *world) userinfo(token string) (int, map[string]any) {
	w.t.Helper()
	return w.bearer(http.MethodGet, "/oidc/userinfo", token, "")
}

// claims reads a JWT's payload without verifying it.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	return part(t, token, 1)
}

func part(t testing.TB, token string, n int) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is not a JWT", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[n])
	must(t, err)
	out := map[string]any{}
	must(t, json.Unmarshal(raw, &out))
	return out
}
