package oidc

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// authorization is an authorization request whose client and redirect URI are proven.
type authorization struct {
	values url.Values
	client Client
	reply  reply
}

// reply says where an answer goes.
type reply struct {
	URI   string `json:"uri"`
	State string `json:"state,omitempty"`
	Form  bool   `json:"form,omitempty"` // by form_post instead of the query
}

// asked is what the adapter has to remember of a login: it travels as broker.Request.Data.
type asked struct {
	Reply     reply               `json:"reply"`
	Nonce     string              `json:"nonce,omitempty"`
	Challenge string              `json:"challenge"` // PKCE, S256
	Scopes    scopeSet            `json:"scopes"`
	Dialects  []assurance.Dialect `json:"dialects,omitempty"` // of the alternatives in broker.Request.Want
}

// The limits of single parameters. The whole request is limited before (maxRequest).
const (
	maxState    = 2048
	maxNonce    = 512
	maxHint     = 128
	maxScope    = 512
	maxLocales  = 10
	challenge43 = 43 // SHA-256 as unpadded base64url (RFC 7636 section 4.2)
)

// get returns a parameter's only value. One without a value counts as absent (RFC 6749 section 3.1).
func (a *authorization) get(name string) string { return a.values.Get(name) }

// read turns the request into the broker's terms. Every error is a *fault for the client.
func (a *authorization) read(p *Provider) (broker.Request, error) {
	if err := a.shape(); err != nil {
		return broker.Request{}, err
	}
	scopes := parseScopes(a.get("scope"))
	switch {
	case !scopes.has(scopeOpenID), len(a.get("scope")) > maxScope:
		return broker.Request{}, refuse("invalid_scope", "The scope openid is required.")
	case a.client.unregistered(scopes) != "":
		return broker.Request{}, refuse("invalid_scope", "The client is not registered for the scope "+a.client.unregistered(scopes)+".")
	}
	if !a.client.grants(grantRefresh) {
		scopes &^= scopeOffline // OpenID Connect Core section 11: ignored where it cannot be given
	}
	r := broker.Request{Protocol: Protocol, Party: a.client.ID, Claims: scopes.claims(), Fetched: true}
	for _, step := range []func(*broker.Request) error{a.prompt, a.age, a.idp, a.hints(p)} {
		if err := step(&r); err != nil {
			return broker.Request{}, err
		}
	}
	wishes, err := a.wishes(&r)
	if err != nil {
		return broker.Request{}, err
	}
	data := asked{Reply: a.reply, Nonce: a.get("nonce"), Challenge: a.get("code_challenge"), Scopes: scopes}
	for _, w := range wishes {
		r.Want = append(r.Want, w.least)
		data.Dialects = append(data.Dialects, w.dialect)
	}
	r.Data, err = json.Marshal(data)
	return r, err
}

// shape checks what does not depend on the client: one value each, code flow, PKCE.
func (a *authorization) shape() error {
	for name, values := range a.values {
		if len(values) > 1 {
			if name == "state" {
				a.reply.State = "" // which one would be a guess
			}
			return refuse("invalid_request", "A parameter is there more than once.")
		}
	}
	switch {
	case a.values.Has("request"):
		return refuse("request_not_supported", "Request objects are not supported.")
	case a.values.Has("request_uri"):
		return refuse("request_uri_not_supported", "request_uri is not supported.")
	case a.get("response_type") == "":
		return refuse("invalid_request", "response_type is missing.")
	case a.get("response_type") != "code":
		return refuse("unsupported_response_type", "Only response_type=code is supported.")
	}
	switch a.get("response_mode") {
	case "", "query":
	case "form_post":
		a.reply.Form = true
	default:
		return refuse("invalid_request", "response_mode is neither query nor form_post.")
	}
	switch {
	case len(a.get("state")) > maxState:
		a.reply.State = ""
		return refuse("invalid_request", "state is too long.")
	case len(a.get("nonce")) > maxNonce:
		return refuse("invalid_request", "nonce is too long.")
	case a.get("code_challenge") == "":
		return refuse("invalid_request", "code_challenge is missing: PKCE is required.")
	case a.get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256.")
	case !isChallenge(a.get("code_challenge")):
		return refuse("invalid_request", "code_challenge is not a SHA-256 digest as unpadded base64url.")
	}
	return nil
}

func isChallenge(s string) bool {
	return len(s) == challenge43 && strings.Trim(s, base64url) == ""
}

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// prompt reads the parameter of that name (OpenID Connect Core 3.1.2.1).
func (a *authorization) prompt(r *broker.Request) error {
	words := strings.Fields(a.get("prompt"))
	for _, w := range words {
		switch w {
		case "none":
			r.Passive = true
		case "login":
			r.Force = true
		case "select_account":
			r.Select = true
		case "consent": // whether consent is asked for is the registration's business
		default:
			return refuse("invalid_request", "prompt has an unknown value.")
		}
	}
	if r.Passive && len(words) > 1 {
		return refuse("invalid_request", "prompt=none excludes all others.")
	}
	return nil
}

// age reads max_age, in seconds.
func (a *authorization) age(r *broker.Request) error {
	text := a.get("max_age")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return refuse("invalid_request", "max_age is not a number of seconds.")
	}
	age := time.Duration(seconds) * time.Second
	r.MaxAge = &age
	if seconds == 0 && !r.Passive {
		r.Force = true // nothing is ever zero seconds old
	}
	return nil
}

// idp reads idp_values, a parameter of Signaturgruppen Broker that names the ways to log in.
func (a *authorization) idp(r *broker.Request) error {
	words := strings.Fields(a.get("idp_values"))
	if len(words) > 1 {
		return refuse("invalid_request", "Only one value of idp_values is supported.")
	}
	if len(words) == 1 {
		r.Connector = words[0]
	}
	return nil
}

// hints reads what says whom to expect and in which language to speak to them.
func (a *authorization) hints(p *Provider) func(*broker.Request) error {
	return func(r *broker.Request) error {
		r.Hint = a.get("login_hint")
		if len(r.Hint) > maxHint {
			return refuse("invalid_request", "login_hint is too long.")
		}
		r.Languages = strings.Fields(a.get("ui_locales"))
		if len(r.Languages) > maxLocales {
			r.Languages = slices.Clip(r.Languages[:maxLocales])
		}
		if hint := a.get("id_token_hint"); hint != "" {
			claims, err := p.ours(hint)
			if err != nil || claims.Audience != a.client.ID {
				return refuse("invalid_request", "id_token_hint is not an ID token that was issued to the client.")
			}
			r.Subject = claims.Subject
		}
		return nil
	}
}
