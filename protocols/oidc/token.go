package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tillid/tillid/broker"
)

// accessToken is what an access token says to us, and to nobody else. What it stands for is in its grant.
type accessToken struct {
	id      string // names this token when it is revoked
	grant   string
	client  string
	scopes  scopeSet
	expires time.Time
}

// tokens seals access tokens with AES-256-GCM. The first secret seals, all open.
type tokens struct {
	aeads  []cipher.AEAD
	issuer []byte // bound to every token: brokers that share a secret do not share tokens
	random io.Reader
}

const (
	// tokenPrefix lets a scanner find a leaked token. There is no dot in a token, so that a JWT is told from one at sight.
	tokenPrefix  = "tillid_at_"
	tokenVersion = 1
	tokenIDBytes = 16
	tokenFixed   = 1 + 1 + 8 + tokenIDBytes + 1
	maxToken     = 600
)

var errToken = errors.New("oidc: not an access token of ours")

func newTokens(secrets [][]byte, issuer string, random io.Reader) (*tokens, error) {
	t := &tokens{issuer: []byte(issuer), random: random}
	for _, secret := range secrets {
		if len(secret) < broker.MinimumSecret {
			return nil, fmt.Errorf("a secret has %d bytes, %d are required", len(secret), broker.MinimumSecret)
		}
		key, err := hkdf.Key(sha256.New, secret, nil, "tillid/oidc/access-token", 32)
		if err != nil {
			return nil, err
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		t.aeads = append(t.aeads, aead)
	}
	if len(t.aeads) == 0 {
		return nil, errors.New("at least one secret is required")
	}
	return t, nil
}

// seal makes the token's text and gives it an id.
func (t *tokens) seal(a accessToken) (string, error) {
	if len(a.grant) > 255 || len(a.client) > maxClientID {
		return "", errToken
	}
	plain := make([]byte, 0, tokenFixed+len(a.grant)+len(a.client))
	plain = append(plain, tokenVersion, byte(a.scopes))
	plain = binary.BigEndian.AppendUint64(plain, uint64(a.expires.Unix()))
	var id [tokenIDBytes]byte
	if _, err := io.ReadFull(t.random, id[:]); err != nil {
		return "", fmt.Errorf("oidc: randomness: %w", err)
	}
	plain = append(plain, id[:]...)
	plain = append(plain, byte(len(a.grant)))
	plain = append(plain, a.grant...)
	plain = append(plain, a.client...)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(t.aeads[0].Seal(nil, nil, plain, t.issuer)), nil
}

// open is the reverse. Any failure is errToken; an expired token opens.
func (t *tokens) open(text string) (accessToken, error) {
	body, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) > maxToken {
		return accessToken{}, errToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return accessToken{}, errToken
	}
	for _, aead := range t.aeads {
		plain, err := aead.Open(nil, nil, raw, t.issuer)
		if err != nil {
			continue
		}
		if len(plain) < tokenFixed || plain[0] != tokenVersion || len(plain) < tokenFixed+int(plain[tokenFixed-1]) {
			return accessToken{}, errToken
		}
		rest := plain[tokenFixed:]
		n := int(plain[tokenFixed-1])
		return accessToken{
			id:      base64.RawURLEncoding.EncodeToString(plain[10 : 10+tokenIDBytes]),
			grant:   string(rest[:n]),
			client:  string(rest[n:]),
			scopes:  scopeSet(plain[1]),
			expires: time.Unix(int64(binary.BigEndian.Uint64(plain[2:10])), 0),
		}, nil
	}
	return accessToken{}, errToken
}
