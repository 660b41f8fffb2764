package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/redis/go-redis/v9"
	"golang.org/x/oauth2"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker/brokertest"
	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// The promises of a login to whoever runs the store: a round trip more is a login slower and dearer for everybody.
const (
	mostForSSO = 6
	mostForApp = 10
)

// A login from the relying party's request until it holds tokens makes few round trips to a real Redis, and one signature.
func TestLoginIsFrugal(t *testing.T) {
	client, err := redisstore.Dial(redistest.Single(t, "maxmemory-policy noeviction").URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	trips := new(trips)
	client.AddHook(trips)
	store, err := redisstore.New(t.Context(), redisstore.Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := &countingSigner{Signer: key}
	idp := brokertest.New(t, brokertest.Config{Store: store, Signer: signer})
	address := relyingParty(t, idp.Issuer)
	first := idp.Browser()
	login := func(browser *brokertest.Browser) (int, int) {
		t.Helper()
		before, signed := trips.taken(), signer.made.Load()
		answer := browser.Login(address, brokertest.Login{User: "anna", With: authn.App})
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.Body.Close() != nil || string(body) != "in" {
			t.Fatalf("%d %q %v", answer.StatusCode, body, err)
		}
		return len(trips.taken()) - len(before), int(signer.made.Load() - signed)
	}
	login(idp.Browser()) // connects
	for _, c := range []struct {
		name    string
		browser *brokertest.Browser
		most    int
	}{
		{"by app", first, mostForApp},
		{"single sign-on", first, mostForSSO},
	} {
		from := len(trips.taken())
		took, signed := login(c.browser)
		t.Logf("%s: %d round trips: %q", c.name, took, trips.taken()[from:])
		if took > c.most {
			t.Errorf("%s: %d round trips, at most %d are promised", c.name, took, c.most)
		}
		if took == 0 || signed != 1 {
			t.Errorf("%s: %d round trips and %d signatures; one signature is promised", c.name, took, signed)
		}
	}
}

// relyingParty logs in at its address and answers "in" once it holds a verified ID token.
func relyingParty(t testing.TB, issuer string) string {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{ClientID: "demo", Endpoint: provider.Endpoint(), Scopes: []string{oidc.ScopeOpenID}}
	verifier := oauth2.GenerateVerifier()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, config.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
		if err == nil {
			raw, _ := token.Extra("id_token").(string)
			_, err = provider.Verifier(&oidc.Config{ClientID: "demo"}).Verify(r.Context(), raw)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, "in")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config.RedirectURL = server.URL + "/callback"
	return server.URL + "/login"
}

// trips notes every round trip that a client of Redis makes, by its commands.
type trips struct {
	mu  sync.Mutex
	all []string
}

func (c *trips) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[:len(c.all):len(c.all)]
}

func (c *trips) add(commands ...redis.Cmder) {
	var names []string
	for _, one := range commands {
		names = append(names, one.Name())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, fmt.Sprint(names))
}

func (c *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, one redis.Cmder) error { c.add(one); return next(ctx, one) }
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error { c.add(all...); return next(ctx, all) }
}

// countingSigner counts what a key signs.
type countingSigner struct {
	crypto.Signer
	made atomic.Int64
}

func (s *countingSigner) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.made.Add(1)
	return s.Signer.Sign(random, digest, o)
}
