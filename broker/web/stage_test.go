package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/memstore"
)

// stage is a broker with pages on a server of its own, and a service on another origin that sends people there.
type stage struct {
	t       testing.TB
	server  *httptest.Server
	service *httptest.Server
	broker  *broker.Broker
	pages   *Pages
	store   *fragile
	arrived chan url.Values // what came back to the service
	log     *strings.Builder
}

// fragile is a store that can be taken down.
type fragile struct {
	broker.Store
	down atomic.Bool
}

func (f *fragile) Get(ctx context.Context, key string) (broker.Record, error) {
	if f.down.Load() {
		return broker.Record{}, broker.ErrUnavailable
	}
	return f.Store.Get(ctx, key)
}

const answer = "234567"

var now = time.Date(2026, 6, 6, 11, 5, 0, 0, time.UTC)

// script is a connector that does what the user ID says.
type script struct{ name string }

func (s script) Name() string { return s.name }

func (s script) Start(context.Context, broker.Ask) (broker.Turn, []byte, error) {
	if s.name == "nemid" {
		return broker.Prompt{Name: "shoe_size", Fields: []broker.Field{{Name: "length", Numeric: true}, {Name: "laces"}}}, []byte("odd"), nil
	}
	return identify(""), []byte("identify"), nil
}

func identify(problem string) broker.Prompt {
	return broker.Prompt{Name: "identify", Problem: problem, Fields: []broker.Field{{Name: "user_id", MaxLength: 48, Autocomplete: "username"}}}
}

var others = []broker.Option{{Value: "app", Label: "kind.app"}, {Value: "chip", Label: "kind.chip"}, {Value: "sundial", Label: "Solur & skygge"}}

func code(problem string, args map[string]string) broker.Prompt {
	p := broker.Prompt{Name: "code", Problem: problem, Args: map[string]string{"kind": "code_display"}, Others: others,
		Fields: []broker.Field{{Name: "code", Numeric: true, MaxLength: 6, Autocomplete: "one-time-code"}}}
	for k, v := range args {
		p.Args[k] = v
	}
	return p
}

func wait(ask broker.Ask) broker.Wait {
	return broker.Wait{Name: "app", Poll: time.Second, Others: []broker.Option{{Value: "code_display", Label: "kind.code_display"}},
		Show:   map[string]string{"code": "tillid:1:" + ask.Channel, "channel": ask.Channel, "number": "0481"},
		Action: ask.Action, Text: ask.Text}
}

func (s script) Continue(_ context.Context, ask broker.Ask, state []byte, in broker.Input) (broker.Turn, []byte, error) {
	proven := broker.Proven{Identity: broker.Identity{Connector: s.name, Person: "p1", AuthTime: ask.Now,
		Levels: assurance.Levels{IAL: assurance.Substantial, AAL: assurance.Substantial, FAL: assurance.High}}}
	if in.Fields["use"] == "app" || in.Fields["user_id"] == "app" {
		return wait(ask), []byte("app"), nil
	}
	if in.Fields["use"] == "code_display" {
		return code("", nil), []byte("code"), nil
	}
	switch string(state) {
	case "identify":
		switch in.Fields["user_id"] {
		case "refuse":
			return nil, nil, broker.Fail(broker.Refused, "The person's eID is blocked.")
		case "level":
			return nil, nil, broker.Fail(broker.LevelUnmet, "Level High needs password and chip.")
		case "busy":
			return nil, nil, broker.Fail(broker.Busy, "Too many passwords at once.")
		case "fault":
			return nil, nil, errors.New("secret cause")
		case "up":
			return broker.Redirect{URL: "https://upstream.example/authorize?x=1"}, []byte("up"), nil
		case "evil":
			return broker.Redirect{URL: "javascript:alert(1)"}, []byte("up"), nil
		case "post":
			return broker.Post{URL: "https://upstream.example/sso", Fields: map[string]string{"SAMLRequest": "PHg+", "submit": "\"><script>"}}, []byte("up"), nil
		}
		return code("", nil), []byte("code"), nil
	case "code":
		switch in.Fields["code"] {
		case answer:
			return broker.Prompt{Name: "password", Args: map[string]string{"kind": "password"},
				Fields: []broker.Field{{Name: "password", Secret: true, MaxLength: 128, Autocomplete: "current-password"}}}, []byte("password"), nil
		case "paused":
			return code("auth.paused", map[string]string{"until": now.Add(30 * time.Minute).Format(time.RFC3339)}), state, nil
		}
		return code("otp.wrong", nil), state, nil
	case "password":
		if in.Fields["password"] != "Prøve-kode-2026" {
			return identify("login.failed"), []byte("identify"), nil
		}
		return proven, nil, nil
	case "app":
		if in.Remote {
			return wait(ask), []byte("approved"), nil
		}
		return wait(ask), state, nil
	case "approved", "odd":
		return proven, nil, nil
	case "up":
		if in.Request == nil || in.Request.FormValue("answer") != "good" {
			return nil, nil, broker.Fail(broker.Refused, "The upstream did not log the person in.")
		}
		return proven, nil, nil
	}
	return nil, nil, errors.New("unknown state")
}

type parties struct{}

func (parties) RelyingParty(_ context.Context, protocol, id string) (broker.RelyingParty, error) {
	p := broker.RelyingParty{Protocol: protocol, ID: id, Name: "Kommunens selvbetjening", NameEN: "Municipal self-service",
		Claims: []string{"profile", "mitid", "ssn"}, CPRBasis: broker.BasisConsent, SSO: true}
	switch id {
	case "plain":
		p.Connectors = []string{"mitid"}
	case "consent":
		p.Consent = true
	case "high":
		p.Minimum = assurance.Minimum{LoA: assurance.High}
	case "above":
		p.Minimum = assurance.Minimum{LoA: assurance.Substantial, IAL: assurance.High}
	case "hostile":
		p.Name, p.NameEN = `<script>alert("navn")</script>`, `<script>alert("name")</script>`
	case "gone":
		return p, broker.ErrNotFound
	}
	return p, nil
}

type people struct{}

func (people) Person(_ context.Context, id authn.PersonID) (authn.Person, error) {
	if id != "p1" {
		return authn.Person{}, broker.ErrNotFound
	}
	cpr, err := authn.ParseCPR("661290-1234")
	return authn.Person{ID: id, State: authn.PersonActive, GivenName: "Anna", FamilyName: "Ærø", CPR: cpr,
		BirthDate: authn.Date{Year: 1990, Month: time.December, Day: 6}, UUID: "3f0c1f0e-9d5c-4f0a-8f43-5f0f3f6f6c11", IAL: assurance.Substantial}, err
}

// Answer redirects to the service, whose address is the request's data.
func (s *stage) Answer(w http.ResponseWriter, r *http.Request, tx broker.Transaction, step broker.Step) bool {
	to := string(tx.Request.Data)
	if to == "" {
		return false
	}
	q := url.Values{}
	switch step := step.(type) {
	case broker.Done:
		q.Set("code", step.Result.Code())
		q.Set("loa", step.Result.Levels().LoA().String())
	case broker.Refuse:
		q.Set("error", string(step.Err.Code))
	case broker.Left:
		q.Set("left", "yes")
	}
	http.Redirect(w, r, to+"?"+q.Encode(), http.StatusSeeOther)
	return true
}

func newStage(t testing.TB, change ...func(*Config)) *stage {
	t.Helper()
	s := &stage{t: t, arrived: make(chan url.Values, 16), log: new(strings.Builder)}
	clock := func() time.Time { return now }
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite::memory:", Now: clock})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context(), audit.Component, audit.Migrations()))
	must(t, db.Migrate(t.Context(), ledger.Component, ledger.Migrations()))
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	lines, err := audit.Open(t.Context(), audit.Config{DB: db, Signer: signer, Now: clock})
	must(t, err)
	t.Cleanup(func() { _ = lines.Close(context.Background()) })
	secrets := [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
	book, err := ledger.New(t.Context(), ledger.Config{DB: db, Audit: lines, Secrets: secrets, Now: clock})
	must(t, err)
	store, err := memstore.New(memstore.Config{Now: clock})
	must(t, err)
	s.store = &fragile{Store: store}
	s.broker, err = broker.New(broker.Config{FAL: assurance.High, Store: s.store, Ledger: book, Directory: people{}, RelyingParties: parties{},
		Connectors: []broker.Connector{script{"mitid"}, script{"nemid"}}, Secrets: secrets, Now: clock, InsecureCookies: true})
	must(t, err)
	c := Config{Broker: s.broker, Answerers: map[string]Answerer{"test": s}, People: people{}, Test: true, InsecureHTTP: true,
		Help: "/help", Accessibility: "/was", Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	for _, f := range change {
		f(&c)
	}
	s.pages, err = New(c)
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/login/", s.pages)
	mux.HandleFunc("/start", s.start)
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	s.service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cb" {
			s.arrived <- r.URL.Query()
		}
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>service</title><p id=arrived>"+r.URL.Query().Get("loa"))
	}))
	t.Cleanup(s.service.Close)
	return s
}

// start plays the protocol's part: a request, or a logout.
func (s *stage) start(w http.ResponseWriter, r *http.Request) {
	br := s.broker.Browser(r)
	q := r.URL.Query()
	var data []byte
	if !q.Has("nowhere") {
		data = []byte(s.service.URL + "/cb")
	}
	var langs []string
	if q.Has("lang") {
		langs = q["lang"]
	}
	var tx broker.Transaction
	var step broker.Step
	var err error
	if q.Has("logout") {
		tx, step, err = s.broker.BeginLogout(r.Context(), broker.LogoutRequest{Protocol: "test", Party: q.Get("party"), Languages: langs, Data: data}, br)
	} else {
		tx, step, err = s.broker.Begin(r.Context(), broker.Request{Protocol: "test", Party: q.Get("party"), Claims: q["claim"],
			Text: q.Get("text"), Action: broker.Action(q.Get("action")), Languages: langs, Fetched: true, Data: data}, br)
	}
	if err != nil {
		s.pages.Error(w, r, 0, broker.CodeOf(err), broker.TextOf(err))
		return
	}
	br.SetCookies(w.Header())
	if showable(step) {
		http.Redirect(w, r, s.pages.Path(tx.ID), http.StatusSeeOther)
		return
	}
	s.pages.answer(w, r, tx, step)
}

// visitor is one browser without JavaScript.
type visitor struct {
	s       *stage
	client  *http.Client
	headers http.Header
}

func (s *stage) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	must(s.t, err)
	return &visitor{s: s, headers: http.Header{}, client: &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// reply is a response with its body read.
type reply struct {
	*http.Response
	body string
}

func (v *visitor) do(method, address string, body io.Reader, kind string) reply {
	v.s.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.s.server.URL + address
	}
	r, err := http.NewRequestWithContext(v.s.t.Context(), method, address, body)
	must(v.s.t, err)
	r.Header = v.headers.Clone()
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := v.client.Do(r)
	must(v.s.t, err)
	defer resp.Body.Close() //nolint:errcheck // read to the end below
	read, err := io.ReadAll(resp.Body)
	must(v.s.t, err)
	return reply{resp, string(read)}
}

func (v *visitor) get(address string) reply { return v.do(http.MethodGet, address, nil, "") }

// post sends a form of pairs of name and value.
func (v *visitor) post(address string, pairs ...string) reply {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return v.do(http.MethodPost, address, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded")
}

// begin starts a login or logout and returns the path of its page.
func (v *visitor) begin(query string) string {
	v.s.t.Helper()
	r := v.get("/start?" + query)
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), "/login/") {
		v.s.t.Fatalf("start?%s answered %d %s\n%s", query, r.StatusCode, r.Header.Get("Location"), r.body)
	}
	return r.Header.Get("Location")
}

func (r reply) wants(t testing.TB, status int, parts ...string) {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d\n%s", r.StatusCode, status, r.body)
	}
	for _, p := range parts {
		if !strings.Contains(r.body, p) {
			t.Errorf("the page lacks %q:\n%s", p, r.body)
		}
	}
}

func (r reply) leads(t testing.TB, to, name, value string) {
	t.Helper()
	at, err := r.Location()
	if err != nil || r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at.String(), to) || at.Query().Get(name) != value {
		t.Fatalf("answered %d to %v (%v), want 303 to %s with %s=%s\n%s", r.StatusCode, at, err, to, name, value, r.body)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// approve answers the app that a page waits for.
func (s *stage) approve(page string) {
	s.t.Helper()
	_, channel, ok := strings.Cut(page, `data-channel="`)
	channel, _, closed := strings.Cut(channel, `"`)
	if !ok || !closed {
		s.t.Fatalf("the page names no channel:\n%s", page)
	}
	_, _, err := s.broker.Remote(s.t.Context(), channel, broker.Input{Fields: map[string]string{"do": "answer"}})
	must(s.t, err)
}
