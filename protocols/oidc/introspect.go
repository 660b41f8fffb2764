package oidc

import (
	"context"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/broker"
)

// introspection is what RFC 7662 section 2.2 says about an access token. A token that is not good for anything is inactive
// and says nothing else.
type introspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	Type     string `json:"token_type,omitempty"`
	Expires  int64  `json:"exp,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	Issuer   string `json:"iss,omitempty"`
	ID       string `json:"jti,omitempty"`
	AuthTime int64  `json:"auth_time,omitempty"`
	ACR      string `json:"acr,omitempty"` // RFC 9470 section 6.2
	LoA      string `json:"loa,omitempty"`
}

// Introspect tells a client about its own access tokens and about those of other clients of its organisation, which know
// the person by the same subject. Refresh tokens are inactive: only who may use one needs to know about it.
func (s *server) Introspect(ctx context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	asker, err := s.p.authenticate(ctx, r.Header, r.Form, r.Data.ClientCredentials)
	if err != nil {
		return nil, err
	}
	if asker.isPublic() {
		return nil, invalidClient() // RFC 7662 section 2.1: against token scanning
	}
	inactive := op.NewResponse(introspection{})
	t, err := s.p.tokens.open(r.Data.Token)
	if err != nil || !s.p.broker.Now().Before(t.expires) {
		return inactive, nil
	}
	i, scopes, err := s.p.live(ctx, t)
	switch broker.CodeOf(err) {
	case "":
	case broker.Unavailable, broker.Busy, broker.Internal:
		return nil, bearerFault(err)
	default:
		return inactive, nil
	}
	if asker.ID != i.client.ID && (asker.Organisation == "" || asker.Organisation != i.client.Organisation) {
		return inactive, nil
	}
	if err := s.p.told(ctx, "introspected", asker, i, scopes); err != nil {
		return nil, bearerFault(err)
	}
	words, err := i.spelled()
	if err != nil {
		return nil, bearerFault(err)
	}
	return op.NewResponse(introspection{Active: true, Scope: oidc.SpaceDelimitedArray(scopes.names()).String(), ClientID: i.client.ID,
		Type: oidc.BearerToken, Expires: t.expires.Unix(), Subject: i.grant.Subject, Audience: i.client.ID, Issuer: s.p.issuer,
		ID: t.id, AuthTime: i.grant.AuthTime.Unix(), ACR: words.acr, LoA: words.loa}), nil
}

// Revocation ends a token of the client (RFC 7009): a refresh token with everything that came of it, an access token alone.
// What is not a token of this client is no error, and is not touched.
func (s *server) Revocation(ctx context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	client := r.Client.(*opClient).c
	handled, err := s.p.broker.RevokeRefresh(ctx, Protocol, client.ID, r.Data.Token)
	if err != nil {
		return nil, tokenFault(err)
	}
	if handled {
		return op.NewResponse(nil), nil
	}
	t, err := s.p.tokens.open(r.Data.Token)
	if err != nil || !s.p.broker.Now().Before(t.expires) {
		return op.NewResponse(nil), nil
	}
	// The broker leaves a token of another client alone.
	if err := s.p.broker.RevokeAccess(ctx, Protocol, client.ID, t.grant, t.id, t.expires); err != nil {
		return nil, tokenFault(err)
	}
	return op.NewResponse(nil), nil
}
