package oidc

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/tillid/tillid/broker"
)

// maxRequest is the greatest length of a request to the authorization and logout endpoints, in bytes. All of it travels in
// an address, and some of it back.
const maxRequest = 8 << 10

// authorize is the authorization endpoint (RFC 6749 section 3.1). The order of its checks is what keeps it from being an
// open redirector: client, then redirect URI, then everything else (RFC 9700 section 4.11).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	values, ok := p.frontChannel(w, r, pathAuthorize)
	if !ok {
		return
	}
	client, err := p.proven(r.Context(), values)
	if err != nil {
		p.refused(r.Context(), pathAuthorize, client, string(broker.CodeOf(err)))
		p.fail(w, r, err)
		return
	}
	a := &authorization{values: values, client: client, reply: reply{URI: values.Get("redirect_uri"), State: values.Get("state")}}
	request, err := a.read(p)
	if err != nil {
		p.turnDown(w, r, a, err)
		return
	}
	browser := p.broker.Browser(r)
	tx, step, err := p.broker.Begin(r.Context(), request, browser)
	switch broker.CodeOf(err) {
	case "":
	case broker.Unavailable:
		// The person can reload; a redirect would end the login at the client for what may be over in a second.
		p.fail(w, r, err)
		return
	default:
		p.turnDown(w, r, a, err)
		return
	}
	browser.SetCookies(w.Header())
	if !p.Answer(w, r, tx, step) {
		http.Redirect(w, r, p.login(tx.ID), http.StatusSeeOther)
	}
}

// turnDown answers a request that nothing was begun for.
func (p *Provider) turnDown(w http.ResponseWriter, r *http.Request, a *authorization, err error) {
	p.log.InfoContext(r.Context(), "authorization request refused", "client", a.client.ID, "error", err)
	p.refused(r.Context(), pathAuthorize, a.client, authorizeFault(err).code)
	p.send(w, r, a.reply, p.failure(a.reply, err))
}

// frontChannel returns the parameters of a request that a browser makes. A POST becomes the same request as GET: browsers
// send no SameSite=Lax cookie with a POST from another site, and without its cookies a browser has no session.
func (p *Provider) frontChannel(w http.ResponseWriter, r *http.Request, path string) (url.Values, bool) {
	switch r.Method {
	case http.MethodGet:
		if len(r.URL.RawQuery) > maxRequest {
			p.errorPage(w, r, http.StatusRequestURITooLong, broker.InvalidRequest, "The request is too long.")
			return nil, false
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			p.errorPage(w, r, http.StatusBadRequest, broker.InvalidRequest, "The request cannot be read.")
			return nil, false
		}
		return values, true
	case http.MethodPost:
		body, err := formBody(w, r, maxRequest)
		if err != nil {
			p.errorPage(w, r, bodyStatus(err), broker.InvalidRequest, "The request cannot be read.")
			return nil, false
		}
		http.Redirect(w, r, p.address(path)+"?"+body.Encode(), http.StatusSeeOther)
		return nil, false
	}
	w.Header().Set("Allow", "GET, POST")
	p.errorPage(w, r, http.StatusMethodNotAllowed, broker.InvalidRequest, "The request has a method that is not supported.")
	return nil, false
}

var (
	errTooLong  = errors.New("oidc: the body is too long")
	errNotAForm = errors.New("oidc: the body is not a form")
	errQuery    = errors.New("oidc: there are parameters in the address")
)

// formBody reads a form that is the whole request. It refuses parameters in the address as well: they would end up in logs
// (RFC 6749 section 2.3.1).
func formBody(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, errQuery
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errNotAForm
	}
	body, err := limitedBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNotAForm
	}
	return values, nil
}

func limitedBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, errTooLong
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if over := new(http.MaxBytesError); errors.As(err, &over) {
		return nil, errTooLong
	}
	return body, err
}

func bodyStatus(err error) int {
	if errors.Is(err, errTooLong) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// proven returns the client once it is certain who asks and that the answer may go where the request wants it.
func (p *Provider) proven(ctx context.Context, values url.Values) (Client, error) {
	if len(values["client_id"]) != 1 || len(values["redirect_uri"]) != 1 {
		return Client{}, broker.Fail(broker.InvalidRequest, "client_id and redirect_uri are each needed once.")
	}
	client, err := p.client(ctx, values.Get("client_id"))
	if err != nil {
		return Client{}, err
	}
	if !client.redirects(values.Get("redirect_uri")) {
		return Client{}, broker.Fail(broker.InvalidRequest, "The redirect URI is not registered for the service.")
	}
	return client, nil
}

// client returns a registered, enabled client. It fails with UnknownParty for all others.
func (p *Provider) client(ctx context.Context, id string) (Client, error) {
	if !broker.ValidKey(id) || len(id) > maxClientID {
		return Client{}, broker.Fail(broker.UnknownParty, "The service is not registered here.")
	}
	c, err := p.clients.Client(ctx, id)
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return Client{}, broker.Fail(broker.UnknownParty, "The service is not registered here.")
	case err != nil:
		return Client{}, err
	case c.Disabled:
		return Client{}, broker.Fail(broker.UnknownParty, "The service is disabled.")
	}
	return c, nil
}

// fail shows an error to the person, because there is nobody else to tell.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, err error) {
	code := broker.CodeOf(err)
	if code == broker.Unavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	p.log.WarnContext(r.Context(), "request failed before it could be answered", "path", r.URL.Path, "code", code, "error", err)
	p.errorPage(w, r, status(code), code, broker.TextOf(err))
}

// retryAfter is what a store that is down is given to come back, in seconds.
const retryAfter = "5"
