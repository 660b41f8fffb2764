// Command askhigh asks for level High before it does something that matters, and says what to do when it is refused. An
// application must check the level it was given and not the one it asked for.
//
// Start the broker with `make run`, then `go run ./examples/askhigh`, and open http://localhost:8403.
package main

import (
	"context"
	"fmt"
	"html"
	"log"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tillid/tillid/assurance"
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
	config := oauth2.Config{ClientID: "demo", Endpoint: provider.Endpoint(), RedirectURL: "http://localhost:8403/callback",
		Scopes: []string{oidc.ScopeOpenID}}
	verifier := provider.Verifier(&oidc.Config{ClientID: "demo", SupportedSigningAlgs: []string{oidc.ES256}})

	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		secret := oauth2.GenerateVerifier() // binds the answer to this browser, and the code to whoever holds it
		http.SetCookie(w, &http.Cookie{Name: "askhigh", Value: secret, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, config.AuthCodeURL(oauth2.S256ChallengeFromVerifier(secret), oauth2.S256ChallengeOption(secret),
			oauth2.SetAuthURLParam("acr_values", "high")), http.StatusSeeOther)
	})
	http.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		secret, err := r.Cookie("askhigh")
		if err != nil || r.FormValue("state") != oauth2.S256ChallengeFromVerifier(secret.Value) {
			http.Error(w, "This answer does not belong to a login from this browser.", http.StatusBadRequest)
			return
		}
		switch r.FormValue("error") {
		case "":
		case "unmet_authentication_requirements":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "This needs level High. %s\n", html.EscapeString(r.FormValue("error_description")))
			return
		default:
			http.Error(w, "You are not logged in.", http.StatusForbidden)
			return
		}
		token, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(secret.Value))
		if err != nil {
			http.Error(w, "The code was not accepted.", http.StatusBadGateway)
			return
		}
		raw, _ := token.Extra("id_token").(string)
		id, err := verifier.Verify(r.Context(), raw)
		if err != nil {
			http.Error(w, "The ID token is not valid.", http.StatusBadGateway)
			return
		}
		var claims struct {
			LoA string `json:"loa"`
		}
		if err := id.Claims(&claims); err != nil {
			http.Error(w, "The ID token cannot be read.", http.StatusBadGateway)
			return
		}
		if level, _, known := assurance.Recognise(claims.LoA); !known || level < assurance.High {
			http.Error(w, "The level is too low.", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "Level High: go ahead.")
	})
	log.Print("open http://localhost:8403")
	log.Fatal(http.ListenAndServe("localhost:8403", nil))
}
