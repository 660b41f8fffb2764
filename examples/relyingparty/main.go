// Command relyingparty is a web application that logs people in with Tillid over OpenID Connect, using nothing but stock
// libraries. It does not trust the level it asked for: it reads the one it was given.
//
// Start the broker with `make run`, then `go run ./examples/relyingparty`, and open http://localhost:8401.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	cookie = "relyingparty-login"
	nsis   = "https://data.gov.dk/concept/core/nsis/"
)

func main() {
	issuer := "http://localhost:8400"
	if len(os.Args) > 1 {
		issuer = os.Args[1]
	}
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		log.Fatal(err)
	}
	app := &application{provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: "demo", SupportedSigningAlgs: []string{oidc.ES256}}),
		config: oauth2.Config{ClientID: "demo", Endpoint: provider.Endpoint(), RedirectURL: "http://localhost:8401/callback",
			Scopes: []string{oidc.ScopeOpenID, "profile"}},
	}
	http.HandleFunc("GET /{$}", app.login)
	http.HandleFunc("GET /callback", app.callback)
	log.Print("open http://localhost:8401")
	log.Fatal(http.ListenAndServe("localhost:8401", nil))
}

type application struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	config   oauth2.Config
}

// login remembers a secret in the browser, from which state and nonce follow, and sends the browser to the broker.
func (a *application) login(w http.ResponseWriter, r *http.Request) {
	secret := rand.Text() + rand.Text()
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: secret, Path: "/callback", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, a.config.AuthCodeURL(secret[:26], oauth2.S256ChallengeOption(secret), oidc.Nonce(secret[26:]),
		oauth2.SetAuthURLParam("acr_values", "substantial")), http.StatusSeeOther)
}

func (a *application) callback(w http.ResponseWriter, r *http.Request) {
	saved, err := r.Cookie(cookie)
	if err != nil || len(saved.Value) != 52 || r.FormValue("state") != saved.Value[:26] {
		http.Error(w, "This answer does not belong to a login from this browser.", http.StatusBadRequest)
		return
	}
	if code := r.FormValue("error"); code != "" {
		http.Error(w, "The login was refused: "+code+": "+r.FormValue("error_description"), http.StatusForbidden)
		return
	}
	token, err := a.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(saved.Value))
	if err != nil {
		http.Error(w, "The code was not accepted.", http.StatusBadGateway)
		return
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := a.verifier.Verify(r.Context(), raw)
	if err != nil || id.Nonce != saved.Value[26:] {
		http.Error(w, "The ID token is not valid.", http.StatusBadGateway)
		return
	}
	var claims struct {
		LoA string `json:"loa"`
	}
	if err := id.Claims(&claims); err != nil || claims.LoA != nsis+"Substantial" && claims.LoA != nsis+"High" {
		http.Error(w, "The level is too low: "+claims.LoA, http.StatusForbidden)
		return
	}
	info, err := a.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != id.Subject {
		http.Error(w, "The claims could not be fetched.", http.StatusBadGateway)
		return
	}
	var person struct{ Name string }
	if err := info.Claims(&person); err != nil {
		http.Error(w, "The claims cannot be read.", http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, "Hej %s. You are %s to this application, and it is %s that you are.\n", person.Name, id.Subject, claims.LoA)
}
