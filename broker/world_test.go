package broker_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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

// world is a broker with a real store, ledger and audit log, and a connector that proves what it is told to.
type world struct {
	t         *testing.T
	ctx       context.Context
	clock     *clock
	broker    *broker.Broker
	config    broker.Config
	store     *counting
	ledger    *faulty
	connector *scripted
	departer  *departer
	people    *people
	parties   *parties
	log       *audit.Log
	db        *sqldb.DB
	key       crypto.PublicKey
	tx        string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, ctx: ctx, clock: &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
		connector: &scripted{}, departer: &departer{}, people: newPeople(), parties: newParties()}
	w.departer.fail.Store(true)
	memory, err := memstore.New(memstore.Config{Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	w.store = &counting{Store: memory}
	w.db, err = sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.db.Migrate(ctx, audit.Component, audit.Migrations()),
		w.db.Migrate(ctx, ledger.Component, ledger.Migrations())); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.key = key.Public()
	w.log, err = audit.Open(ctx, audit.Config{DB: w.db, Signer: key, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.New(ctx, ledger.Config{DB: w.db, Audit: w.log, Secrets: [][]byte{testSecret}, Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.log.Close(context.WithoutCancel(ctx)), w.db.Close()); err != nil {
			t.Error(err)
		}
	})
	w.ledger = &faulty{Ledger: l}
	w.config = broker.Config{FAL: assurance.High, Store: w.store, Ledger: w.ledger, Directory: w.people,
		RelyingParties: w.parties, Connectors: []broker.Connector{w.connector},
		Departers: map[string]broker.Departer{"oidc": w.departer}, Secrets: [][]byte{testSecret}, Now: w.clock.now}
	w.broker = w.another(func(*broker.Config) {})
	return w
}

// another is a second broker on the same store and ledger, as after a change of its configuration.
func (w *world) another(change func(*broker.Config)) *broker.Broker {
	w.t.Helper()
	c := w.config
	change(&c)
	b, err := broker.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func request(party string) broker.Request {
	r := broker.Request{Protocol: "oidc", Party: party, Fetched: true}
	if party == "asking" {
		r.Claims = []string{"profile"}
	}
	return r
}

// login goes through a login and returns its result.
func (w *world) login(br *browser, r broker.Request, user string, level assurance.Level) broker.Result {
	w.t.Helper()
	tx, step, err := w.broker.Begin(w.ctx, r, br.open())
	if err == nil {
		if _, ok := step.(broker.Show); !ok {
			w.t.Fatalf("%T", step)
		}
		_, step, err = w.next(br, tx.ID, map[string]string{"user": user, "level": level.String()})
	}
	done, ok := step.(broker.Done)
	if err != nil || !ok {
		w.t.Fatalf("%#v, %v", step, err)
	}
	return done.Result
}

func (w *world) next(br *browser, tx string, fields map[string]string) (broker.Transaction, broker.Step, error) {
	state := br.open()
	got, step, err := w.broker.Next(w.ctx, tx, state, broker.Input{Fields: fields})
	br.close(state)
	return got, step, err
}

func (w *world) redeem(party, code string) broker.Grant {
	w.t.Helper()
	result, err := w.broker.Redeem(w.ctx, "oidc", party, code)
	if err != nil {
		w.t.Fatal(err)
	}
	grant, err := w.broker.Grant(w.ctx, result, broker.GrantTerms{Life: time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	return grant
}

// mustLog fails unless every event is in the audit log and the log verifies.
func (w *world) mustLog(events ...string) {
	w.t.Helper()
	seen := w.events()
	for _, e := range events {
		if !slices.Contains(seen, e) {
			w.t.Errorf("%q is not in the audit log: %q", e, seen)
		}
	}
}

// browser keeps cookies, as browsers do.
type browser struct {
	w   *world
	mu  sync.Mutex
	jar map[string]*http.Cookie
}

func (w *world) browser() *browser { return &browser{w: w, jar: map[string]*http.Cookie{}} }

// open is one request of the browser. Its first answer sets the binding cookie, which is kept at once.
func (b *browser) open() *broker.Browser {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range b.jar {
		r.AddCookie(c)
	}
	state := b.w.broker.Browser(r)
	if len(b.jar) == 0 {
		b.keep(state)
	}
	return state
}

// close takes in the cookies of an answer.
func (b *browser) close(state *broker.Browser) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep(state)
}

func (b *browser) keep(state *broker.Browser) {
	w := httptest.NewRecorder()
	state.SetCookies(w.Header())
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c
		}
	}
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// scripted is a connector that believes its form: {"user": who, "level": AAL, "ial": IAL}, or {"wait": who} for a device to answer.
type scripted struct {
	mu   sync.Mutex
	asks []broker.Ask
}

func (s *scripted) Name() string { return "scripted" }

func (s *scripted) Start(_ context.Context, ask broker.Ask) (broker.Turn, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, ask)
	return broker.Prompt{Name: "identify", Fields: []broker.Field{{Name: "user", MaxLength: 48}}}, []byte("start"), nil
}

func (s *scripted) last() broker.Ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asks[len(s.asks)-1]
}

func (s *scripted) Continue(_ context.Context, ask broker.Ask, state []byte, in broker.Input) (broker.Turn, []byte, error) {
	f := in.Fields
	wait := broker.Wait{Name: "app", Poll: time.Second, Index: "waiting-anna", Action: ask.Action}
	switch {
	case f["fail"] != "":
		return nil, nil, broker.Fail(broker.Refused, "The connector refuses.")
	case f["wait"] != "":
		return wait, []byte("waiting"), nil
	case f["do"] == "claim":
		return broker.Reply{Fields: map[string]string{"party": ask.Party}}, state, nil
	case f["do"] == "answer":
		return wait, []byte("approved"), nil
	case string(state) == "approved":
		return s.prove(ask, "anna", "", assurance.Substantial)
	case string(state) == "waiting":
		return wait, state, nil
	case f["level"] == "":
		return broker.Prompt{Name: "level"}, []byte("user " + f["user"]), nil
	}
	level, err := assurance.ParseLevel(f["level"])
	if err != nil {
		return nil, nil, err
	}
	user := f["user"]
	if user == "" {
		user = string(state[len("user "):])
	}
	return s.prove(ask, user, f["ial"], level)
}

func (s *scripted) prove(ask broker.Ask, user, proofed string, aal assurance.Level) (broker.Turn, []byte, error) {
	ial := assurance.Substantial
	if user == "david" {
		ial = assurance.Low
	}
	if level, err := assurance.ParseLevel(proofed); err == nil {
		ial = level
	}
	return broker.Proven{Identity: broker.Identity{Connector: "scripted", Person: user, AuthTime: ask.Now,
		Levels: assurance.Levels{IAL: ial, AAL: aal, FAL: assurance.High}, Uses: []authn.Use{{Kind: authn.Password}}}}, nil, nil
}

// people is a directory whose people can be blocked.
type people struct {
	mu    sync.Mutex
	state map[authn.PersonID]authn.PersonState
}

func newPeople() *people {
	return &people{state: map[authn.PersonID]authn.PersonState{"anna": authn.PersonActive, "bo": authn.PersonActive,
		"david": authn.PersonActive, "blocked": authn.PersonBlocked}}
}

func (p *people) set(id authn.PersonID, s authn.PersonState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state[id] = s
}

func (p *people) Person(_ context.Context, id authn.PersonID) (authn.Person, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.state[id]
	if !ok {
		return authn.Person{}, authn.ErrNotFound
	}
	return authn.Person{ID: id, State: s}, nil
}

// parties are registered relying parties whose minimum can be raised.
type parties struct {
	mu sync.Mutex
	by map[string]broker.RelyingParty
}

func newParties() *parties {
	p := &parties{by: map[string]broker.RelyingParty{}}
	for _, rp := range []broker.RelyingParty{
		{ID: "shop", Name: "Shop", Organisation: "shops", SSO: true},
		{ID: "shop-app", Name: "Shop app", Organisation: "shops", SSO: true},
		{ID: "bank", Name: "Bank", SSO: true},
		{ID: "casual", Name: "Casual", SSO: true, Minimum: assurance.Minimum{LoA: assurance.Low}},
		{ID: "alone", Name: "Alone"},
		{ID: "asking", Name: "Asking", SSO: true, Consent: true, Claims: []string{"profile"}},
		{ID: "no-basis", Name: "No basis", Claims: []string{"ssn"}},
		{ID: "disabled", Disabled: true},
	} {
		rp.Protocol = "oidc"
		p.by[rp.ID] = rp
	}
	return p
}

func (p *parties) change(id string, f func(*broker.RelyingParty)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rp := p.by[id]
	rp.Protocol, rp.ID = "oidc", id
	f(&rp)
	p.by[id] = rp
}

func (p *parties) raise(id string, l assurance.Level) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rp := p.by[id]
	rp.Minimum = assurance.Minimum{LoA: l}
	p.by[id] = rp
}

func (p *parties) RelyingParty(_ context.Context, protocol, id string) (broker.RelyingParty, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rp, ok := p.by[id]
	if !ok || protocol != rp.Protocol {
		return rp, broker.ErrNotFound
	}
	return rp, nil
}

// events exports and verifies the audit log and returns what it says happened.
func (w *world) events() []string {
	w.t.Helper()
	if err := w.log.Record(w.ctx, broker.Line{Time: w.clock.now(), Event: "read"}); err != nil { // carries what was noted
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := audit.Export(w.ctx, w.db, &out); err != nil {
		w.t.Fatal(err)
	}
	if _, err := audit.Verify(w.ctx, w.db, audit.Check{Keys: []crypto.PublicKey{w.key}}); err != nil {
		w.t.Errorf("the audit log does not verify: %v", err)
	}
	var events []string
	for line := range strings.Lines(out.String()) {
		var r struct {
			Entry struct{ Line broker.Line }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			w.t.Fatal(err)
		}
		events = append(events, r.Entry.Line.Event)
	}
	return events
}
