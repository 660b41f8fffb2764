package oidc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// Protocol is the name of this adapter in broker.Request, broker.RelyingParty and audit lines.
const Protocol = "oidc"

// The ways in which a client proves who it is, as values of token_endpoint_auth_method (RFC 7591).
const (
	AuthNone       = "none"
	AuthBasic      = "client_secret_basic"
	AuthPost       = "client_secret_post"
	AuthPrivateKey = "private_key_jwt"
)

// Client is a registered relying party. The names on the wire are those of RFC 7591 and of the OpenID Connect logout
// specifications, and a few of our own.
type Client struct {
	ID string `json:"client_id" yaml:"client_id"` // at most 128 bytes of printable ASCII without space
	// Secret is at least 32 characters nobody can guess. Registry.Add keeps SecretDigest of it and forgets it.
	Secret       Secret `json:"client_secret,omitempty" yaml:"client_secret,omitempty"`
	SecretDigest string `json:"client_secret_sha256,omitempty" yaml:"client_secret_sha256,omitempty"` // Secret.Digest
	// AuthMethod is the only way in which the client may authenticate. Empty: basic or post for a client with a secret,
	// private_key_jwt for one with keys, none for one with neither.
	AuthMethod string `json:"token_endpoint_auth_method,omitempty" yaml:"token_endpoint_auth_method,omitempty"`
	JWKS       JWKSet `json:"jwks,omitzero" yaml:"jwks,omitempty"`

	RedirectURIs           []string `json:"redirect_uris" yaml:"redirect_uris"` // compared byte for byte
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty" yaml:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI   string   `json:"backchannel_logout_uri,omitempty" yaml:"backchannel_logout_uri,omitempty"`
	// BackchannelLogoutSessionRequired changes nothing: every logout token has a sid.
	BackchannelLogoutSessionRequired bool      `json:"backchannel_logout_session_required,omitempty" yaml:"backchannel_logout_session_required,omitempty"`
	GrantTypes                       []string  `json:"grant_types,omitempty" yaml:"grant_types,omitempty"`       // empty: authorization_code and refresh_token
	ResponseTypes                    []string  `json:"response_types,omitempty" yaml:"response_types,omitempty"` // empty: code; nothing else is spoken
	SigningAlg                       Algorithm `json:"id_token_signed_response_alg,omitempty" yaml:"id_token_signed_response_alg,omitempty"`

	Name         string `json:"name,omitempty" yaml:"name,omitempty"`                 // as shown to people; empty: the ID
	NameEN       string `json:"name_en,omitempty" yaml:"name_en,omitempty"`           // in English; empty: Name
	Organisation string `json:"organisation,omitempty" yaml:"organisation,omitempty"` // all its clients know a person by the same sub
	// MinimumLoA can be raised by a request and never lowered; none is Substantial.
	MinimumLoA   assurance.Level   `json:"minimum_loa,omitempty" yaml:"minimum_loa,omitempty"`
	LevelDialect assurance.Dialect `json:"level_dialect,omitempty" yaml:"level_dialect,omitempty"` // of loa, ial, aal; empty: NEB
	AMRDialect   AMRDialect        `json:"amr_dialect,omitempty" yaml:"amr_dialect,omitempty"`     // empty: NEB
	SSO          bool              `json:"sso,omitempty" yaml:"sso,omitempty"`
	Connectors   []string          `json:"connectors,omitempty" yaml:"connectors,omitempty"` // empty permits all
	Claims       []string          `json:"claims,omitempty" yaml:"claims,omitempty"`         // the scopes it may ask for: profile, mitid, ssn
	CPRBasis     string            `json:"cpr_basis,omitempty" yaml:"cpr_basis,omitempty"`   // legal basis for CPR numbers: public, consent or law:...
	Public       bool              `json:"public,omitempty" yaml:"public,omitempty"`         // a public authority
	Consent      bool              `json:"consent,omitempty" yaml:"consent,omitempty"`       // ask the person before claims are released
	Disabled     bool              `json:"disabled,omitempty" yaml:"disabled,omitempty"`

	// InsecureAnyLoopbackRedirect accepts every http and https redirect URI of this machine, registered or not. It is for
	// the dev profile and cannot be set by a file.
	InsecureAnyLoopbackRedirect bool `json:"-" yaml:"-"`
}

// Clients finds registered clients. An unknown one is broker.ErrNotFound.
type Clients interface {
	Client(ctx context.Context, id string) (Client, error)
}

const maxClientID = 128

// Validate reports every fault of the registration at once, each by the name of its field on the wire.
func (c Client) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("client %.40q: "+format, append([]any{c.ID}, args...)...))
		}
	}
	fault(!broker.ValidKey(c.ID) || len(c.ID) > maxClientID, "client_id is not 1 to %d printable characters", maxClientID)
	c.validateAuth(fault)
	fault(len(c.RedirectURIs) == 0 && !c.InsecureAnyLoopbackRedirect, "redirect_uris is empty")
	for _, u := range c.RedirectURIs {
		err := redirectURI(u, c.isPublic())
		fault(err != nil, "redirect_uris: %.100q %w", u, err)
	}
	for _, u := range c.PostLogoutRedirectURIs {
		err := redirectURI(u, c.isPublic())
		fault(err != nil, "post_logout_redirect_uris: %.100q %w", u, err)
	}
	if c.BackchannelLogoutURI != "" {
		err := webURI(c.BackchannelLogoutURI)
		fault(err != nil, "backchannel_logout_uri: %.100q %w", c.BackchannelLogoutURI, err)
	}
	for _, g := range c.GrantTypes {
		fault(g != grantCode && g != grantRefresh, "grant_types: %.40q is not supported", g)
	}
	fault(len(c.GrantTypes) > 0 && !slices.Contains(c.GrantTypes, grantCode), "grant_types lacks %s", grantCode)
	for _, t := range c.ResponseTypes {
		fault(t != "code", "response_types: %.40q is not supported", t)
	}
	fault(c.SigningAlg != "" && !slices.Contains(Algorithms(), c.SigningAlg), "id_token_signed_response_alg: %.40q is not supported", c.SigningAlg)
	fault(!c.MinimumLoA.Valid(), "minimum_loa is not a level")
	if c.LevelDialect != "" {
		_, err := assurance.ParseDialect(string(c.LevelDialect))
		fault(err != nil, "level_dialect: %w", err)
	}
	fault(!c.AMRDialect.valid(), "amr_dialect: %.40q is not one", c.AMRDialect)
	for _, s := range c.Claims {
		fault(claimScopes[s] == 0, "claims: %.40q is not one of profile, mitid, ssn", s)
	}
	fault(slices.Contains(c.Claims, broker.ClaimCPR) && c.CPRBasis == "", "claims: ssn needs cpr_basis (databeskyttelsesloven section 11)")
	return errors.Join(faults...)
}

func (c Client) validateAuth(fault func(bad bool, format string, args ...any)) {
	fault(c.Secret != "" && c.SecretDigest != "", "client_secret and client_secret_sha256 exclude each other")
	fault(c.Secret != "" && len(c.Secret) < minimumSecret, "client_secret has fewer than %d characters", minimumSecret)
	if c.SecretDigest != "" {
		raw, err := base64.RawURLEncoding.DecodeString(c.SecretDigest)
		fault(err != nil || len(raw) != 32, "client_secret_sha256 is not a SHA-256 digest as unpadded base64url")
	}
	secret, keys := c.hasSecret(), !c.JWKS.IsZero()
	switch c.AuthMethod {
	case "":
		fault(secret && keys, "token_endpoint_auth_method is needed where there are a client_secret and jwks")
	case AuthNone:
		fault(secret || keys, "token_endpoint_auth_method is none, but there is a client_secret or jwks")
	case AuthBasic, AuthPost:
		fault(!secret, "token_endpoint_auth_method %s needs a client_secret", c.AuthMethod)
	case AuthPrivateKey:
		fault(!keys, "token_endpoint_auth_method %s needs jwks", c.AuthMethod)
	default:
		fault(true, "token_endpoint_auth_method: %.40q is not supported", c.AuthMethod)
	}
}

func (c Client) hasSecret() bool { return c.Secret != "" || c.SecretDigest != "" }

// isPublic reports a client that cannot prove who it is (RFC 6749 section 2.1).
func (c Client) isPublic() bool { return c.authenticates(AuthNone) }

// authenticates reports whether the client may authenticate in this way.
func (c Client) authenticates(method string) bool {
	switch {
	case c.AuthMethod != "":
		return method == c.AuthMethod
	case c.hasSecret():
		return method == AuthBasic || method == AuthPost
	case !c.JWKS.IsZero():
		return method == AuthPrivateKey
	}
	return method == AuthNone
}

// knows compares a secret in constant time.
func (c Client) knows(s Secret) bool {
	digest := c.SecretDigest
	if digest == "" {
		if c.Secret == "" {
			return false
		}
		digest = c.Secret.Digest()
	}
	return sameDigest(digest, s)
}

func (c Client) grants(grantType string) bool {
	return len(c.GrantTypes) == 0 || slices.Contains(c.GrantTypes, grantType)
}

// dialect is how levels are spelt to the client where it did not ask in another spelling.
func (c Client) dialect() assurance.Dialect {
	if c.LevelDialect == "" {
		return assurance.NEB
	}
	return c.LevelDialect
}

// RelyingParty is the client as the broker knows it.
func (c Client) RelyingParty() broker.RelyingParty {
	return broker.RelyingParty{Protocol: Protocol, ID: c.ID, Name: c.Name, NameEN: c.NameEN, Organisation: c.Organisation,
		Minimum: assurance.Minimum{LoA: c.MinimumLoA}, Connectors: c.Connectors, Claims: c.Claims, CPRBasis: c.CPRBasis,
		Public: c.Public, SSO: c.SSO, Consent: c.Consent, Disabled: c.Disabled}
}
