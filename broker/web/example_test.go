package web_test

import (
	"log"
	"net/http"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/web"
)

// The pages of a broker, with the look of a municipality and a text of its own.
func ExampleNew() {
	var b *broker.Broker          // from broker.New
	var provider web.Answerer     // a protocol adapter, such as the OpenID Connect provider
	var registry broker.Directory // who the persons are, for the consent page
	pages, err := web.New(web.Config{
		Broker:        b,
		Answerers:     map[string]web.Answerer{"oidc": provider},
		People:        registry,
		Name:          "Kommunens login",
		Theme:         []byte(":root { --green: #00457c; --green-dark: #002f55; }"),
		Accessibility: "https://was.digst.dk/login-kommunen-dk",
		Texts: map[string]map[string]string{
			"da": {"prompt.identify.help": "Skriv dit bruger-ID. Du finder det i din app."},
			"en": {"prompt.identify.help": "Enter your user ID. You find it in your app."},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", pages)
}
