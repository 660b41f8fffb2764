package authn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Unlock is how a device made sure that its holder was there before it signed.
type Unlock string

// The ways to unlock an app. None is a swipe alone and proves possession only.
const (
	UnlockPIN        Unlock = "pin"
	UnlockBiometrics Unlock = "biometrics"
	UnlockNone       Unlock = "none"
)

// Valid reports whether u is one of the three.
func (u Unlock) Valid() bool { return u == UnlockPIN || u == UnlockBiometrics || u == UnlockNone }

// Challenge is what an app is asked to sign. The device shows party, action and text, and signs exactly what it shows
// (dynamic linking); the channel ties it to one transaction, the nonce to one claim of it.
type Challenge struct {
	Channel string `json:"channel"`
	Device  string `json:"device"` // the authenticator's ID
	Nonce   []byte `json:"nonce"`  // 32 random octets
	Party   string `json:"party"`
	Action  string `json:"action"`
	Text    string `json:"text,omitempty"`
}

const nonceLength = 32

// BeginApproval makes the challenge for one device. The text must be in the form that ApprovalText returns.
func BeginApproval(random io.Reader, channel, device, party, action, text string) (Challenge, error) {
	nonce := make([]byte, nonceLength)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return Challenge{}, fmt.Errorf("authn: randomness: %w", err)
	}
	return Challenge{Channel: channel, Device: device, Nonce: nonce, Party: party, Action: action, Text: text}, nil
}

// Message is what the device signs, with how it was unlocked and its signature counter. Every field is preceded by its
// length, so that no two challenges share a message, and the first one keeps it apart from anything else the key may sign.
func (c Challenge) Message(unlock Unlock, counter uint64) []byte {
	var b []byte
	for _, f := range [...]string{"tillid app approval v1", c.Channel, c.Device, string(c.Nonce), c.Party, c.Action, c.Text, string(unlock)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return binary.BigEndian.AppendUint64(b, counter)
}

// Approval is a device's answer to a Challenge.
type Approval struct {
	Unlock    Unlock
	Counter   uint64 // of the device's signatures; each is higher than the last, the first is at least 1
	Signature []byte // ES256 over the SHA-256 of Message: ASN.1 DER, as crypto.Signer makes it
}

// maxSignature is the longest DER encoding of a P-256 signature, in octets.
const maxSignature = 72

// FinishApproval checks the answer of an authenticator of kind App or AppEnhanced. The caller hands the counter on to the
// registry, which refuses one that did not rise. ErrReplayed: it is not above the authenticator's. ErrWrong: the device is
// another, or the signature is not that of its key over this challenge. Any other error: the verifier cannot be read.
func FinishApproval(a Authenticator, c Challenge, answer Approval) (Use, error) {
	key, err := parseDeviceKey(a.Verifier)
	if err != nil {
		return Use{}, err
	}
	if a.Kind != App && a.Kind != AppEnhanced {
		return Use{}, fmt.Errorf("authn: a %s approves nothing", a.Kind.Name())
	}
	if c.Device != a.ID || len(c.Nonce) != nonceLength || !answer.Unlock.Valid() || answer.Counter == 0 || len(answer.Signature) > maxSignature {
		return Use{}, ErrWrong
	}
	digest := sha256.Sum256(c.Message(answer.Unlock, answer.Counter))
	if !ecdsa.VerifyASN1(key, digest[:], answer.Signature) {
		return Use{}, ErrWrong
	}
	if answer.Counter <= a.Counter {
		return Use{}, ErrReplayed
	}
	return Use{Kind: a.Kind, Unlocked: answer.Unlock != UnlockNone}, nil
}

const deviceKeyName = "es256"

// DeviceVerifier is the verifier of an authenticator that signs with a P-256 key: the apps.
func DeviceVerifier(key *ecdsa.PublicKey) ([]byte, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errors.New("authn: a device key is on P-256")
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("authn: device key: %w", err)
	}
	return phc{name: deviceKeyName, version: 1, octets: [][]byte{der}}.encode(), nil
}

func parseDeviceKey(verifier []byte) (*ecdsa.PublicKey, error) {
	f, err := parsePHC(verifier, deviceKeyName, nil, 1)
	if err != nil || f.version != 1 {
		return nil, errVerifier
	}
	parsed, err := x509.ParsePKIXPublicKey(f.octets[0])
	if err != nil {
		return nil, errVerifier
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errVerifier
	}
	return key, nil
}

// Fields is the challenge as it is sent to a device: text by name, octets in base64url without padding.
func (c Challenge) Fields() map[string]string {
	return map[string]string{"channel": c.Channel, "device": c.Device, "challenge": base64.RawURLEncoding.EncodeToString(c.Nonce),
		"party": c.Party, "action": c.Action, "text": c.Text}
}

// ParseChallenge reads what Fields wrote. A device refuses a challenge that it could not show faithfully.
func ParseChallenge(fields map[string]string) (Challenge, error) {
	nonce, err := base64.RawURLEncoding.Strict().DecodeString(fields["challenge"])
	if err != nil || len(nonce) != nonceLength {
		return Challenge{}, errors.New("authn: the challenge cannot be read")
	}
	text, err := ApprovalText(fields["text"])
	if err != nil || text != fields["text"] {
		return Challenge{}, errors.New("authn: the text cannot be shown as it was sent")
	}
	return Challenge{Channel: fields["channel"], Device: fields["device"], Nonce: nonce, Party: fields["party"],
		Action: fields["action"], Text: text}, nil
}

// Fields is the answer as a device sends it.
func (a Approval) Fields() map[string]string {
	return map[string]string{"unlock": string(a.Unlock), "counter": strconv.FormatUint(a.Counter, 10),
		"signature": base64.RawURLEncoding.EncodeToString(a.Signature)}
}

// ParseApproval reads what Fields wrote. Whether the answer is right is for FinishApproval to say.
func ParseApproval(fields map[string]string) (Approval, error) {
	bad := errors.New("authn: the approval cannot be read")
	if len(fields["signature"]) > 2*maxSignature || len(fields["counter"]) > 20 {
		return Approval{}, bad
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(fields["signature"])
	if err != nil {
		return Approval{}, bad
	}
	counter, err := strconv.ParseUint(fields["counter"], 10, 63)
	if err != nil {
		return Approval{}, bad
	}
	a := Approval{Unlock: Unlock(fields["unlock"]), Counter: counter, Signature: signature}
	if !a.Unlock.Valid() {
		return Approval{}, bad
	}
	return a, nil
}
