package broker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// MinimumSecret is the least length of a secret, in bytes.
const MinimumSecret = 32

var errSeal = errors.New("broker: sealed value is not ours")

var b64 = base64.RawURLEncoding.Strict()

// seal makes values that leave the process unreadable and unforgeable: store records, codes, channels, tickets, sid. Each
// purpose has keys of its own, so that a value sealed for one is worthless for another. The first secret seals, all open.
type seal struct {
	aeads []cipher.AEAD // random nonce
	sivs  []siv         // deterministic, where the same plaintext must give the same value
}

type siv struct {
	mac  []byte
	aead cipher.AEAD
}

func newSeal(secrets [][]byte, purpose string) (*seal, error) {
	s := new(seal)
	for _, secret := range secrets {
		if len(secret) < MinimumSecret {
			return nil, fmt.Errorf("a secret has %d bytes, %d are required", len(secret), MinimumSecret)
		}
		key := func(part string) ([]byte, error) {
			return hkdf.Key(sha256.New, secret, nil, "tillid/"+purpose+"/"+part, 32)
		}
		k1, err1 := key("random")
		k2, err2 := key("fixed")
		mac, err3 := key("mac")
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		c1, err1 := aes.NewCipher(k1)
		c2, err2 := aes.NewCipher(k2)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		a1, err1 := cipher.NewGCMWithRandomNonce(c1)
		a2, err2 := cipher.NewGCM(c2)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		s.aeads = append(s.aeads, a1)
		s.sivs = append(s.sivs, siv{mac, a2})
	}
	if len(s.aeads) == 0 {
		return nil, errors.New("at least one secret is required")
	}
	return s, nil
}

// bytes seals plain, bound to ad.
func (s *seal) bytes(plain []byte, ad string) []byte {
	return s.aeads[0].Seal(nil, nil, plain, []byte(ad))
}

// openBytes is the reverse; any failure is errSeal.
func (s *seal) openBytes(sealed []byte, ad string) ([]byte, error) {
	for _, a := range s.aeads {
		if plain, err := a.Open(nil, nil, sealed, []byte(ad)); err == nil {
			return plain, nil
		}
	}
	return nil, errSeal
}

// text is bytes as unpadded base64url.
func (s *seal) text(plain []byte, ad string) string { return b64.EncodeToString(s.bytes(plain, ad)) }

func (s *seal) openText(sealed, ad string) ([]byte, error) {
	raw, err := b64.DecodeString(sealed)
	if err != nil {
		return nil, errSeal
	}
	return s.openBytes(raw, ad)
}

// fixed seals deterministically: the nonce is a MAC of what is sealed, so that equal plaintexts, and only those, give
// equal values.
func (s *seal) fixed(plain []byte) string {
	k := s.sivs[0]
	nonce := k.sum(plain)[:k.aead.NonceSize()]
	return b64.EncodeToString(k.aead.Seal(nonce[:len(nonce):len(nonce)], nonce, plain, nil))
}

func (s *seal) openFixed(sealed string) ([]byte, error) {
	raw, err := b64.DecodeString(sealed)
	if err != nil {
		return nil, errSeal
	}
	for _, k := range s.sivs {
		n := k.aead.NonceSize()
		if len(raw) < n {
			return nil, errSeal
		}
		plain, err := k.aead.Open(nil, raw[:n], raw[n:], nil)
		if err == nil && hmac.Equal(k.sum(plain)[:n], raw[:n]) {
			return plain, nil
		}
	}
	return nil, errSeal
}

func (k siv) sum(plain []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(plain)
	return h.Sum(nil)
}

// mac authenticates text under the first secret.
func (s *seal) mac(text string) string { return b64.EncodeToString(s.sivs[0].sum([]byte(text))) }

// macs are those under every secret, the first one's first.
func (s *seal) macs(text string) []string {
	out := make([]string, len(s.sivs))
	for i, k := range s.sivs {
		out[i] = b64.EncodeToString(k.sum([]byte(text)))
	}
	return out
}

// checkMAC compares in constant time, under every secret.
func (s *seal) checkMAC(text, mac string) bool {
	raw, err := b64.DecodeString(mac)
	if err != nil {
		return false
	}
	ok := false
	for _, k := range s.sivs {
		ok = hmac.Equal(k.sum([]byte(text)), raw) || ok
	}
	return ok
}

// digest names a bearer value without being one.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return b64.EncodeToString(sum[:])
}
