package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// discard is a response writer that costs nothing.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkDocuments(b *testing.B) {
	w := newWorld(b)
	for _, path := range []string{"/.well-known/openid-configuration", "/oidc/keys"} {
		b.Run(path[strings.LastIndex(path, "/")+1:], func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			out := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(out.h)
				w.provider.ServeHTTP(out, r)
			}
		})
	}
}

// form serves a form to an endpoint without a socket.
func (w *world) form(path string, v url.Values) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.provider.ServeHTTP(rec, r)
	return rec
}

// BenchmarkSSO is a login out of a session: authorization request and redemption, commits of the ledger included.
func BenchmarkSSO(b *testing.B) {
	w := newWorld(b)
	person := w.browser()
	person.login(w.request("app"))
	u, err := url.Parse(w.server.URL)
	must(b, err)
	cookies := person.client.Jar.Cookies(u)
	target := "/oidc/authorize?" + w.request("app").Encode()
	b.ReportAllocs()
	for b.Loop() {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, target, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w.provider.ServeHTTP(rec, r)
		to, err := url.Parse(rec.Header().Get("Location"))
		must(b, err)
		got := w.form("/oidc/token", url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback},
			"client_id": {"app"}, "code_verifier": {verifier}})
		if got.Code != http.StatusOK {
			b.Fatal(got.Body.String())
		}
	}
}

func BenchmarkUserinfo(b *testing.B) {
	w := newWorld(b)
	got := w.redeem(w.browser().login(w.request("app", "scope", "openid profile")))
	w.clock.advance(time.Second)
	b.ReportAllocs()
	for b.Loop() {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/oidc/userinfo", nil)
		r.Header.Set("Authorization", "Bearer "+got.Access)
		w.provider.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Body.String())
		}
	}
}
