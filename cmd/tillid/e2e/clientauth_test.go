package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

// TestClientsAuthenticate in every way that discovery offers, and each in its own way only.
func TestClientsAuthenticate(t *testing.T) {
	s := start(t, settings{})
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	modular, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	const secret = "a-secret-of-more-than-thirty-two-characters"
	for _, c := range []struct {
		id, method string
		key        crypto.Signer
		alg        jose.SignatureAlgorithm
	}{
		{"by-basic", "client_secret_basic", nil, ""}, {"by-post", "client_secret_post", nil, ""}, {"by-nothing", "none", nil, ""},
		{"by-es256", "private_key_jwt", elliptical, jose.ES256}, {"by-rs256", "private_key_jwt", modular, jose.RS256},
		{"by-ps256", "private_key_jwt", modular, jose.PS256},
	} {
		t.Run(c.id, func(t *testing.T) {
			registration := map[string]any{"client_id": c.id, "redirect_uris": []string{callback}, "token_endpoint_auth_method": c.method}
			if strings.HasPrefix(c.method, "client_secret") {
				registration["client_secret"] = secret
			}
			if c.key != nil {
				registration["jwks"] = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "k", Algorithm: string(c.alg), Use: "sig"}}}
			}
			must(t, s.api("clients", registration, nil))
			rp := s.partyWith(t, c.id, "", oidc.ES256)
			redeem := func(method string, options ...oauth2.AuthCodeOption) error {
				b := newBrowser(s)
				a := rp.begin()
				p, err := b.get(a.address)
				must(t, err)
				p, err = b.walk(p, &somebody{userID: "hanne", app: true})
				must(t, err)
				code, err := a.answer(p)
				must(t, err)
				config := rp.config
				if method == "client_secret_basic" || method == "client_secret_post" {
					config.ClientSecret = secret
				}
				if config.Endpoint.AuthStyle = oauth2.AuthStyleInParams; method == "client_secret_basic" {
					config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
				}
				token, err := config.Exchange(rp.ctx, code, append(options, oauth2.VerifierOption(a.verifier))...)
				if err != nil {
					return err
				}
				_, err = rp.verify(token, a.nonce)
				return err
			}
			var options []oauth2.AuthCodeOption
			if c.key != nil {
				options = assertion(t, s, c.id, c.key, c.alg)
			}
			if err := redeem(c.method, options...); err != nil {
				t.Errorf("in its own way: %v", err)
			}
			for _, other := range []string{"none", "client_secret_basic", "client_secret_post"} {
				if other == c.method {
					continue
				}
				if err := redeem(other); oauthError(err) != "invalid_client" {
					t.Errorf("as %s: %v", other, err)
				}
			}
			if c.key != nil {
				if err := redeem(c.method, options...); oauthError(err) != "invalid_client" {
					t.Errorf("with an assertion that was used before: %v", err)
				}
				other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				must(t, err)
				if err := redeem(c.method, assertion(t, s, c.id, other, jose.ES256)...); oauthError(err) != "invalid_client" {
					t.Errorf("with somebody else's key: %v", err)
				}
			}
		})
	}
}

// assertion proves a client by its key (RFC 7523 section 3).
func assertion(t *testing.T, s *server, client string, key crypto.Signer, alg jose.SignatureAlgorithm) []oauth2.AuthCodeOption {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	must(t, err)
	now := time.Now()
	text, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: client, Subject: client, Audience: jwt.Audience{s.issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute))}).Serialize()
	must(t, err)
	return []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("client_assertion", text),
		oauth2.SetAuthURLParam("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")}
}
