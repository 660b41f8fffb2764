package oidc_test

import (
	"fmt"

	"github.com/tillid/tillid/protocols/oidc"
)

// A key that is misspelt is named, with its line and the key that was meant.
func ExampleParseClients() {
	_, err := oidc.ParseClients("shop.yaml", []byte(`
client_id: shop
redirect_urls: [https://shop.example/callback]
`))
	fmt.Println(err)
	// Output: shop.yaml: line 3: key "redirect_urls" is unknown; did you mean "redirect_uris"?
}

// Clients are registered before the provider is made, or while it serves.
func ExampleRegistry_Add() {
	registry, err := oidc.NewRegistry(oidc.Client{ID: "shop", RedirectURIs: []string{"https://shop.example/callback"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(registry.Add(oidc.Client{ID: "app", RedirectURIs: []string{"http://app.example/callback"}}))
	// Output: client "app": redirect_uris: "http://app.example/callback" is neither https nor http on loopback
}
