package oidc_test

import (
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/protocols/oidc"
)

// New says everything that is wrong at once, each by the name of its field.
func TestNewReportsEveryFault(t *testing.T) {
	_, err := oidc.New(oidc.Config{Issuer: "http://op.example/", Lifetimes: oidc.Lifetimes{IDToken: -1}, Secrets: [][]byte{[]byte("short")}})
	for _, field := range []string{"Issuer", "Broker", "Clients", "People", "Keys", "Store", "Lifetimes", "Secrets"} {
		if err == nil || !strings.Contains(err.Error(), "oidc.Config."+field) {
			t.Errorf("nothing about %s in %v", field, err)
		}
	}
	if _, err := oidc.New(oidc.Config{}); err == nil || !strings.Contains(err.Error(), "Secrets: at least one") {
		t.Errorf("%v", err)
	}
}

// An issuer is an https address that means one thing.
func TestIssuer(t *testing.T) {
	w := newWorld(t)
	with := func(issuer string, loopback bool) error {
		_, err := oidc.New(oidc.Config{Issuer: issuer, Broker: w.broker, Clients: w.registry, People: w.people, Keys: w.keys, Store: w.store,
			Secrets: [][]byte{testSecret}, InsecureLoopback: loopback})
		return err
	}
	for _, good := range []string{"https://op.example", "https://op.example:8443", "https://op.example/op/main"} {
		must(t, with(good, false))
	}
	must(t, with("http://localhost:8400", true))
	for _, bad := range []string{"", "op.example", "http://op.example", "http://localhost:8400", "https://op.example/", "https://op.example?x", "https://op.example#x",
		"https://u@op.example", "https://op.example/%6fp", "HTTPS://op.example", "https:///op", "ftp://op.example", "https://op.example/a/../b"} {
		if with(bad, false) == nil {
			t.Errorf("%q is an issuer", bad)
		}
	}
	if with("http://op.example", true) == nil {
		t.Error("http beyond loopback in the dev profile")
	}
}

// A registration is checked as a whole, each fault by its name on the wire.
func TestClientReportsEveryFault(t *testing.T) {
	bad := oidc.Client{ID: "a b", Secret: "short", SecretDigest: "x", AuthMethod: "client_secret_jwt",
		RedirectURIs:           []string{"javascript:alert(1)", "http://rp.example/cb", "https://rp.example/cb#x", "com.example.app:/cb"},
		PostLogoutRedirectURIs: []string{"https://*.example"}, BackchannelLogoutURI: "ftp://rp.example",
		GrantTypes: []string{"implicit"}, ResponseTypes: []string{"token"}, SigningAlg: "HS256", MinimumLoA: 9, LevelDialect: "latin", AMRDialect: "x",
		Claims: []string{"ssn", "everything"}}
	err := bad.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, field := range []string{"client_id", "client_secret and", "client_secret has", "client_secret_sha256 is", "token_endpoint_auth_method", "javascript:", "http://rp.example", "#x", "com.example.app",
		"backchannel_logout_uri", "grant_types: ", "grant_types lacks", "response_types", "id_token_signed_response_alg", "minimum_loa", "level_dialect", "amr_dialect", "ssn needs", "everything"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("nothing about %q in:\n%v", field, err)
		}
	}
	for _, c := range []oidc.Client{
		{ID: "x"}, {ID: "x", RedirectURIs: []string{callback}, AuthMethod: oidc.AuthBasic}, {ID: "x", RedirectURIs: []string{callback}, AuthMethod: oidc.AuthPrivateKey},
		{ID: "x", RedirectURIs: []string{callback}, AuthMethod: oidc.AuthNone, Secret: webWord},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	for _, c := range testClients() {
		must(t, c.Validate())
	}
	native := oidc.Client{ID: "native", RedirectURIs: []string{"com.example.app:/cb", "http://127.0.0.1/cb", "http://localhost:3000/cb"}}
	must(t, native.Validate())
}

// What the broker gets to know of a client is what was registered.
func TestClientAsRelyingParty(t *testing.T) {
	w := newWorld(t)
	p, err := w.registry.RelyingParty(t.Context(), "oidc", "web")
	must(t, err)
	if p.Organisation != "org" || !p.SSO || p.CPRBasis != "law:test" || len(p.Claims) != 3 || p.Minimum.LoA != assurance.None {
		t.Errorf("%+v", p)
	}
	for _, unknown := range [][2]string{{"saml", "web"}, {"oidc", "nobody"}} {
		if _, err := w.registry.RelyingParty(t.Context(), unknown[0], unknown[1]); err == nil {
			t.Errorf("%v is known", unknown)
		}
	}
	if len(w.registry.List()) != len(testClients()) {
		t.Error("the list lacks clients")
	}
	for _, c := range w.registry.List() {
		if c.Secret != "" {
			t.Errorf("%s: the registry keeps the secret", c.ID)
		}
	}
}
