package ledger

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	minSecret = 32
	idSize    = 8 // of a secret, in front of what it sealed
	nonceSize = 12
)

// seal encrypts with one secret. Each sealed value has a random nonce; AES-GCM bears 2^32 of them under one key (NIST SP
// 800-38D section 8.3).
type seal struct {
	id   [idSize]byte
	aead cipher.AEAD
}

func newSeal(secret []byte) (seal, error) {
	if len(secret) < minSecret {
		return seal{}, fmt.Errorf("a secret has at least %d bytes", minSecret)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "tillid ledger sealing", 32)
	if err != nil {
		return seal{}, err
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "tillid ledger key id", idSize)
	if err != nil {
		return seal{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return seal{}, err
	}
	return seal{id: [idSize]byte(id), aead: aead}, nil
}

// seal encrypts v as JSON, bound to the place it is kept in, so that a row's content cannot be moved to another row.
func (l *Ledger) seal(place string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	s := l.seals[0]
	out := make([]byte, idSize+nonceSize, idSize+nonceSize+len(plain)+s.aead.Overhead())
	copy(out, s.id[:])
	nonce := out[idSize:]
	if _, err := io.ReadFull(l.random, nonce); err != nil {
		return nil, fmt.Errorf("ledger: random: %w", err)
	}
	return s.aead.Seal(out, nonce, plain, []byte(place)), nil
}

// unseal reads what seal wrote for the same place into v.
func (l *Ledger) unseal(place string, sealed []byte, v any) error {
	if len(sealed) < idSize+nonceSize {
		return errors.New("ledger: a sealed value is too short")
	}
	for _, s := range l.seals {
		if [idSize]byte(sealed[:idSize]) != s.id {
			continue
		}
		plain, err := s.aead.Open(nil, sealed[idSize:idSize+nonceSize], sealed[idSize+nonceSize:], []byte(place))
		if err != nil {
			return errors.New("ledger: a sealed value was changed or moved")
		}
		if err := json.Unmarshal(plain, v); err != nil {
			return errors.New("ledger: a sealed value is unreadable")
		}
		return nil
	}
	return errors.New("ledger: a value was sealed with a secret that is not configured")
}
