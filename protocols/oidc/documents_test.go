package oidc_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	rp "github.com/coreos/go-oidc/v3/oidc"

	"github.com/tillid/tillid/protocols/oidc"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Discovery says what is there, to the letter.
func TestDiscovery(t *testing.T) {
	w := newWorld(t, func(c *oidc.Config, _ *world) { c.Issuer = "https://op.example/op" })
	resp, err := http.Get(w.server.URL + "/op/.well-known/openid-configuration")
	must(t, err)
	defer resp.Body.Close()
	var got, pretty bytes.Buffer
	_, err = got.ReadFrom(resp.Body)
	must(t, err)
	must(t, json.Indent(&pretty, got.Bytes(), "", "  "))
	pretty.WriteByte('\n')
	const golden = "testdata/discovery.json"
	if *update {
		must(t, os.WriteFile(golden, pretty.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if !bytes.Equal(want, pretty.Bytes()) {
		t.Errorf("discovery has changed:\n%s", pretty.String())
	}
	for _, absent := range []string{"implicit", "jwt-bearer", "device", "plain\"", "registration_endpoint", "pushed_authorization", "public\""} {
		if strings.Contains(got.String(), absent) {
			t.Errorf("discovery offers %s", absent)
		}
	}
}

// The prepared documents are cacheable, answer conditionally, and follow the keys.
func TestDocumentsFollowKeys(t *testing.T) {
	w := newWorld(t)
	get := func(path, tag string) (int, http.Header, []byte) {
		r, err := http.NewRequest(http.MethodGet, w.issuer+path, nil)
		must(t, err)
		r.Header.Set("If-None-Match", tag)
		return w.roundTrip(r)
	}
	status, header, before := get("/oidc/keys", "")
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Cache-Control"), "public") || header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", status, header)
	}
	tag := header.Get("Etag")
	if status, _, body := get("/oidc/keys", tag); status != http.StatusNotModified || len(body) != 0 {
		t.Errorf("%d %q", status, body)
	}
	must(t, w.keys.Add(oidc.Key{Signer: ecKey(t), Algorithm: oidc.ES256, State: oidc.NextKey}))
	if status, _, after := get("/oidc/keys", tag); status != http.StatusOK || len(after) <= len(before) {
		t.Errorf("a new key is not published: %d", status)
	}
	if bytes.Contains(before, []byte(`"d"`)) || bytes.Contains(before, []byte(`"p"`)) {
		t.Error("a private key is published")
	}
}

// Tokens verify before, during and after a rotation, and a key is seen before it signs.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	cached := rp.NewRemoteKeySet(t.Context(), w.issuer+"/oidc/keys")
	verifier := rp.NewVerifier(w.issuer, cached, &rp.Config{ClientID: "app", Now: w.clock.now, SupportedSigningAlgs: []string{"ES256"}})
	if err := w.keys.Rotate(oidc.ES256, ecKey(t)); err == nil {
		t.Fatal("rotated to a key that nobody has seen")
	}
	must(t, w.keys.Add(oidc.Key{Signer: ecKey(t), Algorithm: oidc.ES256, State: oidc.NextKey}))
	old := w.as("anna", "app").ID
	for range 3 {
		before := w.as("anna", "app").ID
		must(t, w.keys.Rotate(oidc.ES256, ecKey(t)))
		after := w.as("anna", "app").ID
		if part(t, before, 0)["kid"] == part(t, after, 0)["kid"] {
			t.Error("the same key signs after a rotation")
		}
		for _, token := range []string{old, before, after} {
			if _, err := verifier.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		}
		if p := w.browser().authorize(w.request("app", "id_token_hint", old)); p.body != "show" {
			t.Errorf("a retired key's token is no hint any more: %v", p.to)
		}
	}
	kid, _ := part(t, old, 0)["kid"].(string)
	must(t, w.keys.Remove(kid))
	if p := w.browser().authorize(w.request("app", "id_token_hint", old)); p.params.Get("error") != "invalid_request" {
		t.Errorf("a removed key still counts: %v", p.to)
	}
	states := map[oidc.KeyState]int{}
	for _, k := range w.keys.List() {
		if k.Algorithm == oidc.ES256 {
			states[k.State]++
		}
	}
	if states[oidc.CurrentKey] != 1 || states[oidc.NextKey] != 1 || states[oidc.RetiredKey] != 2 {
		t.Errorf("%v", states)
	}
	for _, k := range w.keys.List() {
		if k.State != oidc.RetiredKey && w.keys.Remove(k.ID) == nil {
			t.Errorf("a key that is %s was removed", k.State)
		}
	}
}

// Keys that do not fit are named, all of them.
func TestKeysReportEveryFault(t *testing.T) {
	same := ecKey(t)
	for name, keys := range map[string][]oidc.Key{
		"none":          nil,
		"no signer":     {{Algorithm: oidc.ES256}},
		"wrong kind":    {{Signer: ecKey(t), Algorithm: oidc.RS256}},
		"no algorithm":  {{Signer: ecKey(t)}},
		"HS256":         {{Signer: ecKey(t), Algorithm: "HS256"}},
		"no such state": {{Signer: ecKey(t), Algorithm: oidc.ES256, State: "old"}},
		"twice":         {{Signer: same, Algorithm: oidc.ES256}, {Signer: same, Algorithm: oidc.ES256, State: oidc.RetiredKey}},
		"two current":   {{Signer: ecKey(t), Algorithm: oidc.ES256}, {Signer: ecKey(t), Algorithm: oidc.ES256}},
		"none current":  {{Signer: ecKey(t), Algorithm: oidc.ES256, State: oidc.NextKey}},
	} {
		if _, err := oidc.NewKeys(keys...); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	_, err := oidc.NewKeys(oidc.Key{}, oidc.Key{Signer: same, Algorithm: "x"})
	if err == nil || !strings.Contains(err.Error(), "key 0") || !strings.Contains(err.Error(), "key 1") {
		t.Errorf("%v", err)
	}
	if !slices.Equal(oidc.Algorithms(), []oidc.Algorithm{oidc.ES256, oidc.PS256, oidc.RS256}) {
		t.Error("the order of defaults")
	}
}
