package broker

import (
	"bytes"
	"testing"
)

func secret(b byte) []byte { return bytes.Repeat([]byte{b}, MinimumSecret) }

func TestSealOpensOnlyItsOwn(t *testing.T) {
	code, err := newSeal([][]byte{secret(1)}, "code")
	if err != nil {
		t.Fatal(err)
	}
	sid, err := newSeal([][]byte{secret(1)}, "sid")
	if err != nil {
		t.Fatal(err)
	}
	sealed := code.text([]byte("plain"), "a")
	if plain, err := code.openText(sealed, "a"); err != nil || string(plain) != "plain" {
		t.Fatalf("opened %q, %v", plain, err)
	}
	if _, err := code.openText(sealed, "b"); err == nil {
		t.Error("opened under another binding")
	}
	if _, err := sid.openText(sealed, "a"); err == nil {
		t.Error("opened by another purpose")
	}
	for i := range sealed {
		for _, c := range []byte{'A', 'b', '_', '.'} {
			changed := []byte(sealed)
			if changed[i] == c {
				continue
			}
			changed[i] = c
			if plain, err := code.openText(string(changed), "a"); err == nil && i < len(sealed)-1 {
				t.Fatalf("opened with byte %d changed: %q", i, plain)
			}
		}
	}
	for i := range sealed {
		if _, err := code.openText(sealed[:i], "a"); err == nil {
			t.Fatalf("opened when cut to %d bytes", i)
		}
	}
}

func TestFixedSealIsAFunctionOfItsText(t *testing.T) {
	s, err := newSeal([][]byte{secret(1)}, "sid")
	if err != nil {
		t.Fatal(err)
	}
	if again := s.fixed([]byte("x")); again != s.fixed([]byte("x")) || again == s.fixed([]byte("y")) {
		t.Error("equal texts must seal equally, others not")
	}
	if got, err := s.openFixed(s.fixed([]byte("x"))); err != nil || string(got) != "x" {
		t.Errorf("opened %q, %v", got, err)
	}
}

func TestSecretsCanBeReplaced(t *testing.T) {
	old, err := newSeal([][]byte{secret(1)}, "x")
	if err != nil {
		t.Fatal(err)
	}
	both, err := newSeal([][]byte{secret(2), secret(1)}, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.openText(old.text([]byte("p"), ""), ""); err != nil {
		t.Error("what the old secret sealed is lost")
	}
	if _, err := both.openFixed(old.fixed([]byte("p"))); err != nil {
		t.Error("what the old secret sealed fixedly is lost")
	}
	if !both.checkMAC("p", old.mac("p")) {
		t.Error("the old secret's MAC is lost")
	}
	if _, err := old.openText(both.text([]byte("p"), ""), ""); err == nil {
		t.Error("the new secret does not seal")
	}
	if _, err := newSeal([][]byte{make([]byte, MinimumSecret-1)}, "x"); err == nil {
		t.Error("a short secret was accepted")
	}
	if _, err := newSeal(nil, "x"); err == nil {
		t.Error("no secret was accepted")
	}
}

func FuzzOpen(f *testing.F) {
	s, err := newSeal([][]byte{secret(1)}, "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.text([]byte("p"), "ad"))
	f.Add(s.fixed([]byte("p")))
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		// Whatever opens was sealed here, so sealing it fixedly again gives a value that opens to the same.
		if plain, err := s.openFixed(in); err == nil {
			if again, err := s.openFixed(s.fixed(plain)); err != nil || !bytes.Equal(plain, again) {
				t.Fatalf("%q opens to %q, which does not survive", in, plain)
			}
		} else if plain != nil {
			t.Fatal("a failure handed out bytes")
		}
		if plain, err := s.openText(in, "ad"); err != nil && plain != nil {
			t.Fatal("a failure handed out bytes")
		}
	})
}
