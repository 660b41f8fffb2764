package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

const wordOfOne = "a-word-of-at-least-thirty-two-characters"

func clientFileOf(t *testing.T, text string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rp.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{name}
}

func TestClientFile(t *testing.T) {
	r, err := readClients(clientFileOf(t, `
clients:
  - client_id: one
    client_secret: `+wordOfOne+`
    redirect_uris: [https://rp.example/cb]
    minimum_loa: high
    level_dialect: oiosaml3
    token_endpoint_auth_method: client_secret_basic
  - client_id: two
    redirect_uris: [https://rp.example/cb]
    jwks:
      keys:
        - {kty: EC, crv: P-256, x: MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4, y: 4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM}
`))
	if err != nil {
		t.Fatal(err)
	}
	clients := r.List()
	if len(clients) != 2 || clients[0].MinimumLoA != assurance.High || clients[1].JWKS.IsZero() {
		t.Errorf("%+v", clients)
	}
	if strings.Contains(fmt.Sprintf("%+v", clients), wordOfOne) {
		t.Error("the secret prints")
	}
}

// TestClientFileFaults: what is wrong is said with its line, and the key that may have been meant.
func TestClientFileFaults(t *testing.T) {
	for text, wants := range map[string][]string{
		"client_id: x\nredirect_urls: [https://rp.example/cb]\n":                   {"rp.yaml:2", "redirect_urls", "redirect_uris"},
		"client_id: x\nredirect_uris: [https://rp.example/cb]\nsso: perhaps\n":     {"rp.yaml:3"},
		"client_id: x\nredirect_uris: [https://rp.example/cb]\nminimum_loa: big\n": {"rp.yaml:3", "big"},
		"client_id: x\nclient_idd: y\nred: z\n":                                    {"rp.yaml:2", "rp.yaml:3"},
		"- 5\n":                                                                    {"rp.yaml"},
		"clients: []\n":                                                            {"rp.yaml", "no client"},
		"":                                                                         {"rp.yaml", "empty"},
		"{\"client_id\"":                                                           {"rp.yaml"},
		"client_id: x\ninsecure_any_loopback_redirect: true\n":                                                     {"rp.yaml:2"}, // no file can set it
		"clients:\n- {client_id: x, redirect_uris: [https://a/b]}\n- {client_id: x, redirect_uris: [https://a/b]}": {"twice"},
	} {
		_, err := readClients(clientFileOf(t, text))
		for _, want := range wants {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", text, err, want)
			}
		}
	}
}
