package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// JWKSet holds the public keys of a client that authenticates with private_key_jwt (RFC 7517, jwks in RFC 7591). It is read
// from JSON or YAML; the zero value holds none.
type JWKSet struct{ keys []jose.JSONWebKey }

const maxClientKeys = 8

// ParseJWKSet reads a key set. It refuses private and symmetric keys, keys for other algorithms than ES256, PS256 and
// RS256, RSA keys below 2048 bits and more than eight keys.
func ParseJWKSet(text []byte) (JWKSet, error) {
	var s JWKSet
	err := s.UnmarshalJSON(text)
	return s, err
}

// UnmarshalJSON reads a key set as ParseJWKSet does.
func (s *JWKSet) UnmarshalJSON(text []byte) error {
	if len(text) > 64<<10 {
		return errors.New("oidc: jwks is over 64 KiB")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("oidc: jwks: %w", err)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxClientKeys {
		return fmt.Errorf("oidc: jwks has %d keys, not 1 to %d", len(set.Keys), maxClientKeys)
	}
	for i, k := range set.Keys {
		if k.Use != "" && k.Use != "sig" || len(clientAlgorithms(k)) == 0 {
			return fmt.Errorf("oidc: jwks: key %d is not a public signing key for ES256, PS256 or RS256", i)
		}
	}
	s.keys = set.Keys
	return nil
}

// UnmarshalYAML reads the same members written as YAML.
func (s *JWKSet) UnmarshalYAML(unmarshal func(any) error) error {
	var tree any
	if err := unmarshal(&tree); err != nil {
		return err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("oidc: jwks: %w", err)
	}
	return s.UnmarshalJSON(text)
}

// MarshalJSON writes the key set.
func (s JWKSet) MarshalJSON() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: append([]jose.JSONWebKey{}, s.keys...)})
}

// IsZero reports that there are no keys.
func (s JWKSet) IsZero() bool { return len(s.keys) == 0 }

// clientAlgorithms are those that the key may verify: the key's type decides, and its alg where it has one (RFC 8725
// section 3.1).
func clientAlgorithms(k jose.JSONWebKey) []Algorithm {
	var fit []Algorithm
	switch public := k.Key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			fit = []Algorithm{ES256}
		}
	case *rsa.PublicKey:
		if public.N.BitLen() >= minimumRSA {
			fit = []Algorithm{PS256, RS256}
		}
	}
	if k.Algorithm == "" {
		return fit
	}
	for _, a := range fit {
		if string(a) == k.Algorithm {
			return []Algorithm{a}
		}
	}
	return nil
}

// candidates are the keys that a signature with this kid and algorithm could be of.
func (s JWKSet) candidates(kid, alg string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range s.keys {
		if kid != "" && k.KeyID != kid {
			continue
		}
		for _, a := range clientAlgorithms(k) {
			if string(a) == alg {
				out = append(out, k)
			}
		}
	}
	return out
}
