package oidc_test

import (
	"fmt"

	"github.com/tillid/tillid/protocols/oidc"
)

// Clients are registered before the provider is made, or while it serves.
func ExampleRegistry_Add() {
	registry, err := oidc.NewRegistry(oidc.Client{ID: "shop", RedirectURIs: []string{"https://shop.example/callback"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(registry.Add(oidc.Client{ID: "app", RedirectURIs: []string{"http://app.example/callback"}}))
	// Output: client "app": redirect_uris: "http://app.example/callback" is neither https nor http on loopback
}
