package registry

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
)

// minimumSecret is the least length of a secret in octets.
const minimumSecret = 32

// keyName is the length of the name that stands before a sealed value and says which secret opens it.
const keyName = 4

var errSealed = errors.New("a sealed value does not open: the secret is missing, or the row was tampered with")

// key is what one secret amounts to. Each purpose has a key of its own.
type key struct {
	name   [keyName]byte
	seal   cipher.AEAD
	lookup []byte
}

// keys are in the order of the secrets: the first seals, all open.
type keys []key

func newKeys(secrets [][]byte) (keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("registry: Config.Secrets: at least one is required")
	}
	var all keys
	var errs []error
	for i, secret := range secrets {
		if len(secret) < minimumSecret {
			errs = append(errs, fmt.Errorf("registry: Config.Secrets[%d] has %d octets, %d are required", i, len(secret), minimumSecret))
			continue
		}
		k, err := newKey(secret)
		for _, other := range all {
			if err == nil && other.name == k.name {
				err = errors.New("is given twice")
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("registry: Config.Secrets[%d]: %w", i, err))
			continue
		}
		all = append(all, k)
	}
	return all, errors.Join(errs...)
}

func newKey(secret []byte) (key, error) {
	var k key
	name, err1 := hkdf.Key(sha256.New, secret, nil, "tillid/registry/name", keyName)
	seal, err2 := hkdf.Key(sha256.New, secret, nil, "tillid/registry/seal", 32)
	lookup, err3 := hkdf.Key(sha256.New, secret, nil, "tillid/registry/lookup", 32)
	if err := errors.Join(err1, err2, err3); err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return key{}, err
	}
	if k.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return key{}, err
	}
	copy(k.name[:], name)
	k.lookup = lookup
	return k, nil
}

// place is where a sealed value stands, as table, column and row; it opens nowhere else. The lengths keep two places from
// being spelled alike.
func place(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(strconv.AppendInt(b, int64(len(p)), 10), ':')
		b = append(append(b, p...), '|')
	}
	return b
}

func (ks keys) seal(plain, place []byte) []byte {
	out := append(make([]byte, 0, keyName+len(plain)+28), ks[0].name[:]...)
	return ks[0].seal.Seal(out, nil, plain, place)
}

func (ks keys) open(sealed, place []byte) ([]byte, error) {
	for _, k := range ks {
		if bytes.HasPrefix(sealed, k.name[:]) {
			if plain, err := k.seal.Open(nil, nil, sealed[keyName:], place); err == nil {
				return plain, nil
			}
		}
	}
	return nil, errSealed
}

// newest reports whether the value was sealed under the first secret.
func (ks keys) newest(sealed []byte) bool { return bytes.HasPrefix(sealed, ks[0].name[:]) }

// digests are the keyed hashes by which a row is found, under each secret, the newest first. Those of one kind of text
// cannot be compared with those of another.
func (ks keys) digests(parts ...string) [][]byte {
	out := make([][]byte, 0, len(ks))
	for _, k := range ks {
		mac := hmac.New(sha256.New, k.lookup)
		for _, p := range parts {
			fmt.Fprintf(mac, "%d:%s,", len(p), p) // a hash never fails to be written to
		}
		out = append(out, mac.Sum(nil))
	}
	return out
}

// arguments are digests as arguments of a query.
func arguments(digests [][]byte) []any {
	out := make([]any, len(digests))
	for i, d := range digests {
		out[i] = d
	}
	return out
}
