package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	strict "github.com/go-jose/go-jose/v4/json"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// idToken holds the claims of an ID token (OpenID Connect Core section 2). Names beyond the standard are those of
// Signaturgruppen Broker. It never holds a CPR number: it may pass through a browser as a hint.
type idToken struct {
	Issuer       string              `json:"iss"`
	Subject      string              `json:"sub"`
	Audience     string              `json:"aud"`
	Expires      int64               `json:"exp"`
	IssuedAt     int64               `json:"iat"`
	AuthTime     int64               `json:"auth_time"`
	Nonce        string              `json:"nonce,omitempty"`
	ACR          string              `json:"acr,omitempty"`
	AMR          []string            `json:"amr"`
	TokenHash    string              `json:"at_hash,omitempty"`
	SID          string              `json:"sid,omitempty"`
	IDP          string              `json:"idp"`
	LoA          string              `json:"loa"`
	IAL          string              `json:"ial"`
	AAL          string              `json:"aal"`
	IdentityType broker.IdentityType `json:"identity_type"`
}

// granted is what the adapter has to remember as long as a grant lives: it travels as broker.Grant.Data, so that a
// refreshed token says what the first one said.
type granted struct {
	Scopes  scopeSet            `json:"scopes"`
	Dialect assurance.Dialect   `json:"dialect"` // of acr
	IDP     string              `json:"idp"`
	Type    broker.IdentityType `json:"type"`
}

// issued is one grant with all that tokens and claims are made from.
type issued struct {
	client Client
	grant  broker.Grant
	data   granted
	levels assurance.Levels
}

// of reads a live grant of a client.
func (p *Provider) of(c Client, g broker.Grant) (issued, error) {
	i := issued{client: c, grant: g, levels: g.Levels.Under(p.broker.FAL())}
	if err := json.Unmarshal(g.Data, &i.data); err != nil {
		return issued{}, broker.Because(broker.Internal, err)
	}
	return i, nil
}

// spell writes a level in the client's dialect. A level without a spelling is no level, and nothing may be issued.
func spell(d assurance.Dialect, l assurance.Level) (string, error) {
	s, ok := d.Spell(l)
	if !ok {
		return "", broker.Because(broker.Internal, errors.New("oidc: level "+l.String()+" has no spelling in "+string(d)))
	}
	return s, nil
}

// spelled are the levels as claims.
type spelled struct{ acr, loa, ial, aal string }

func (i issued) spelled() (spelled, error) {
	d := i.client.dialect()
	asked := i.data.Dialect
	if asked == "" {
		asked = d
	}
	var s spelled
	var errs [4]error
	s.acr, errs[0] = spell(asked, i.levels.LoA())
	s.loa, errs[1] = spell(d, i.levels.LoA())
	s.ial, errs[2] = spell(d, i.levels.IAL)
	s.aal, errs[3] = spell(d, i.levels.AAL)
	return s, errors.Join(errs[:]...)
}

// idToken signs the ID token of a grant. nonce is "" for a refreshed one (OpenID Connect Core 12.2).
func (p *Provider) idToken(i issued, nonce, access string) (string, error) {
	s, err := i.spelled()
	if err != nil {
		return "", err
	}
	now := p.broker.Now()
	sum := sha256.Sum256([]byte(access)) // all three algorithms use SHA-256
	return p.keys.sign(i.client.SigningAlg, typeJWT, idToken{
		Issuer: p.issuer, Subject: i.grant.Subject, Audience: i.client.ID,
		Expires: now.Add(p.lifetimes.IDToken).Unix(), IssuedAt: now.Unix(), AuthTime: i.grant.AuthTime.Unix(),
		Nonce: nonce, ACR: s.acr, AMR: i.grant.AMR, TokenHash: base64.RawURLEncoding.EncodeToString(sum[:16]),
		SID: i.grant.SID, IDP: i.data.IDP, LoA: s.loa, IAL: s.ial, AAL: s.aal,
		IdentityType: i.data.Type,
	})
}

const maxIDToken = 8 << 10

// ours reads an ID token that comes back as a hint. It may have expired (RP-Initiated Logout 1.0 section 4), but we must
// have signed it, for somebody.
func (p *Provider) ours(token string) (idToken, error) {
	if len(token) > maxIDToken {
		return idToken{}, errors.New("oidc: ID token too long")
	}
	payload, err := p.keys.verify(token, typeJWT)
	if err != nil {
		return idToken{}, err
	}
	var claims idToken
	if err := strict.Unmarshal(payload, &claims); err != nil {
		return idToken{}, err
	}
	if claims.Issuer != p.issuer || claims.Subject == "" || claims.Audience == "" || claims.Expires == 0 ||
		time.Unix(claims.IssuedAt, 0).After(p.broker.Now().Add(maxAhead)) {
		return idToken{}, errors.New("oidc: not an ID token of ours")
	}
	return claims, nil
}
