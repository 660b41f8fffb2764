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

// A file is read whole, and what is wrong in it is said with its line and the key that may have been meant.
func TestParseClients(t *testing.T) {
	good := `
client_id: one
client_secret: ` + webWord + `
redirect_uris: [https://rp.example/cb]
minimum_loa: high
level_dialect: oiosaml3
jwks:
  keys:
    - {kty: EC, crv: P-256, x: MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4, y: 4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM}
token_endpoint_auth_method: client_secret_basic
---
- client_id: two
  redirect_uris: [https://rp.example/cb]
`
	clients, err := oidc.ParseClients("rp.yaml", []byte(good))
	must(t, err)
	if len(clients) != 2 || clients[0].MinimumLoA != assurance.High || clients[0].JWKS.IsZero() || clients[1].ID != "two" {
		t.Errorf("%+v", clients)
	}
	if text := strings.Join([]string{clients[0].Secret.String()}, ""); strings.Contains(text, webWord) {
		t.Error("the secret prints")
	}
	for text, want := range map[string][]string{
		"client_id: x\nredirect_urls: [https://rp.example/cb]\n":                   {"rp.yaml: line 2", `"redirect_urls"`, `"redirect_uris"`},
		"client_id: x\nredirect_uris: [https://rp.example/cb]\nsso: perhaps\n":     {"rp.yaml: line 3"},
		"client_id: x\nredirect_uris: [https://rp.example/cb]\nminimum_loa: big\n": {"rp.yaml", "big"},
		"client_id: x\nclient_idd: y\nred: z\n":                                    {"line 2", "line 3"},
		"- 5\n":                                                                    {"line 1", "mapping"},
		"":                                                                         {"no client"},
		"{\"client_id\"":                                                           {"rp.yaml"},
		"client_id: x\ninsecure_any_loopback_redirect: true\n":                     {"line 2"},
		"- {client_id: x, redirect_uris: [https://a/b]}\n- {client_id: x, redirect_uris: [https://a/b]}": {"twice"},
	} {
		_, err := oidc.ParseClients("rp.yaml", []byte(text))
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q", text, err, part)
			}
		}
	}
}
