package brokertest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker/brokertest"
)

// app is somebody's application under test: it logs in by OpenID Connect and shows the claims it got, or the error.
func app(t *testing.T, issuer, clientID string) *httptest.Server {
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	config := oauth2.Config{ClientID: clientID, Endpoint: provider.Endpoint(), Scopes: []string{"openid", "profile"}}
	if clientID != "demo" {
		config.ClientSecret = clientID + "-secret-0123456789abcdefghij"
	}
	verifier := oauth2.GenerateVerifier()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
		for name, values := range r.URL.Query() {
			options = append(options, oauth2.SetAuthURLParam(name, values[0]))
		}
		http.Redirect(w, r, config.AuthCodeURL("state", options...), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		if code := r.FormValue("error"); code != "" {
			http.Error(w, code+": "+r.FormValue("error_description"), http.StatusForbidden)
			return
		}
		token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(verifier))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := provider.Verifier(&oidc.Config{ClientID: clientID, SkipExpiryCheck: true}).Verify(r.Context(), raw)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		var claims struct{ LoA string }
		if err := id.Claims(&claims); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, claims.LoA[strings.LastIndexByte(claims.LoA, '/')+1:])
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config.RedirectURL = server.URL + "/callback"
	return server
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// TestLogin is what a user of this package writes.
func TestLogin(t *testing.T) {
	idp := brokertest.New(t, brokertest.Config{})
	app := app(t, idp.Issuer, "demo")
	for _, login := range []brokertest.Login{
		{User: "anna", With: authn.App},
		{User: "anna", With: authn.CodeDisplay},
		{User: "carla", With: authn.AudioReader},
	} {
		answer := idp.Browser().Login(app.URL+"/login", login)
		if got := text(t, answer); got != "Substantial" {
			t.Errorf("%+v: %s", login, got)
		}
		idp.Advance(time.Minute) // the next code
	}
}

func TestLevels(t *testing.T) {
	idp := brokertest.New(t, brokertest.Config{})
	low, substantial := app(t, idp.Issuer, "demo-low"), app(t, idp.Issuer, "demo")
	browser := idp.Browser()
	if got := text(t, browser.Login(low.URL+"/login", brokertest.Login{User: "jens", With: authn.Password})); got != "Low" {
		t.Errorf("a password alone: %s", got)
	}
	if got := text(t, browser.Login(substantial.URL+"/login", brokertest.Login{User: "jens"})); got != "Substantial" {
		t.Errorf("stepped up: %s", got)
	}
	refused := browser.Login(substantial.URL+"/login?acr_values=high", brokertest.Login{User: "jens"})
	if got := text(t, refused); refused.StatusCode != http.StatusForbidden || !strings.HasPrefix(got, "unmet_authentication_requirements: ") {
		t.Errorf("High: %s", got)
	}
}
