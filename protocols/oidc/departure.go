package oidc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tillid/tillid/broker"
)

// logoutToken holds the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4). It has no nonce, so
// that it never passes for an ID token.
type logoutToken struct {
	Issuer   string              `json:"iss"`
	Subject  string              `json:"sub"`
	Audience string              `json:"aud"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
	SID      string              `json:"sid"`
	Events   map[string]struct{} `json:"events"`
}

const (
	logoutEvent     = "http://schemas.openid.net/event/backchannel-logout"
	logoutTokenLife = 2 * time.Minute
	maxReply        = 64 << 10
)

var _ broker.Departer = (*Provider)(nil)

// Depart tells a client that a session is over, by a signed token posted to its backchannel_logout_uri. A client without
// one, or one that is gone, has nothing to be told. Any answer but 2xx is an error, redirects included.
func (p *Provider) Depart(ctx context.Context, d broker.Departure) error {
	client, err := p.clients.Client(ctx, d.Participant.Party)
	if errors.Is(err, broker.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if client.BackchannelLogoutURI == "" {
		return nil
	}
	var id [16]byte
	if _, err := io.ReadFull(p.random, id[:]); err != nil {
		return fmt.Errorf("oidc: randomness: %w", err)
	}
	now := p.broker.Now()
	token, err := p.keys.sign(client.SigningAlg, typeLogout, logoutToken{Issuer: p.issuer, Subject: d.Subject, Audience: client.ID,
		IssuedAt: now.Unix(), Expires: now.Add(logoutTokenLife).Unix(), ID: base64.RawURLEncoding.EncodeToString(id[:]), SID: d.SID,
		Events: map[string]struct{}{logoutEvent: {}}})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, client.BackchannelLogoutURI,
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return fmt.Errorf("oidc: back-channel logout at %q: %w", client.ID, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.backchan.Do(r)
	if err != nil {
		return fmt.Errorf("oidc: back-channel logout at %q: %w", client.ID, err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing of it is used
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, maxReply)); err != nil {
		return fmt.Errorf("oidc: back-channel logout at %q: %w", client.ID, err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("oidc: back-channel logout at %q: status %d", client.ID, answer.StatusCode)
	}
	return nil
}
