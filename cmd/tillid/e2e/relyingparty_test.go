package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tillid/tillid/assurance"
)

// callback is a redirect URI that nobody serves: the browser stops before it.
const callback = "http://127.0.0.1:9/callback"

// relyingParty is a stock client: go-oidc and x/oauth2 do all the work.
type relyingParty struct {
	server   *server
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	config   oauth2.Config
	ctx      context.Context // carries the HTTP client, as go-oidc wants it
}

// The secrets of the dev profile's clients.
var secrets = map[string]string{
	"demo":     "",
	"demo-web": "demo-web-secret-0123456789abcdefghij",
	"demo-low": "demo-low-secret-0123456789abcdefghij",
}

// party makes a client of the dev profile.
func (s *server) party(t testing.TB, id string, scopes ...string) *relyingParty {
	t.Helper()
	return s.partyWith(t, id, secrets[id], oidc.ES256, scopes...)
}

func (s *server) partyWith(t testing.TB, id, secret, alg string, scopes ...string) *relyingParty {
	t.Helper()
	ctx := oidc.ClientContext(context.Background(), s.client)
	provider, err := oidc.NewProvider(ctx, s.issuer)
	if err != nil {
		t.Fatal(err)
	}
	rp := &relyingParty{server: s, provider: provider, ctx: ctx,
		verifier: provider.Verifier(&oidc.Config{ClientID: id, SupportedSigningAlgs: []string{alg}}),
		config: oauth2.Config{ClientID: id, ClientSecret: secret, Endpoint: provider.Endpoint(), RedirectURL: callback,
			Scopes: append([]string{"openid"}, scopes...)}}
	rp.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if secret == "" {
		rp.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return rp
}

// attempt is one login as the relying party remembers it.
type attempt struct {
	party                  *relyingParty
	address                string
	state, nonce, verifier string
}

// begin prepares an authorization request; parameters are names and values.
func (rp *relyingParty) begin(parameters ...string) attempt {
	a := attempt{party: rp, state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(a.verifier), oidc.Nonce(a.nonce)}
	for i := 0; i < len(parameters); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(parameters[i], parameters[i+1]))
	}
	a.address = rp.config.AuthCodeURL(a.state, options...)
	return a
}

// refusal is an error that came back to the redirect URI.
type refusal struct{ code, text string }

func (r *refusal) Error() string { return r.code + ": " + r.text }

func refusedAs(err error) refusal {
	var r *refusal
	if errors.As(err, &r) {
		return *r
	}
	return refusal{}
}

// answer checks what came back to the redirect URI and returns the code.
func (a attempt) answer(p page) (string, error) {
	if !p.leaves || !strings.HasPrefix(p.url.String(), a.party.config.RedirectURL) {
		return "", fmt.Errorf("the browser did not come back: %v", p)
	}
	q := p.url.Query()
	switch {
	case q.Get("state") != a.state:
		return "", fmt.Errorf("state is %q", q.Get("state"))
	case q.Get("iss") != a.party.server.issuer: // RFC 9207
		return "", fmt.Errorf("iss is %q", q.Get("iss"))
	case q.Get("error") != "":
		return "", &refusal{q.Get("error"), q.Get("error_description")}
	case q.Get("code") == "":
		return "", errors.New("there is no code")
	}
	return q.Get("code"), nil
}

// exchange redeems a code and verifies the ID token.
func (a attempt) exchange(code string) (*login, error) {
	token, err := a.party.config.Exchange(a.party.ctx, code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		return nil, err
	}
	return a.party.verify(token, a.nonce)
}

// login is a login that succeeded.
type login struct {
	party *relyingParty
	token *oauth2.Token
	raw   string // ID token
	id    claims
}

// claims are those of an ID token that the tests look at.
type claims struct {
	Subject  string   `json:"sub"`
	Nonce    string   `json:"nonce"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	SID      string   `json:"sid"`
	LoA      string   `json:"loa"`
	IAL      string   `json:"ial"`
	AAL      string   `json:"aal"`
	IDP      string   `json:"idp"`
	AuthTime int64    `json:"auth_time"`
}

func (rp *relyingParty) verify(token *oauth2.Token, nonce string) (*login, error) {
	l := &login{party: rp, token: token}
	var ok bool
	if l.raw, ok = token.Extra("id_token").(string); !ok {
		return nil, errors.New("there is no ID token")
	}
	verified, err := rp.verifier.Verify(rp.ctx, l.raw)
	if err != nil {
		return nil, err
	}
	if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
		return nil, err
	}
	if err := verified.Claims(&l.id); err != nil {
		return nil, err
	}
	if l.id.Nonce != nonce {
		return nil, fmt.Errorf("nonce is %q, want %q", l.id.Nonce, nonce)
	}
	return l, nil
}

// logIn is a whole login in a browser.
func (rp *relyingParty) logIn(b *browser, who *somebody, parameters ...string) (*login, error) {
	a := rp.begin(parameters...)
	p, err := b.get(a.address)
	if err != nil {
		return nil, err
	}
	if p, err = b.walk(p, who); err != nil {
		return nil, err
	}
	code, err := a.answer(p)
	if err != nil {
		return nil, err
	}
	return a.exchange(code)
}

// refresh replaces the refresh token.
func (l *login) refresh() (*login, error) {
	old := *l.token
	old.Expiry = old.Expiry.AddDate(-1, 0, 0) // so that the library thinks that it is time
	fresh, err := l.party.config.TokenSource(l.party.ctx, &oauth2.Token{RefreshToken: old.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	return l.party.verify(fresh, "")
}

// userinfo asks with the access token.
func (l *login) userinfo() (map[string]any, error) {
	info, err := l.party.provider.UserInfo(l.party.ctx, oauth2.StaticTokenSource(l.token))
	if err != nil {
		return nil, err
	}
	var all map[string]any
	return all, info.Claims(&all)
}

// post sends a form to an endpoint, authenticated as the client.
func (rp *relyingParty) post(endpoint string, form url.Values) (*http.Response, map[string]any, error) {
	r, err := http.NewRequest(http.MethodPost, rp.server.issuer+"/oidc/"+endpoint, nil)
	if err != nil {
		return nil, nil, err
	}
	if rp.config.ClientSecret != "" {
		r.SetBasicAuth(url.QueryEscape(rp.config.ClientID), url.QueryEscape(rp.config.ClientSecret))
	} else {
		form.Set("client_id", rp.config.ClientID)
	}
	body := form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := rp.server.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	out, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, nil, err
	}
	var all map[string]any
	if len(out) > 0 {
		if err := json.Unmarshal(out, &all); err != nil {
			return answer, nil, fmt.Errorf("status %d: %w: %s", answer.StatusCode, err, out)
		}
	}
	return answer, all, nil
}

// oauthError is the error code that the token endpoint answered with, "" for any other error.
func oauthError(err error) string {
	var e *oauth2.RetrieveError
	if errors.As(err, &e) {
		return e.ErrorCode
	}
	return ""
}

// level reads a level in whatever spelling.
func level(t testing.TB, spelling string) assurance.Level {
	t.Helper()
	l, _, ok := assurance.Recognise(spelling)
	if !ok {
		t.Errorf("%q is no level", spelling)
	}
	return l
}

// reached checks the three levels and LoA, also that acr says the same.
func (l *login) reached(t testing.TB, loa, ial, aal assurance.Level) {
	t.Helper()
	got := [4]assurance.Level{level(t, l.id.ACR), level(t, l.id.LoA), level(t, l.id.IAL), level(t, l.id.AAL)}
	if want := [4]assurance.Level{loa, loa, ial, aal}; got != want {
		t.Errorf("acr, loa, ial, aal are %v, want %v", got, want)
	}
}
