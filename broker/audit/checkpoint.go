package audit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Checkpoint is the writer's signed word on how far its chain had come. Kept outside the database it shows later whether
// the end of the chain was cut off.
type Checkpoint struct {
	Chain  uint64    `json:"chain"`
	Writer string    `json:"writer"`
	Seq    uint64    `json:"seq"`
	Hash   Digest    `json:"hash"`  // of the entry Seq
	Time   time.Time `json:"time"`  // UTC, to the microsecond
	Count  uint64    `json:"count"` // how many checkpoints this writer has signed, this one included: a missing one shows
	Final  bool      `json:"final"` // the writer stopped: nothing may follow
	Key    string    `json:"key"`   // KeyID of the key that signed
	// Signature is over everything above: 64 bytes r and s for a P-256 key (ES256, RFC 7518 section 3.4), 64 bytes for
	// Ed25519 (RFC 8032).
	Signature []byte `json:"signature,omitempty"`
}

// signed returns the bytes under the signature. The first words keep a signature from being used for anything else that
// the same key may sign.
func (c Checkpoint) signed() ([]byte, error) {
	c.Signature = nil
	b, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return append([]byte("tillid audit checkpoint 1\x00"), b...), nil
}

// KeyID names a public key in checkpoints: the first 16 bytes of the SHA-256 of its SubjectPublicKeyInfo, hexadecimal. The
// error says that the key is neither ECDSA on P-256 nor Ed25519.
func KeyID(public crypto.PublicKey) (string, error) {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", errors.New("audit: an ECDSA key must be on P-256")
		}
	case ed25519.PublicKey:
	default:
		return "", fmt.Errorf("audit: a key of type %T; checkpoints are signed with ECDSA on P-256 or Ed25519", public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("audit: public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:16]), nil
}

// pair is an ECDSA signature as crypto.Signer returns it (RFC 3279 section 2.2.3).
type pair struct{ R, S *big.Int }

// sign fills in Key and Signature.
func (c *Checkpoint) sign(signer crypto.Signer, random io.Reader) error {
	if random == nil {
		random = rand.Reader
	}
	id, err := KeyID(signer.Public())
	if err != nil {
		return err
	}
	c.Key = id
	message, err := c.signed()
	if err != nil {
		return err
	}
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		c.Signature, err = signer.Sign(random, message, crypto.Hash(0))
		return err
	}
	sum := sha256.Sum256(message)
	der, err := signer.Sign(random, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	var p pair
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) != 0 || p.R.Sign() <= 0 || p.S.Sign() <= 0 ||
		p.R.BitLen() > 256 || p.S.BitLen() > 256 {
		return errors.New("audit: the signer returned no ECDSA signature")
	}
	c.Signature = make([]byte, 64)
	p.R.FillBytes(c.Signature[:32])
	p.S.FillBytes(c.Signature[32:])
	return nil
}

// verify returns nil when one of the keys, listed by KeyID, signed the checkpoint.
func (c Checkpoint) verify(keys map[string]crypto.PublicKey) error {
	message, err := c.signed()
	if err != nil {
		return err
	}
	if len(c.Signature) != 64 {
		return errors.New("the signature does not have 64 bytes")
	}
	switch k := keys[c.Key].(type) {
	case ed25519.PublicKey:
		if ed25519.Verify(k, message, c.Signature) {
			return nil
		}
	case *ecdsa.PublicKey:
		der, err := asn1.Marshal(pair{new(big.Int).SetBytes(c.Signature[:32]), new(big.Int).SetBytes(c.Signature[32:])})
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(message); ecdsa.VerifyASN1(k, sum[:], der) {
			return nil
		}
	default:
		return fmt.Errorf("it was signed with the key %q, which is not among those to be trusted", c.Key)
	}
	return errors.New("the signature is wrong")
}
