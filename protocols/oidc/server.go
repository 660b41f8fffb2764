package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/broker"
)

// server is what package op calls once it has routed and decoded a request. It embeds the server that implements nothing
// instead of the library's own: whatever is not written here is refused, also what later versions may add.
type server struct {
	op.UnimplementedServer
	p *Provider
}

var _ op.Server = (*server)(nil)

// operations is op's handler of the endpoints for programs. Its own health, device, authorization and callback endpoints
// are either not registered or behind no route of ours.
func (p *Provider) operations() http.Handler {
	h := op.RegisterServer(&server{p: p}, op.Endpoints{
		Token:         op.NewEndpoint(pathToken),
		Introspection: op.NewEndpoint(pathIntrospect),
		Userinfo:      op.NewEndpoint(pathUserinfo),
		Revocation:    op.NewEndpoint(pathRevoke),
	}, op.WithServerCORSOptions(nil))
	return http.StripPrefix(p.prefix, h)
}

// VerifyClient authenticates the client of a token or revocation request.
func (s *server) VerifyClient(ctx context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	c, err := s.p.authenticate(ctx, r.Header, r.Form, r.Data)
	if err != nil {
		return nil, err
	}
	return &opClient{c}, nil
}

// CodeExchange redeems a code (RFC 6749 section 4.1.3, RFC 7636 section 4.6). The broker makes the grant durable before
// any token exists.
func (s *server) CodeExchange(ctx context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	client := r.Client.(*opClient).c
	answer, err := s.redeem(ctx, client, r.Data)
	if err != nil {
		s.p.refused(ctx, grantCode, client, refusalCode(err))
	}
	return answer, err
}

func (s *server) redeem(ctx context.Context, client Client, data *oidc.AccessTokenRequest) (*op.Response, error) {
	if !isVerifier(data.CodeVerifier) {
		return nil, oidc.ErrInvalidRequest().WithDescription("code_verifier is missing or malformed.")
	}
	result, err := s.p.broker.Redeem(ctx, Protocol, client.ID, data.Code)
	if err != nil {
		return nil, tokenFault(err)
	}
	var login asked
	if err := json.Unmarshal(result.Data(), &login); err != nil {
		return nil, tokenFault(broker.Because(broker.Internal, err))
	}
	switch {
	case data.RedirectURI != login.Reply.URI:
		return nil, oidc.ErrInvalidGrant().WithDescription("redirect_uri is not the one that the code was sent to.")
	case !answers(data.CodeVerifier, login.Challenge):
		return nil, oidc.ErrInvalidGrant().WithDescription("code_verifier does not answer the challenge.")
	}
	remember := granted{Scopes: login.Scopes, IDP: result.Connector(), Type: result.Type()}
	switch i := result.Alternative(); {
	case i >= 0 && i < len(login.Dialects):
		remember.Dialect = login.Dialects[i]
	case len(login.Dialects) > 0:
		remember.Dialect = login.Dialects[0]
	}
	kept, err := json.Marshal(remember)
	if err != nil {
		return nil, tokenFault(broker.Because(broker.Internal, err))
	}
	grant, err := s.p.broker.Grant(ctx, result, broker.GrantTerms{AMR: client.AMRDialect.methods(result.Uses()), Data: kept,
		Offline: login.Scopes.has(scopeOffline), Life: s.p.lifetimes.AccessToken})
	if err != nil {
		return nil, tokenFault(err)
	}
	return s.p.issue(client, grant, login.Scopes, login.Nonce)
}

// RefreshToken replaces a refresh token (RFC 6749 section 6). Scopes can be narrowed for the new access token, never
// widened.
func (s *server) RefreshToken(ctx context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	client := r.Client.(*opClient).c
	answer, err := s.refresh(ctx, client, r.Data)
	if err != nil {
		s.p.refused(ctx, grantRefresh, client, refusalCode(err))
	}
	return answer, err
}

func (s *server) refresh(ctx context.Context, client Client, data *oidc.RefreshTokenRequest) (*op.Response, error) {
	wanted := ^scopeSet(0)
	if len(data.Scopes) > 0 {
		text := strings.Join(data.Scopes, " ")
		wanted = parseScopes(text)
		if client.unregistered(wanted) != "" || len(text) > maxScope {
			return nil, oidc.ErrInvalidScope().WithDescription("The scope was not granted.")
		}
		wanted |= scopeOpenID
	}
	grant, err := s.p.broker.Refresh(ctx, Protocol, client.ID, data.RefreshToken)
	if err != nil {
		return nil, tokenFault(err)
	}
	return s.p.issue(client, grant, wanted, "")
}

// issue makes the tokens of a grant that is durable.
func (p *Provider) issue(client Client, grant broker.Grant, wanted scopeSet, nonce string) (*op.Response, error) {
	i, err := p.of(client, grant)
	if err != nil {
		return nil, tokenFault(err)
	}
	now := p.broker.Now()
	expires := now.Add(p.lifetimes.AccessToken)
	if grant.Expires.Before(expires) {
		expires = grant.Expires
	}
	scopes := i.data.Scopes & wanted
	access, err := p.tokens.seal(accessToken{grant: grant.ID, client: client.ID, scopes: scopes, expires: expires})
	if err != nil {
		return nil, tokenFault(err)
	}
	id, err := p.idToken(i, nonce, access)
	if err != nil {
		return nil, tokenFault(err)
	}
	answer := &oidc.AccessTokenResponse{AccessToken: access, TokenType: oidc.BearerToken, IDToken: id,
		ExpiresIn: uint64(max(0, expires.Sub(now)/time.Second)), Scope: scopes.names()}
	if grant.Offline {
		answer.RefreshToken = p.broker.RefreshToken(grant)
	}
	return op.NewResponse(answer), nil
}

// isVerifier checks the form of a code_verifier (RFC 7636 section 4.1).
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && strings.Trim(s, base64url+".~") == ""
}

// answers reports whether the verifier is what the challenge was made from.
func answers(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// opClient is a client as package op looks at it.
type opClient struct{ c Client }

var _ op.Client = (*opClient)(nil)

func (o *opClient) GetID() string                       { return o.c.ID }
func (o *opClient) RedirectURIs() []string              { return o.c.RedirectURIs }
func (o *opClient) PostLogoutRedirectURIs() []string    { return o.c.PostLogoutRedirectURIs }
func (o *opClient) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (o *opClient) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethod(o.c.AuthMethod) }
func (o *opClient) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (o *opClient) LoginURL(string) string                                       { return "" }
func (o *opClient) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeBearer }
func (o *opClient) IDTokenLifetime() time.Duration                               { return 0 }
func (o *opClient) DevMode() bool                                                { return false }
func (o *opClient) RestrictAdditionalIdTokenScopes() func([]string) []string     { return none }
func (o *opClient) RestrictAdditionalAccessTokenScopes() func([]string) []string { return none }
func (o *opClient) IsScopeAllowed(string) bool                                   { return false }
func (o *opClient) IDTokenUserinfoClaimsAssertion() bool                         { return false }
func (o *opClient) ClockSkew() time.Duration                                     { return 0 }
func (o *opClient) GrantTypes() []oidc.GrantType {
	out := []oidc.GrantType{oidc.GrantTypeCode}
	if o.c.grants(grantRefresh) {
		out = append(out, oidc.GrantTypeRefreshToken)
	}
	return out
}

func none([]string) []string { return nil }
