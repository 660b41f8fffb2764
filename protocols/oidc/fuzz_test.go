package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Whatever the query is, the answer is a page of ours, the login's page, or goes to a registered address with iss and
// without a code: nobody has logged in.
func FuzzAuthorize(f *testing.F) {
	w := newWorld(f)
	for _, changes := range [][]string{{}, {"prompt", "none"}, {"redirect_uri", "https://evil.example"}, {"scope", "openid profile mitid"}, {"response_mode", "form_post"},
		{"claims", `{"id_token":{"acr":{"essential":true,"values":["loa:high"]}}}`}, {"idp_params", `{"mitid":{"loa_value":"high"}}`}, {"max_age", "0"},
		{"acr_values", "loa:high loa:low"}, {"redirect_uri", "http://127.0.0.1:5/native"}, {"id_token_hint", "e30.e30.e30"}, {"request", "x"}} {
		f.Add(w.request("app", changes...).Encode())
	}
	f.Add("client_id=app&client_id=web")
	f.Add("%zz&;=")
	f.Fuzz(func(t *testing.T, query string) {
		rec := httptest.NewRecorder()
		r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/oidc/authorize", RawQuery: query}, Header: http.Header{}, Body: http.NoBody}).WithContext(t.Context())
		w.provider.ServeHTTP(rec, r)
		location := rec.Header().Get("Location")
		switch {
		case rec.Code >= 500:
			t.Fatalf("%d for %q", rec.Code, query)
		case rec.Code != http.StatusSeeOther && location != "", rec.Code == http.StatusSeeOther && location == "":
			t.Fatalf("%d to %q", rec.Code, location)
		case location == "" || strings.HasPrefix(location, "/login/"):
			return
		}
		to, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		loopback := to.Scheme == "http" && to.Hostname() == "127.0.0.1" && to.Path == "/native"
		if !strings.HasPrefix(location, callback+"?") && !loopback {
			t.Fatalf("%q leads to %q", query, location)
		}
		if v := to.Query(); v.Has("code") || v.Get("error") == "" || v.Get("iss") != w.issuer {
			t.Fatalf("%q is answered by %q", query, location)
		}
	})
}
