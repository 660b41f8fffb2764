package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
)

// Algorithm is a JWS algorithm (RFC 7518 section 3.1) that tokens are signed with.
type Algorithm string

// The algorithms. Others are not accepted anywhere, none least of all (RFC 8725 section 3.1).
const (
	ES256 Algorithm = "ES256" // the default: an RSA signature costs more than the rest of a login
	PS256 Algorithm = "PS256"
	RS256 Algorithm = "RS256"
)

// Algorithms lists the algorithms in the order in which a default is looked for.
func Algorithms() []Algorithm { return []Algorithm{ES256, PS256, RS256} }

// KeyState is a key's place in its life.
type KeyState string

// The states. All three are published, so that whoever caches the key set knows a key before it signs and as long as
// something that it signed is valid.
const (
	NextKey    KeyState = "next"    // published, signs nothing yet
	CurrentKey KeyState = "current" // signs
	RetiredKey KeyState = "retired" // published for what it has signed
)

// Key is a private key, which may live in hardware, for one algorithm. One key serves one algorithm only (RFC 8725
// section 3.1).
type Key struct {
	Signer    crypto.Signer // P-256 for ES256, RSA of at least 2048 bits for PS256 and RS256
	Algorithm Algorithm
	State     KeyState // empty: current
}

// KeyInfo is a key as it may be shown.
type KeyInfo struct {
	ID        string // kid: the JWK thumbprint (RFC 7638) with SHA-256
	Algorithm Algorithm
	State     KeyState
}

// Keys are the signing keys of a provider. They may change while it serves.
type Keys struct {
	changing sync.Mutex
	set      atomic.Pointer[keySet]
}

// keySet is one state of Keys; it never changes.
type keySet struct {
	keys []*signingKey
	jwks []byte
}

type signingKey struct {
	KeyInfo
	signer crypto.Signer
	typed  map[string]jose.Signer // by typ
}

const (
	typeJWT    = "JWT"
	typeLogout = "logout+jwt" // Back-Channel Logout 1.0 section 2.4
	minimumRSA = 2048
)

// NewKeys checks the keys and reports every fault at once: a key that does not fit its algorithm, one that is there twice,
// a second current or next key of one algorithm, no current key at all.
func NewKeys(keys ...Key) (*Keys, error) {
	var all []*signingKey
	var faults []error
	for i, k := range keys {
		made, err := newSigningKey(k)
		if err != nil {
			faults = append(faults, fmt.Errorf("oidc: key %d: %w", i, err))
			continue
		}
		all = append(all, made)
	}
	if faults == nil {
		if set, err := newKeySet(all); err != nil {
			faults = append(faults, err)
		} else {
			k := new(Keys)
			k.set.Store(set)
			return k, nil
		}
	}
	return nil, errors.Join(faults...)
}

func newSigningKey(k Key) (*signingKey, error) {
	if k.Signer == nil {
		return nil, errors.New("has no signer")
	}
	fits := false
	switch public := k.Signer.Public().(type) {
	case *ecdsa.PublicKey:
		fits = k.Algorithm == ES256 && public.Curve == elliptic.P256()
	case *rsa.PublicKey:
		fits = (k.Algorithm == RS256 || k.Algorithm == PS256) && public.N.BitLen() >= minimumRSA
	}
	if !fits {
		return nil, fmt.Errorf("%T does not fit algorithm %q", k.Signer.Public(), k.Algorithm)
	}
	if k.State == "" {
		k.State = CurrentKey
	}
	if !slices.Contains([]KeyState{NextKey, CurrentKey, RetiredKey}, k.State) {
		return nil, fmt.Errorf("%q is not a state", k.State)
	}
	print, err := (&jose.JSONWebKey{Key: k.Signer.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("has no thumbprint: %w", err)
	}
	made := &signingKey{KeyInfo: KeyInfo{base64.RawURLEncoding.EncodeToString(print), k.Algorithm, k.State},
		signer: k.Signer, typed: make(map[string]jose.Signer)}
	for _, typ := range []string{typeJWT, typeLogout} {
		s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm),
			Key: &jose.JSONWebKey{Key: cryptosigner.Opaque(k.Signer), KeyID: made.ID}},
			(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
		if err != nil {
			return nil, err
		}
		made.typed[typ] = s
	}
	return made, nil
}

func newKeySet(keys []*signingKey) (*keySet, error) {
	var faults []error
	seen := make(map[any]bool)
	current := false
	public := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if seen[k.ID] {
			faults = append(faults, fmt.Errorf("oidc: key %s is there twice", k.ID))
		}
		role := [2]string{string(k.Algorithm), string(k.State)}
		if seen[role] && k.State != RetiredKey {
			faults = append(faults, fmt.Errorf("oidc: two keys for %s are %s", k.Algorithm, k.State))
		}
		seen[k.ID], seen[role] = true, true
		current = current || k.State == CurrentKey
		public.Keys = append(public.Keys, jose.JSONWebKey{Key: k.signer.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	if !current {
		faults = append(faults, errors.New("oidc: no key is current"))
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	jwks, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("oidc: key set: %w", err)
	}
	return &keySet{keys: keys, jwks: jwks}, nil
}

// List returns the keys without what makes them secret.
func (k *Keys) List() []KeyInfo {
	var out []KeyInfo
	for _, key := range k.set.Load().keys {
		out = append(out, key.KeyInfo)
	}
	return out
}

// Add takes in another key, such as one of an algorithm that was not there yet, or a next one.
func (k *Keys) Add(key Key) error {
	made, err := newSigningKey(key)
	if err != nil {
		return fmt.Errorf("oidc: key %w", err)
	}
	return k.change(func(keys []*signingKey) ([]*signingKey, error) { return append(keys, made), nil })
}

// Rotate lets the next key of an algorithm sign from now on and retires the current one. The key given, which may be nil,
// is published as the new next one. It fails when there is no next key: one that nobody has seen yet would be refused
// by everybody who caches the set.
func (k *Keys) Rotate(a Algorithm, next crypto.Signer) error {
	var fresh *signingKey
	if next != nil {
		made, err := newSigningKey(Key{next, a, NextKey})
		if err != nil {
			return fmt.Errorf("oidc: key %w", err)
		}
		fresh = made
	}
	return k.change(func(keys []*signingKey) ([]*signingKey, error) {
		found := false
		for i, key := range keys {
			if key.Algorithm != a || key.State == RetiredKey {
				continue
			}
			moved := *key
			if key.State == NextKey {
				moved.State, found = CurrentKey, true
			} else {
				moved.State = RetiredKey
			}
			keys[i] = &moved
		}
		if !found {
			return nil, fmt.Errorf("oidc: there is no next key for %s", a)
		}
		if fresh != nil {
			keys = append(keys, fresh)
		}
		return keys, nil
	})
}

// Remove takes a retired key out of the set. What it has signed can no longer be verified.
func (k *Keys) Remove(id string) error {
	return k.change(func(keys []*signingKey) ([]*signingKey, error) {
		for i, key := range keys {
			if key.ID != id {
				continue
			}
			if key.State != RetiredKey {
				return nil, fmt.Errorf("oidc: key %s is %s, not retired", id, key.State)
			}
			return slices.Delete(keys, i, i+1), nil
		}
		return nil, fmt.Errorf("oidc: there is no key %q", id)
	})
}

func (k *Keys) change(f func([]*signingKey) ([]*signingKey, error)) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	keys, err := f(slices.Clone(k.set.Load().keys))
	if err != nil {
		return err
	}
	set, err := newKeySet(keys)
	if err != nil {
		return err
	}
	k.set.Store(set)
	return nil
}

// algorithms are those that there is a current key for, the default first.
func (s *keySet) algorithms() []Algorithm {
	var out []Algorithm
	for _, a := range Algorithms() {
		if s.current(a) != nil {
			out = append(out, a)
		}
	}
	return out
}

func (s *keySet) current(a Algorithm) *signingKey {
	for _, k := range s.keys {
		if k.Algorithm == a && k.State == CurrentKey {
			return k
		}
	}
	return nil
}

func (s *keySet) byID(id string) *signingKey {
	for _, k := range s.keys {
		if k.ID == id {
			return k
		}
	}
	return nil
}

// sign makes a compact JWS of claims. An empty algorithm is the default.
func (k *Keys) sign(a Algorithm, typ string, claims any) (string, error) {
	set := k.set.Load()
	if a == "" {
		a = set.algorithms()[0] // a set without a current key is never made
	}
	key := set.current(a)
	if key == nil {
		return "", fmt.Errorf("oidc: there is no current key for %s", a)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := key.typed[typ].Sign(payload)
	if err != nil {
		return "", fmt.Errorf("oidc: sign: %w", err)
	}
	return signed.CompactSerialize()
}

// verify returns the payload of a compact JWS that one of the keys has signed, whatever its state.
func (k *Keys) verify(token, typ string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256})
	if err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Protected
	key := k.set.Load().byID(header.KeyID)
	if key == nil || string(key.Algorithm) != header.Algorithm || header.ExtraHeaders[jose.HeaderType] != typ {
		return nil, errors.New("oidc: not signed as ours")
	}
	return signed.Verify(key.signer.Public())
}
