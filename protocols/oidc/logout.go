package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tillid/tillid/broker"
)

// leaving is what the adapter has to remember of a logout: it travels as broker.LogoutRequest.Data.
type leaving struct {
	Back  string `json:"back,omitempty"` // a registered address to go back to
	State string `json:"state,omitempty"`
}

// logout is the end-session endpoint (OpenID Connect RP-Initiated Logout 1.0). Without an ID token of ours that names the
// session the broker has the person confirm, because anybody can make a browser follow a link.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	values, ok := p.frontChannel(w, r, pathLogout)
	if !ok {
		return
	}
	request, err := p.leave(r.Context(), values)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	browser := p.broker.Browser(r)
	tx, step, err := p.broker.BeginLogout(r.Context(), request, browser)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	browser.SetCookies(w.Header())
	if p.Answer(w, r, tx, step) {
		return
	}
	if left, ok := step.(broker.Left); ok {
		p.loggedOut(w, r, tx, left)
		return
	}
	http.Redirect(w, r, p.login(tx.ID), http.StatusSeeOther)
}

// leave reads a logout request. A hint that cannot be verified counts for nothing: the person may still log out, after
// confirming it, but is not sent anywhere.
func (p *Provider) leave(ctx context.Context, values url.Values) (broker.LogoutRequest, error) {
	request := broker.LogoutRequest{Protocol: Protocol, Languages: strings.Fields(values.Get("ui_locales"))}
	if twice(values) {
		return request, broker.Fail(broker.InvalidRequest, "A parameter is there more than once.")
	}
	id := values.Get("client_id")
	if hint := values.Get("id_token_hint"); hint != "" {
		claims, err := p.ours(hint)
		switch {
		case err != nil:
			return request, nil
		case id != "" && id != claims.Audience:
			return request, broker.Fail(broker.InvalidRequest, "client_id is not the client that id_token_hint was issued to.")
		}
		id, request.SID = claims.Audience, claims.SID
	}
	if id == "" {
		return request, nil
	}
	client, err := p.client(ctx, id)
	switch code := broker.CodeOf(err); {
	case code == broker.UnknownParty:
		request.SID = "" // who is no longer registered ends nobody's session unasked
		return request, nil
	case err != nil:
		return request, err
	}
	request.Party = client.ID
	if back := values.Get("post_logout_redirect_uri"); client.takesBack(back) && len(values.Get("state")) <= maxState {
		request.Data, err = json.Marshal(leaving{Back: back, State: values.Get("state")})
	}
	return request, err
}

// takesBack reports whether a browser may be sent to the URI after a logout. The comparison is that of redirect URIs.
func (c Client) takesBack(uri string) bool {
	if uri == "" || len(uri) > maxURI {
		return false
	}
	return slices.ContainsFunc(c.PostLogoutRedirectURIs, func(registered string) bool {
		return uri == registered || c.isPublic() && samePortless(uri, registered)
	}) || c.InsecureAnyLoopbackRedirect && onLoopback(uri)
}

// answerLeft sends the browser back after a logout, where there is an address to send it to.
func (p *Provider) answerLeft(w http.ResponseWriter, tx broker.Transaction) bool {
	var data leaving
	if len(tx.Request.Data) == 0 || json.Unmarshal(tx.Request.Data, &data) != nil || data.Back == "" {
		return false
	}
	v := url.Values{}
	if data.State != "" {
		v.Set("state", data.State)
	}
	harden(w.Header())
	w.Header().Set("Location", withQuery(data.Back, v))
	w.WriteHeader(http.StatusSeeOther)
	return true
}
