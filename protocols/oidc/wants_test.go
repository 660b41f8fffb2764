package oidc

import (
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// What is asked for in several places is asked for in each, in the order and spelling of the first.
func TestBothJoins(t *testing.T) {
	low, high := assurance.Minimum{LoA: assurance.Low}, assurance.Minimum{LoA: assurance.High}
	aal := assurance.Minimum{AAL: assurance.Substantial}
	got := both([]wish{{high, assurance.NEB}, {low, assurance.Idura}}, []wish{{least: aal}})
	if len(got) != 2 || got[0].least != high.Join(aal) || got[0].dialect != assurance.NEB || got[1].least != low.Join(aal) || got[1].dialect != assurance.Idura {
		t.Errorf("%+v", got)
	}
	if got := both(nil, []wish{{least: aal, dialect: assurance.EIDAS}}); len(got) != 1 || got[0].dialect != assurance.EIDAS {
		t.Errorf("%+v", got)
	}
	if got := both([]wish{{low, assurance.NEB}, {high, assurance.NEB}}, []wish{{low, assurance.EIDAS}, {high, assurance.EIDAS}}); len(got) != 2 {
		t.Errorf("the same twice: %+v", got)
	}
}

// A parameter that is JSON is read or refused; what was read asks for levels that exist.
func FuzzJSONParameters(f *testing.F) {
	for _, s := range []string{`{"id_token":{"acr":{"essential":true,"value":"loa:high"}}}`, `{"id_token":{"acr":{"values":["loa:low","x"]}}}`, `{"id_token":{"acr":null}}`,
		`{"id_token":{"ACR":{"value":"loa:low"}}}`, `{"mitid":{"loa_value":"high","aal_value":"low"}}`, `{"mitid":{"reference_text":"aGVq","action_text":"SIGN"}}`,
		`{"id_token":`, `[]`, `null`, strings.Repeat(`{"a":`, 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r broker.Request
		claimed, _, err1 := claimsWishes(text)
		params, err2 := readIDPParams(text, &r)
		for _, err := range []error{err1, err2} {
			if err != nil && authorizeFault(err).code != "invalid_request" {
				t.Errorf("%v", err)
			}
		}
		for _, w := range append(claimed, params...) {
			if w.least == (assurance.Minimum{}) || !w.least.LoA.Valid() || !w.least.AAL.Valid() {
				t.Errorf("%q asks for %v", text, w.least)
			}
		}
	})
}

// Only what was sealed opens, and it says what was sealed.
func FuzzAccessToken(f *testing.F) {
	secrets := [][]byte{[]byte("0123456789abcdef0123456789abcdef")}
	ours, err := newTokens(secrets, "https://op.example", randomForTest{})
	if err != nil {
		f.Fatal(err)
	}
	theirs, err := newTokens(secrets, "https://other.example", randomForTest{})
	if err != nil {
		f.Fatal(err)
	}
	good, err := ours.seal(accessToken{grant: "grant", client: "client", scopes: scopeOpenID | scopeSSN})
	if err != nil {
		f.Fatal(err)
	}
	if a, err := ours.open(good); err != nil || a.grant != "grant" || a.client != "client" || a.scopes != scopeOpenID|scopeSSN {
		f.Fatalf("%+v %v", a, err)
	}
	if _, err := theirs.open(good); err == nil {
		f.Fatal("a token of another issuer opens")
	}
	f.Add(good)
	f.Add(tokenPrefix)
	f.Add(good + "=")
	f.Fuzz(func(t *testing.T, text string) {
		// The nonce is random, so another process seals the same token differently: what counts is what comes out.
		if a, err := ours.open(text); err == nil && (a.grant != "grant" || a.client != "client" || a.scopes != scopeOpenID|scopeSSN) {
			t.Errorf("%q opens as %+v", text, a)
		}
	})
}

type randomForTest struct{}

func (randomForTest) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A client assertion is parsed or not; what is parsed has an algorithm that is allowed and was not verified by that.
func FuzzAssertion(f *testing.F) {
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIiwiaXNzIjoiYiJ9.AAAA")
	f.Add("eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOlsiYSJdLCJleHAiOjFlMzA4fQ.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAssertion(text)
		if err != nil {
			return
		}
		switch a.signed.Signatures[0].Protected.Algorithm {
		case "ES256", "PS256", "RS256":
		default:
			t.Errorf("%q has algorithm %q", text, a.signed.Signatures[0].Protected.Algorithm)
		}
		if len((JWKSet{}).candidates(a.signed.Signatures[0].Protected.KeyID, "ES256")) != 0 {
			t.Error("a client without keys has one")
		}
	})
}
