package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker/brokertest"
	ours "github.com/tillid/tillid/protocols/oidc"
)

// BenchmarkFlow is the code flow from the authorization request to userinfo, over loopback, with ES256 and everything in
// memory: of the bare library, with the storage of its own example and without any page, session or log; and of a single
// sign-on login here. Client and server share the process, and with it time and allocations.
func BenchmarkFlow(b *testing.B) {
	b.Run("library", func(b *testing.B) {
		users := bareProvider(b)
		b.ReportAllocs()
		for b.Loop() {
			a, err := users.authorize("bench", "openid")
			if err != nil {
				b.Fatal(err)
			}
			at, err := url.Parse(a.location)
			if err != nil {
				b.Fatal(err)
			}
			id := at.Query().Get("authRequestID")
			if err := users.storage.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id); err != nil {
				b.Fatal(err)
			}
			if a, err = users.visit("/oidc/authorize/callback?id="+url.QueryEscape(id), nil); err != nil {
				b.Fatal(err)
			}
			a.status = http.StatusSeeOther // the library says 302
			finish(b, users.browser, "bench", a)
		}
	})
	b.Run("sso", func(b *testing.B) {
		idp := brokertest.New(b, brokertest.Config{Clients: []ours.Client{{ID: "bench", Secret: secret, RedirectURIs: []string{callback},
			Organisation: "demo", SSO: true}}})
		person := idp.Browser()
		answer := person.Login(relyingParty(b, idp.Issuer), brokertest.Login{User: "anna", With: authn.App})
		if err := answer.Body.Close(); err != nil {
			b.Fatal(err)
		}
		own := newBrowser(idp.Issuer, simulator.Holder{})
		for _, c := range person.Cookies() {
			own.cookies[c.Name] = c.Value
		}
		b.ReportAllocs()
		for b.Loop() {
			a, err := own.authorize("bench", "openid")
			if err != nil {
				b.Fatal(err)
			}
			finish(b, own, "bench", a)
		}
	})
}

// finish redeems the code of an answer and calls userinfo.
func finish(b *testing.B, br *browser, client string, a reply) {
	t, err := br.redeem(client, a)
	if err == nil {
		err = br.bearer(t.Access)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// bare is a browser at the library's provider.
type bare struct {
	*browser
	storage *storage.Storage
}

func bareProvider(b *testing.B) bare {
	b.Helper()
	var handler atomic.Pointer[http.Handler]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*handler.Load()).ServeHTTP(w, r) }))
	b.Cleanup(server.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	kept := storage.NewStorageWithClients(storage.NewUserStore(server.URL), map[string]*storage.Client{"bench": storage.WebClient("bench", secret, callback)})
	config := &op.Config{CodeMethodS256: true, AuthMethodPost: true}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		b.Fatal(err)
	}
	provider, err := op.NewProvider(config, signed{kept, key}, op.StaticIssuer(server.URL), op.WithAllowInsecure(),
		op.WithCustomAuthEndpoint(op.NewEndpoint("/oidc/authorize")), op.WithCustomTokenEndpoint(op.NewEndpoint("/oidc/token")),
		op.WithCustomUserinfoEndpoint(op.NewEndpoint("/oidc/userinfo")))
	if err != nil {
		b.Fatal(err)
	}
	var served http.Handler = provider
	handler.Store(&served)
	return bare{newBrowser(server.URL, simulator.Holder{}), kept}
}

// signed is the example's storage with a key for ES256.
type signed struct {
	*storage.Storage
	key *ecdsa.PrivateKey
}

func (s signed) SigningKey(context.Context) (op.SigningKey, error) { return es256(s), nil }

func (s signed) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.ES256}, nil
}

func (s signed) KeySet(context.Context) ([]op.Key, error) { return nil, nil }

type es256 signed

func (k es256) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }
func (k es256) Key() any                                    { return k.key }
func (k es256) ID() string                                  { return "bench" }
