package authn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// RFC 6238 appendix B; a code of six digits is the end of the one of eight printed there.
func TestCodesOfRFC6238(t *testing.T) {
	sha1Seed, _ := NewCodeSeed(SHA1, []byte("12345678901234567890"))
	sha256Seed, _ := NewCodeSeed(SHA256, []byte("12345678901234567890123456789012"))
	for _, c := range []struct {
		unix         int64
		sha1, sha256 string
	}{
		{59, "94287082", "46119246"},
		{1111111109, "07081804", "68084774"},
		{1111111111, "14050471", "67062674"},
		{1234567890, "89005924", "91819424"},
		{2000000000, "69279037", "90698825"},
		{20000000000, "65353130", "77737706"},
	} {
		at := time.Unix(c.unix, 0)
		if got := sha1Seed.At(at); got != c.sha1[2:] {
			t.Errorf("SHA-1 at %d: %s", c.unix, got)
		}
		if got := sha256Seed.At(at); got != c.sha256[2:] {
			t.Errorf("SHA-256 at %d: %s", c.unix, got)
		}
	}
}

func TestACodeCountsOneStepEitherWayAndOnce(t *testing.T) {
	s, _ := NewCodeSeed(SHA1, []byte("12345678901234567890"))
	now := time.Unix(1_800_000_015, 0)
	for drift, ok := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		counter, err := s.Check(s.At(now.Add(time.Duration(drift)*CodePeriod)), now, 0)
		if (err == nil) != ok || (ok && counter != uint64(now.Unix()/30+int64(drift))) {
			t.Errorf("drift %d: %d, %v", drift, counter, err)
		}
	}
	counter, _ := s.Check(s.At(now), now, 0)
	if _, err := s.Check(s.At(now), now, counter); !errors.Is(err, ErrReplayed) {
		t.Errorf("second use: %v", err)
	}
	// The step before one that was used is as good as used.
	if _, err := s.Check(s.At(now.Add(-CodePeriod)), now, counter); !errors.Is(err, ErrReplayed) {
		t.Errorf("earlier code: %v", err)
	}
	for _, bad := range []string{"", "1", "1234567", s.At(now) + " ", "\u0661\u0662\u0663\u0664\u0665\u0666"} {
		if _, err := s.Check(bad, now, 0); !errors.Is(err, ErrWrong) || IsCode(bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	var zero CodeSeed
	if _, err := zero.Check("", now, 0); !errors.Is(err, ErrWrong) || zero.At(now) != "" {
		t.Error("a zero seed has a code")
	}
	if _, err := s.Check(s.At(time.Unix(0, 0)), time.Unix(-5, 0), 0); err == nil {
		t.Error("step zero cannot be used: no counter is below it")
	}
}

func TestSeedsPrintAsNothing(t *testing.T) {
	s, _ := NewCodeSeed(SHA1, []byte("12345678901234567890"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%s", "%q"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func device(t *testing.T, kind Kind) (*ecdsa.PrivateKey, Authenticator) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v, err := DeviceVerifier(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, Authenticator{ID: "device-1", Kind: kind, State: Active, Verifier: v, Counter: 4}
}

func sign(t *testing.T, key *ecdsa.PrivateKey, c Challenge, u Unlock, counter uint64) Approval {
	digest := sha256.Sum256(c.Message(u, counter))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return Approval{Unlock: u, Counter: counter, Signature: sig}
}

func TestAnApprovalIsBoundToWhatWasShown(t *testing.T) {
	key, auth := device(t, App)
	other, _ := device(t, App)
	c, err := BeginApproval(rand.Reader, "channel", auth.ID, "Demo", "APPROVE", "Overførsel af 2.300 kr.")
	if err != nil {
		t.Fatal(err)
	}
	for u, unlocked := range map[Unlock]bool{UnlockPIN: true, UnlockBiometrics: true, UnlockNone: false} {
		use, err := FinishApproval(auth, c, sign(t, key, c, u, 5))
		if err != nil || use != (Use{Kind: App, Unlocked: unlocked}) {
			t.Errorf("%s: %+v, %v", u, use, err)
		}
	}
	good := sign(t, key, c, UnlockPIN, 5)
	with := func(f func(*Challenge)) Challenge { d := c; f(&d); return d }
	swiped := sign(t, key, c, UnlockNone, 5)
	swiped.Unlock = UnlockPIN
	raised := good
	raised.Counter = 6
	for name, x := range map[string]struct {
		c    Challenge
		a    Approval
		want error
	}{
		"channel":            {with(func(c *Challenge) { c.Channel = "channeL" }), good, ErrWrong},
		"device":             {with(func(c *Challenge) { c.Device = "device-2" }), good, ErrWrong},
		"nonce":              {with(func(c *Challenge) { c.Nonce = make([]byte, 32) }), good, ErrWrong},
		"short nonce":        {with(func(c *Challenge) { c.Nonce = nil }), good, ErrWrong},
		"party":              {with(func(c *Challenge) { c.Party = "Other" }), good, ErrWrong},
		"action":             {with(func(c *Challenge) { c.Action = "SIGN" }), good, ErrWrong},
		"text":               {with(func(c *Challenge) { c.Text = "Overførsel af 9.300 kr." }), good, ErrWrong},
		"text moved":         {with(func(c *Challenge) { c.Action += c.Text; c.Text = "" }), good, ErrWrong},
		"swipe as PIN":       {c, swiped, ErrWrong},
		"counter":            {c, raised, ErrWrong},
		"other key":          {c, sign(t, other, c, UnlockPIN, 5), ErrWrong},
		"unknown unlock":     {c, sign(t, key, c, "face", 5), ErrWrong},
		"counter zero":       {c, sign(t, key, c, UnlockPIN, 0), ErrWrong},
		"counter not higher": {c, sign(t, key, c, UnlockPIN, 4), ErrReplayed},
		"no signature":       {c, Approval{Unlock: UnlockPIN, Counter: 5}, ErrWrong},
		"long signature":     {c, Approval{UnlockPIN, 5, make([]byte, 1<<20)}, ErrWrong},
	} {
		if use, err := FinishApproval(auth, x.c, x.a); !errors.Is(err, x.want) || use != (Use{}) {
			t.Errorf("%s: %+v, %v", name, use, err)
		}
	}
	for _, a := range []Authenticator{{ID: auth.ID, Kind: App}, {ID: auth.ID, Kind: Password, Verifier: auth.Verifier}} {
		if _, err := FinishApproval(a, c, good); err == nil {
			t.Errorf("%v approved", a.Kind)
		}
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if _, err := DeviceVerifier(&p384.PublicKey); err == nil {
		t.Error("a key on another curve")
	}
}

// One code under 64 parallel checks: the check finds it right for all, so only the counter can tell them apart.
func TestOnlyTheCounterMakesACodeGoodForOneUse(t *testing.T) {
	s, _ := NewCodeSeed(SHA256, make([]byte, 32))
	now := time.Unix(1_800_000_000, 0)
	var mu sync.Mutex
	var stored uint64
	winners := 0
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			counter, err := s.Check(s.At(now), now, 0)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if counter > stored {
				stored = counter
				winners++
			}
		})
	}
	wg.Wait()
	if winners != 1 {
		t.Fatalf("%d winners", winners)
	}
}

func FuzzVerifier(f *testing.F) {
	seed, _ := NewCodeSeed(SHA256, []byte("12345678901234567890"))
	f.Add(seed.Verifier())
	f.Add([]byte("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$nf656A4LrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"))
	f.Add([]byte("$es256$v=1$AAAA"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePassword(b); err == nil {
			q := phc{argon2Name, argon2.Version, []param{{"m", uint64(p.memory)}, {"t", uint64(p.passes)}, {"p", uint64(p.lanes)}}, [][]byte{p.salt, p.hash}}
			if !bytes.Equal(q.encode(), b) {
				t.Fatalf("%q reads as %q", b, q.encode())
			}
		}
		if s, err := ParseCodeSeed(b); err == nil && !bytes.Equal(s.Verifier(), b) {
			t.Fatalf("%q reads as %q", b, s.Verifier())
		}
		if k, err := parseDeviceKey(b); err == nil {
			if v, err := DeviceVerifier(k); err != nil || v == nil {
				t.Fatalf("%q has a key that cannot be written: %v", b, err)
			}
		}
	})
}

func BenchmarkCodeCheck(b *testing.B) {
	s, _ := NewCodeSeed(SHA1, []byte("12345678901234567890"))
	now := time.Unix(1_800_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Check("000000", now, 0)
	}
}

// The form of what a device signs is a contract with devices in the field: it may get a successor, but must not change.
func TestWhatIsSignedIsFixed(t *testing.T) {
	c := Challenge{Channel: "channel", Device: "device", Nonce: bytes.Repeat([]byte{7}, 32), Party: "Demo", Action: "APPROVE", Text: "Overførsel"}
	digest := sha256.Sum256(c.Message(UnlockPIN, 258))
	if got := hex.EncodeToString(digest[:]); got != "beb7b5b8d0abc8599d47e6fd8a4f22664d469de8d6843d7ad9280030848d5d05" {
		t.Errorf("the message has changed: %s", got)
	}
	if again, err := ParseChallenge(c.Fields()); err != nil || !bytes.Equal(again.Message(UnlockPIN, 258), c.Message(UnlockPIN, 258)) {
		t.Errorf("on the wire it becomes %+v, %v", again, err)
	}
}

func FuzzApproval(f *testing.F) {
	f.Add("pin", "1", "AAAA")
	f.Add("none", "9223372036854775808", "=")
	f.Fuzz(func(t *testing.T, unlock, counter, signature string) {
		a, err := ParseApproval(map[string]string{"unlock": unlock, "counter": counter, "signature": signature})
		if err != nil {
			return
		}
		again, err := ParseApproval(a.Fields())
		if err != nil || again.Counter != a.Counter || again.Unlock != a.Unlock || !bytes.Equal(again.Signature, a.Signature) {
			t.Fatalf("%+v becomes %+v, %v", a, again, err)
		}
	})
}

func BenchmarkApproval(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	v, err := DeviceVerifier(&key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	auth := Authenticator{ID: "device", Kind: App, Verifier: v}
	c, err := BeginApproval(rand.Reader, "channel", auth.ID, "Demo", "LOG_ON", "")
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(c.Message(UnlockPIN, 1))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FinishApproval(auth, c, Approval{UnlockPIN, 1, sig}); err != nil {
			b.Fatal(err)
		}
	}
}
