// Command embed puts a broker into a net/http server that exists already: people who hold authenticators in people.db log
// in to clients over OpenID Connect, beside whatever else the server serves. Behind a proxy that terminates TLS it is
// complete; memstore makes it a single process.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"log"
	"net/http"
	"os"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/eid"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/memstore"
	"github.com/tillid/tillid/broker/web"
	"github.com/tillid/tillid/protocols/oidc"
)

func main() {
	ctx, secret := context.Background(), must(os.ReadFile("secret")) // 32 random bytes or more
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))     // keep it, or use one in hardware
	db := must(sqldb.Open(ctx, sqldb.Config{URL: "sqlite:people.db"}))
	check(db.Migrate(ctx, registry.Component, registry.Migrations()))
	check(db.Migrate(ctx, audit.Component, audit.Migrations()))
	check(db.Migrate(ctx, ledger.Component, ledger.Migrations()))
	people := must(registry.New(registry.Config{DB: db, Secrets: [][]byte{secret}}))
	books := must(ledger.New(ctx, ledger.Config{DB: db, Secrets: [][]byte{secret},
		Audit: must(audit.Open(ctx, audit.Config{DB: db, Signer: key}))}))
	store := must(memstore.New(memstore.Config{}))
	mitid := must(eid.New(eid.Config{Scheme: authn.MitID(authn.MitIDOptions{}), Registry: people, Secret: secret}))
	clients := must(oidc.NewRegistry(oidc.Client{ID: "shop", Name: "Shop", RedirectURIs: []string{"https://shop.example/callback"}}))
	core := must(broker.New(broker.Config{Store: store, Ledger: books, Directory: people, RelyingParties: clients,
		Connectors: []broker.Connector{mitid}, Secrets: [][]byte{secret}}))
	provider := must(oidc.New(oidc.Config{Issuer: "https://login.example", Broker: core, Clients: clients, People: people,
		Keys: must(oidc.NewKeys(oidc.Key{Signer: key, Algorithm: oidc.ES256})), Store: store, Secrets: [][]byte{secret}}))
	pages := must(web.New(web.Config{Broker: core, People: people, Answerers: map[string]web.Answerer{oidc.Protocol: provider}}))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Hej\n")) })
	mux.Handle("/.well-known/openid-configuration", provider)
	mux.Handle("/oidc/", provider)
	mux.Handle("/login/", pages)
	log.Fatal(http.ListenAndServe("localhost:8402", mux))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
