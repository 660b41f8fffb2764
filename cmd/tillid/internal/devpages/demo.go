package devpages

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// The clients that the demo logs in with. demo-low is content with a password alone.
const (
	demoClient    = "demo"
	lowClient     = "demo-low"
	LowSecret     = "demo-low-secret-0123456789abcdefghij"
	WebSecret     = "demo-web-secret-0123456789abcdefghij"
	demoCallback  = "/dev/demo/callback"
	demoCookie    = "tillid-demo"
	demoLife      = 15 * time.Minute
	demoMost      = 1000
	demoForgotten = "demo.forgotten"
)

// demo is a relying party like any other: it talks to the server over HTTP, and knows of it what discovery says.
type demo struct {
	mu    sync.Mutex
	begun map[string]demoLogin // by the browser's cookie
}

type demoLogin struct {
	client, state, nonce, verifier string
	lang                           string
	question                       question
	at                             time.Time
}

func (d *demo) put(key string, l demoLogin) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, old := range d.begun {
		if l.at.Sub(old.at) > demoLife || len(d.begun) >= demoMost {
			delete(d.begun, k)
		}
	}
	d.begun[key] = l
}

// take returns a login that was begun, once.
func (d *demo) take(key string) (demoLogin, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.begun[key]
	delete(d.begun, key)
	return l, ok && time.Since(l.at) < demoLife
}

// relying sets the demo up as a client, from discovery.
func (p *Pages) relying(ctx context.Context, client string) (context.Context, *gooidc.Provider, oauth2.Config, error) {
	ctx = gooidc.ClientContext(ctx, p.config.Client)
	provider, err := gooidc.NewProvider(ctx, p.config.Issuer.String())
	if err != nil {
		return ctx, nil, oauth2.Config{}, err
	}
	c := oauth2.Config{ClientID: client, Endpoint: provider.Endpoint(), RedirectURL: p.origin0() + demoCallback,
		Scopes: []string{"openid", "profile", "mitid"}}
	if client == lowClient {
		c.ClientSecret, c.Endpoint.AuthStyle = LowSecret, oauth2.AuthStyleInHeader
	} else {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return ctx, provider, c, nil
}

// origin0 is the issuer without its path: where the dev pages are.
func (p *Pages) origin0() string { return p.config.Issuer.Scheme + "://" + p.config.Issuer.Host }

// approval is what asks the person to approve a text, beside logging in.
func approval(text string) (string, error) {
	params, err := json.Marshal(map[string]any{"mitid": map[string]string{
		"reference_text": base64.StdEncoding.EncodeToString([]byte(text)), "action_text": string(broker.Approve)}})
	return string(params), err
}

// demoStart sends the browser to the authorization endpoint. level is low, substantial or high; user a user ID to begin
// with; approve=1 asks for a transfer to be approved; force=1 logs in afresh.
func (p *Pages) demoStart(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	l := demoLogin{client: demoClient, lang: p.language(r), state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), at: time.Now()}
	level := assurance.Substantial
	if asked := q.Get("level"); asked != "" {
		var err error
		if level, err = assurance.ParseLevel(asked); err != nil || level == assurance.None {
			problem(w, http.StatusBadRequest, "level is low, substantial or high.")
			return
		}
	}
	if level == assurance.Low {
		l.client = lowClient
	}
	spelling, ok := assurance.NEB.Spell(level)
	if !ok {
		problem(w, http.StatusBadRequest, "level is low, substantial or high.")
		return
	}
	_, _, c, err := p.relying(r.Context(), l.client)
	if err != nil {
		p.demoFailed(w, r, "discovery", err)
		return
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(l.verifier), gooidc.Nonce(l.nonce),
		oauth2.SetAuthURLParam("acr_values", spelling)}
	for from, to := range map[string]string{"user": "login_hint", "lang": "ui_locales"} {
		if v := q.Get(from); v != "" {
			options = append(options, oauth2.SetAuthURLParam(to, v))
		}
	}
	if q.Get("approve") != "" {
		params, err := approval(text(l.lang, "demo.transfer"))
		if err != nil {
			p.demoFailed(w, r, "idp_params", err)
			return
		}
		options = append(options, oauth2.SetAuthURLParam("idp_params", params))
	}
	if q.Get("force") != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	l.question = question{Client: l.client, Asked: level.String(), ACR: spelling, Scopes: c.Scopes, URL: c.AuthCodeURL(l.state, options...)}
	key := rand.Text()
	p.demo.put(key, l)
	http.SetCookie(w, &http.Cookie{Name: demoCookie, Value: key, Path: "/dev/demo", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: p.config.Issuer.Scheme == "https", MaxAge: int(demoLife / time.Second)})
	http.Redirect(w, r, l.question.URL, http.StatusSeeOther)
}

type demoBody struct {
	Question *question // nil: none that the demo knows of
	Error    string    // code of an error response, "" for none
	Why      string    // what that code means; may be empty
	Text     string    // what came with it, in English
	Reached  string    // level, in the page's language
	ID, Info []claim
	Curls    []curl
	Token    string // the ID token as it came
	Logout   string
}

// question is what a login asked for.
type question struct {
	Client, Asked, ACR, URL string
	Scopes                  []string
}

// curl is a command that does what the demo did; Title is the key of what that was.
type curl struct{ Title, Command string }

// demoCallback takes the answer, checks it as a relying party has to, and shows what it holds.
func (p *Pages) demoCallback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	cookie, err := r.Cookie(demoCookie)
	if err != nil {
		p.demoFailed(w, r, demoForgotten, nil)
		return
	}
	l, ok := p.demo.take(cookie.Value)
	if !ok || q.Get("state") != l.state {
		p.demoFailed(w, r, demoForgotten, nil)
		return
	}
	r.URL.RawQuery = url.Values{"lang": {l.lang}}.Encode() // of the page; q has the answer
	if q.Get("iss") != p.config.Issuer.String() {          // RFC 9207
		p.demoFailed(w, r, "iss", nil)
		return
	}
	if code := q.Get("error"); code != "" {
		p.render(w, r, http.StatusOK, "demo.html", "demo.refused", demoBody{Question: &l.question, Error: code,
			Why: why(p.language(r), code), Text: q.Get("error_description")})
		return
	}
	ctx, provider, c, err := p.relying(r.Context(), l.client)
	if err != nil {
		p.demoFailed(w, r, "discovery", err)
		return
	}
	token, err := c.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(l.verifier))
	if err != nil {
		p.demoFailed(w, r, "token", err)
		return
	}
	body := demoBody{Question: &l.question}
	body.Token, _ = token.Extra("id_token").(string)
	verified, err := provider.Verifier(&gooidc.Config{ClientID: l.client, Now: p.config.Now}).Verify(ctx, body.Token)
	if err == nil && verified.Nonce != l.nonce {
		err = errors.New("the nonce is another")
	}
	if err != nil {
		p.demoFailed(w, r, "id_token", err)
		return
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		p.demoFailed(w, r, "userinfo", err)
		return
	}
	lang := p.language(r)
	if body.ID, err = explain(lang, verified.Claims); err == nil {
		body.Info, err = explain(lang, info.Claims)
	}
	if err != nil {
		p.demoFailed(w, r, "claims", err)
		return
	}
	for _, one := range body.ID {
		if one.Name == "loa" {
			body.Reached = text(lang, "level."+one.Value[strings.LastIndex(one.Value, "/")+1:])
		}
	}
	body.Curls = []curl{
		{"demo.curl.info", fmt.Sprintf("curl -H 'Authorization: Bearer %s' %s", token.AccessToken, provider.UserInfoEndpoint())},
		{"demo.curl.token", fmt.Sprintf("curl -d grant_type=authorization_code -d client_id=%s -d code=CODE -d code_verifier=VERIFIER -d redirect_uri=%s %s",
			l.client, c.RedirectURL, c.Endpoint.TokenURL)},
		{"demo.curl.discovery", "curl " + p.config.Issuer.String() + "/.well-known/openid-configuration"},
	}
	if l.client == lowClient {
		body.Curls[1].Command = strings.Replace(body.Curls[1].Command, "-d client_id="+l.client, "-u "+l.client+":"+LowSecret, 1)
	}
	body.Logout = p.config.Issuer.String() + "/oidc/logout?" + url.Values{"id_token_hint": {body.Token}}.Encode()
	p.render(w, r, http.StatusOK, "demo.html", "demo.title", body)
}

func (p *Pages) demoFailed(w http.ResponseWriter, r *http.Request, what string, err error) {
	body := demoBody{Error: what}
	if err != nil {
		p.config.Logger.WarnContext(r.Context(), "the demo could not log in", "at", what, "error", err)
		body.Text = err.Error()
	}
	p.render(w, r, http.StatusBadRequest, "demo.html", "demo.failed", body)
}
