package keydir_test

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/cmd/tillid/internal/keydir"
)

// open returns a directory whose clock moves by a day with every look.
func open(t *testing.T) keydir.Dir {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return keydir.Dir{Path: filepath.Join(t.TempDir(), "keys"), Random: rand.Reader, Now: func() time.Time {
		now = now.Add(24 * time.Hour)
		return now
	}}
}

func states(t *testing.T, d keydir.Dir) map[keydir.State][]string {
	t.Helper()
	keys, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[keydir.State][]string)
	for _, k := range keys {
		out[k.State] = append(out[k.State], filepath.Base(k.Path))
	}
	return out
}

func rotate(t *testing.T, d keydir.Dir) {
	t.Helper()
	if _, err := d.Rotate("ES256"); err != nil {
		t.Fatal(err)
	}
}

func TestRotate(t *testing.T) {
	d := open(t)
	if _, err := d.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	rotate(t, d)
	first := states(t, d)
	if len(first[keydir.Current]) != 1 || len(first[keydir.Next]) != 1 {
		t.Fatalf("after the first rotation: %v", first)
	}
	rotate(t, d)
	second := states(t, d)
	if second[keydir.Current][0] != first[keydir.Next][0] {
		t.Errorf("the key that was next does not sign: %v then %v", first, second)
	}
	if second[keydir.Retired][0] != first[keydir.Current][0] || len(second[keydir.Next]) != 1 {
		t.Errorf("%v then %v", first, second)
	}
}

// TestRotateCutShort leaves two current keys, as a rotation does that ends after its first step.
func TestRotateCutShort(t *testing.T) {
	d := open(t)
	rotate(t, d)
	before := states(t, d)
	next := before[keydir.Next][0]
	if err := os.Rename(filepath.Join(d.Path, "next", next), filepath.Join(d.Path, "current", next)); err != nil {
		t.Fatal(err)
	}
	after := states(t, d)
	if len(after[keydir.Current]) != 1 || after[keydir.Current][0] != next || after[keydir.Retired][0] != before[keydir.Current][0] {
		t.Fatalf("%v then %v: the newer has to sign and the older to count as retired", before, after)
	}
	rotate(t, d) // makes the next key that is missing
	rotate(t, d)
	if got := states(t, d); len(got[keydir.Current]) != 1 || len(got[keydir.Retired]) != 2 || len(got[keydir.Next]) != 1 {
		t.Errorf("after the rotations that mend it: %v", got)
	}
}

func TestRemove(t *testing.T) {
	d := open(t)
	rotate(t, d)
	rotate(t, d)
	keys, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if err := d.Remove(k); (err != nil) != (k.State == keydir.Current) {
			t.Errorf("removing a %s key: %v", k.State, err)
		}
	}
	if got := states(t, d); len(got) != 1 || len(got[keydir.Current]) != 1 {
		t.Errorf("left: %v", got)
	}
}

// TestReadRefuses pairs every accepted file with a hostile twin.
func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		spoil      func(t *testing.T, d keydir.Dir, key string) error
	}{
		{"nothing spoilt", "", func(*testing.T, keydir.Dir, string) error { return nil }},
		{"a key others can read", "0644", func(_ *testing.T, _ keydir.Dir, key string) error { return os.Chmod(key, 0o644) }},
		{"a directory others can write to", "0777", func(_ *testing.T, d keydir.Dir, _ string) error {
			return os.Chmod(filepath.Join(d.Path, "current"), 0o777)
		}},
		{"the directory itself", "0777", func(_ *testing.T, d keydir.Dir, _ string) error { return os.Chmod(d.Path, 0o777) }},
		{"another name", "not named like", func(_ *testing.T, _ keydir.Dir, key string) error {
			return os.Rename(key, filepath.Join(filepath.Dir(key), "key.pem"))
		}},
		{"not a key", "does not hold one PKCS #8 key", func(_ *testing.T, _ keydir.Dir, key string) error {
			return os.WriteFile(key, []byte("hello"), 0o600)
		}},
		{"two keys in one file", "does not hold one PKCS #8 key", func(t *testing.T, _ keydir.Dir, key string) error {
			content, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			return os.WriteFile(key, append(content, content...), 0o600)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			rotate(t, d)
			key := filepath.Join(d.Path, "current", states(t, d)[keydir.Current][0])
			if err := c.spoil(t, d, key); err != nil {
				t.Fatal(err)
			}
			_, err := d.Read()
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("Read: %v, want %q", err, c.says)
			}
		})
	}
}
