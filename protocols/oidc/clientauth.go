package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	strict "github.com/go-jose/go-jose/v4/json"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/broker"
)

// authenticate finds the client of a request and makes it prove who it is, in the way that it is registered for. op has
// refused requests that use two ways at once; every failure looks the same, but for a store that is down.
func (p *Provider) authenticate(ctx context.Context, h http.Header, form url.Values, cred *op.ClientCredentials) (Client, error) {
	c, err := p.identify(ctx, h, form, cred)
	if err != nil {
		p.refused(ctx, "client authentication", Client{}, "invalid_client")
	}
	return c, err
}

func (p *Provider) identify(ctx context.Context, h http.Header, form url.Values, cred *op.ClientCredentials) (Client, error) {
	method := AuthNone
	switch {
	case len(h["Authorization"]) > 0:
		method = AuthBasic
	case form.Has("client_assertion") || form.Has("client_assertion_type"):
		method = AuthPrivateKey
	case form.Has("client_secret"):
		method = AuthPost
	}
	if method == AuthBasic && (form.Has("client_assertion") || form.Has("client_secret")) {
		return Client{}, invalidClient()
	}
	id := cred.ClientID
	var assertion *assertion
	if method == AuthPrivateKey {
		a, err := parseAssertion(cred.ClientAssertion)
		if err != nil {
			return Client{}, invalidClient()
		}
		assertion, id = a, a.claims.Subject
	}
	if named := form.Get("client_id"); named != "" && named != id {
		return Client{}, invalidClient()
	}
	c, err := p.client(ctx, id)
	if broker.CodeOf(err) == broker.UnknownParty {
		_ = Client{SecretDigest: unknownDigest}.knows(Secret(cred.ClientSecret)) // the work that a known client would cost
		return Client{}, invalidClient()
	}
	if err != nil {
		return Client{}, tokenFault(err)
	}
	switch {
	case !c.authenticates(method):
		return Client{}, invalidClient()
	case method == AuthPrivateKey:
		return c, p.assert(ctx, c, assertion)
	case method != AuthNone && !c.knows(Secret(cred.ClientSecret)):
		return Client{}, invalidClient()
	}
	return c, nil
}

const unknownDigest = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// assertion is a client_assertion (RFC 7523 section 3) whose signature has not been checked yet.
type assertion struct {
	signed *jose.JSONWebSignature
	claims assertionClaims
}

type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   *numeric `json:"exp"`
	NotBefore *numeric `json:"nbf"`
	IssuedAt  *numeric `json:"iat"`
	ID        string   `json:"jti"`
}

// audience is aud, which RFC 7519 section 4.1.3 lets be one string or several.
type audience []string

func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if strict.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return strict.Unmarshal(text, (*[]string)(a))
}

// numeric is a NumericDate (RFC 7519 section 2), which may have a fraction.
type numeric float64

func (n numeric) time() time.Time { return time.Unix(int64(n), 0) }

const (
	maxAssertion     = 8 << 10
	maxAssertionID   = 256
	maxAssertionLife = 5 * time.Minute
	// maxAhead is by how much a client's clock may be ahead of ours. FAPI 2.0 section 5.3.2.1 wants 10 seconds accepted and
	// 60 refused.
	maxAhead = 30 * time.Second
)

var errAssertion = errors.New("oidc: client assertion is not valid")

func parseAssertion(text string) (*assertion, error) {
	if len(text) > maxAssertion {
		return nil, errAssertion
	}
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		return nil, errAssertion
	}
	a := &assertion{signed: signed}
	if err := strict.Unmarshal(signed.UnsafePayloadWithoutVerification(), &a.claims); err != nil {
		return nil, errAssertion
	}
	return a, nil
}

// assert checks a client's assertion and uses it up. A claim that is missing fails as one that is wrong does.
func (p *Provider) assert(ctx context.Context, c Client, a *assertion) error {
	header := a.signed.Signatures[0].Protected
	verified := false
	for _, key := range c.JWKS.candidates(header.KeyID, header.Algorithm) {
		if _, err := a.signed.Verify(key.Key); err == nil {
			verified = true
			break
		}
	}
	now, claims := p.broker.Now(), a.claims
	switch {
	case !verified,
		claims.Issuer != c.ID || claims.Subject != c.ID,
		!slices.Contains(claims.Audience, p.issuer) && !slices.Contains(claims.Audience, p.address(pathToken)),
		claims.ID == "" || len(claims.ID) > maxAssertionID,
		claims.Expires == nil || !now.Before(claims.Expires.time()) || claims.Expires.time().Sub(now) > maxAssertionLife+maxAhead,
		claims.NotBefore != nil && claims.NotBefore.time().Sub(now) > maxAhead,
		claims.IssuedAt != nil && claims.IssuedAt.time().Sub(now) > maxAhead:
		return invalidClient()
	}
	err := p.store.Create(ctx, broker.Record{Key: "oidc/jti/" + fingerprint(c.ID, claims.ID), Value: []byte{1},
		Expires: claims.Expires.time().Add(time.Second)})
	switch {
	case errors.Is(err, broker.ErrExists):
		return invalidClient()
	case err != nil:
		return unavailable(err) // an assertion whose use cannot be remembered is not used
	}
	return nil
}

// fingerprint is a key for the store made of values that are not ours to choose or to show.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
