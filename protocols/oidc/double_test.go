package oidc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/protocols/oidc"
)

func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ecKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

var (
	rsaOnce sync.Once
	rsaKeys [4]*rsa.PrivateKey
)

// rsaKey returns one of a few keys that all tests share, because making one takes long.
func rsaKey(n int) crypto.Signer {
	rsaOnce.Do(func() {
		for i := range rsaKeys {
			key, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			rsaKeys[i] = key
		}
	})
	return rsaKeys[n]
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

// flaky is a store that can be down.
type flaky struct {
	broker.Store
	mu   sync.Mutex
	down bool
}

func (f *flaky) set(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

func (f *flaky) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return broker.ErrUnavailable
	}
	return nil
}

func (f *flaky) Create(ctx context.Context, r broker.Record) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Create(ctx, r)
}

func (f *flaky) Take(ctx context.Context, key string) (broker.Record, error) {
	if err := f.err(); err != nil {
		return broker.Record{}, err
	}
	return f.Store.Take(ctx, key)
}

func (f *flaky) Get(ctx context.Context, key string) (broker.Record, error) {
	if err := f.err(); err != nil {
		return broker.Record{}, err
	}
	return f.Store.Get(ctx, key)
}

// scripted is a connector that believes its form: who, and at which level.
type scripted struct{}

func (scripted) Name() string { return "scripted" }

func (scripted) Start(context.Context, broker.Ask) (broker.Turn, []byte, error) {
	return broker.Prompt{Name: "identify"}, nil, nil
}

func (scripted) Continue(_ context.Context, ask broker.Ask, _ []byte, in broker.Input) (broker.Turn, []byte, error) {
	if in.Fields["user"] == "" {
		return broker.Prompt{Name: "identify"}, nil, nil
	}
	aal, err := assurance.ParseLevel(in.Fields["level"])
	if err != nil {
		return nil, nil, err
	}
	uses := []authn.Use{{Kind: authn.CodeDisplay}, {Kind: authn.Password}}
	if aal == assurance.Low {
		uses = uses[1:]
	}
	ial := assurance.High
	if in.Fields["user"] == "david" {
		ial = assurance.Low
	}
	return broker.Proven{Identity: broker.Identity{Connector: "scripted", Person: in.Fields["user"], AuthTime: ask.Now, Uses: uses,
		Levels: assurance.Levels{IAL: ial, AAL: aal, FAL: assurance.High}}}, nil, nil
}

type people map[authn.PersonID]authn.Person

func (p people) Person(_ context.Context, id authn.PersonID) (authn.Person, error) {
	if person, ok := p[id]; ok {
		return person, nil
	}
	return authn.Person{}, authn.ErrNotFound
}

const annasCPR = "7403751231" // day + 60: fictitious

func testPeople() people {
	born, err := authn.ParseDate("1975-03-14")
	if err != nil {
		panic(err)
	}
	cpr, err := authn.ParseCPR(annasCPR)
	if err != nil {
		panic(err)
	}
	out := people{}
	for _, p := range []authn.Person{
		{ID: "anna", GivenName: "Anna", FamilyName: "Prøve", BirthDate: born, CPR: cpr, UUID: "7cd60a06-8d6d-4d4a-a3a7-2b5a6d0e1f00"},
		{ID: "bo", GivenName: "Bo", FamilyName: "Prøve", BirthDate: born},
		{ID: "david", GivenName: "David", FamilyName: "Prøve"},
		{ID: "frida", GivenName: "Frida", FamilyName: "Prøve", BirthDate: born, CPR: cpr, Protected: true},
	} {
		p.State = authn.PersonActive
		out[p.ID] = p
	}
	return out
}

// testClients are one client of each kind.
func testClients() []oidc.Client {
	back := []string{callback}
	all := []string{"profile", "mitid", "ssn"}
	bye := []string{goodbye}
	return []oidc.Client{
		{ID: "app", RedirectURIs: append(back, "http://127.0.0.1/native"), Organisation: "org", MinimumLoA: assurance.Low, SSO: true, Claims: all[:2], PostLogoutRedirectURIs: bye, Name: "Appen"},
		{ID: "web", Secret: webWord, RedirectURIs: back, Organisation: "org", SSO: true, Claims: all, CPRBasis: "law:test", PostLogoutRedirectURIs: bye},
		{ID: "basic", Secret: webWord + "1", AuthMethod: oidc.AuthBasic, RedirectURIs: back, Organisation: "other"},
		{ID: "post", Secret: webWord + "2", AuthMethod: oidc.AuthPost, RedirectURIs: back},
		{ID: "authority", RedirectURIs: back, Public: true, Claims: all, CPRBasis: "public"},
		{ID: "rs", RedirectURIs: back, SigningAlg: oidc.RS256, MinimumLoA: assurance.Low},
		{ID: "ps", RedirectURIs: back, SigningAlg: oidc.PS256, MinimumLoA: assurance.Low},
		{ID: "bare", RedirectURIs: back, LevelDialect: assurance.Bare, AMRDialect: oidc.AMRRFC8176},
		{ID: "once", RedirectURIs: back, GrantTypes: []string{"authorization_code"}},
		{ID: "asking", RedirectURIs: back, Claims: all[:1], Consent: true, SSO: true},
		{ID: "off", RedirectURIs: back, Disabled: true},
	}
}

// events are what the audit log says happened, and all of it as text.
func (w *world) events() (events []string, text string) {
	w.t.Helper()
	must(w.t, w.log.Record(w.t.Context(), broker.Line{Time: w.clock.now(), Event: "read"})) // carries what was noted
	var out bytes.Buffer
	must(w.t, audit.Export(w.t.Context(), w.db, &out))
	for line := range strings.Lines(out.String()) {
		var r struct {
			Entry struct{ Line broker.Line }
		}
		must(w.t, json.Unmarshal([]byte(line), &r))
		events = append(events, r.Entry.Line.Event)
	}
	return events, out.String()
}

const minute = time.Minute

type configuration = oidc.Config

// contains reports whether the text holds every one of the parts.
func contains(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
