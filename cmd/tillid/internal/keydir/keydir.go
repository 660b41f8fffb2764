// Package keydir keeps private keys as files in a directory whose sub-directories are their states. It signs nothing, and
// knows nothing of what the keys are used for beyond the algorithm in their names.
//
//	next/     published, so that it is known before it signs
//	current/  signs
//	retired/  published for what it has signed
//	audit/    signs the checkpoints of the audit log; the newest signs, all of them verify
//
// A file holds one PKCS #8 key as PEM, under a name such as ES256-20261122T160700Z-1f3a9c04.pem. A key changes its state by
// being renamed, which happens wholly or not at all; of two current keys for one algorithm, left by a rotation that was
// cut short, the newer signs and the older counts as retired.
package keydir

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// State is where a key is in its life.
type State string

// The states, which are the names of the sub-directories.
const (
	Next    State = "next"
	Current State = "current"
	Retired State = "retired"
	Audit   State = "audit"
)

// States lists them in the order of a key's life.
func States() []State { return []State{Next, Current, Retired, Audit} }

// Key is one key of a directory.
type Key struct {
	State     State
	Algorithm string // ES256, PS256 or RS256
	Created   time.Time
	Path      string
	Signer    crypto.Signer
}

// Dir is a directory of keys.
type Dir struct {
	Path   string
	Now    func() time.Time
	Random io.Reader
}

const (
	stamp   = "20060102T150405Z"
	maxFile = 16 << 10
	rsaBits = 3072 // BSI TR-02102-1: at least 3000 bits
)

// Read returns every key, by state and then age, the newest first. It reports everything that is wrong at once: a
// directory that others may write to, a file that others may read, a name or content that cannot be understood. A
// directory that is not there holds no keys: fs.ErrNotExist.
func (d Dir) Read() ([]Key, error) {
	if err := private(d.Path, 0o022); err != nil {
		return nil, err
	}
	var keys []Key
	var faults []error
	for _, state := range States() {
		dir := filepath.Join(d.Path, string(state))
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = private(dir, 0o022)
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue // a file that was not finished
			}
			k, err := read(filepath.Join(dir, e.Name()), state)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			keys = append(keys, k)
		}
	}
	if faults != nil {
		return nil, errors.Join(faults...)
	}
	slices.SortStableFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(slices.Index(States(), a.State), slices.Index(States(), b.State)), b.Created.Compare(a.Created), cmp.Compare(b.Path, a.Path))
	})
	signs := make(map[string]bool)
	for i, k := range keys {
		if k.State != Current {
			continue
		}
		if signs[k.Algorithm] {
			keys[i].State = Retired
		}
		signs[k.Algorithm] = true
	}
	return keys, nil
}

// private fails when somebody but the owner has one of the permissions.
func private(path string, forbidden fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&forbidden != 0 {
		return fmt.Errorf("keydir: %s has mode %04o, which gives others too much; take away %04o", path, perm, perm&forbidden)
	}
	return nil
}

func read(path string, state State) (Key, error) {
	if err := private(path, 0o077); err != nil {
		return Key{}, err
	}
	parts := strings.Split(strings.TrimSuffix(filepath.Base(path), ".pem"), "-")
	created, err := time.Time{}, error(nil)
	if len(parts) == 3 {
		created, err = time.Parse(stamp, parts[1])
	}
	if len(parts) != 3 || err != nil || filepath.Ext(path) != ".pem" {
		return Key{}, fmt.Errorf("keydir: %s is not named like ES256-%s-1f3a9c04.pem", path, stamp)
	}
	f, err := os.Open(path)
	if err != nil {
		return Key{}, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Key{}, err
	}
	block, rest := pem.Decode(content)
	if block == nil || block.Type != "PRIVATE KEY" || len(strings.TrimSpace(string(rest))) != 0 || len(content) > maxFile {
		return Key{}, fmt.Errorf("keydir: %s does not hold one PKCS #8 key as PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("keydir: %s: not a PKCS #8 key", path)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return Key{}, fmt.Errorf("keydir: %s: the key cannot sign", path)
	}
	return Key{State: state, Algorithm: parts[0], Created: created, Path: path, Signer: signer}, nil
}

// Generate makes a key for an algorithm: P-256 for ES256, RSA of 3072 bits for PS256 and RS256.
func Generate(random io.Reader, algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), random)
	case "PS256", "RS256":
		return rsa.GenerateKey(random, rsaBits)
	}
	return nil, fmt.Errorf("keydir: no keys are made for %q; ES256, PS256 and RS256 there are", algorithm)
}

// create makes a key and writes it, durably, in one of the states.
func (d Dir) create(algorithm string, state State) error {
	key, err := Generate(d.Random, algorithm)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("keydir: %w", err)
	}
	var suffix [4]byte
	if _, err := io.ReadFull(d.Random, suffix[:]); err != nil {
		return fmt.Errorf("keydir: %w", err)
	}
	dir := filepath.Join(d.Path, string(state))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s-%s.pem", algorithm, d.Now().UTC().Format(stamp), hex.EncodeToString(suffix[:]))
	return write(dir, name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// write makes a file that is there as a whole or not at all.
func write(dir, name string, content []byte) error {
	unfinished := filepath.Join(dir, "."+name)
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(unfinished))
	}
	return move(unfinished, filepath.Join(dir, name))
}

// move renames and makes the new name durable.
func move(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Rotate lets the next key of an algorithm sign from now on, retires the one that did and makes a new next one. An
// algorithm without keys gets a current and a next one; one without a next key gets that alone, since a key that nobody
// has seen yet would be refused by everybody who caches the set. It returns what was done, for people.
func (d Dir) Rotate(algorithm string) ([]string, error) {
	if _, err := os.Stat(d.Path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(d.Path, 0o700); err != nil {
			return nil, err
		}
	}
	keys, err := d.Read()
	if err != nil {
		return nil, err
	}
	next, current := find(keys, algorithm, Next), find(keys, algorithm, Current)
	switch {
	case current == nil && next == nil:
		if err := d.create(algorithm, Current); err != nil {
			return nil, err
		}
		return []string{"made a current and a next key for " + algorithm}, d.create(algorithm, Next)
	case next == nil:
		return []string{"made a next key for " + algorithm + "; it signs after the next rotation, once everybody has seen it"},
			d.create(algorithm, Next)
	}
	if err := move(next.Path, filepath.Join(d.Path, string(Current), filepath.Base(next.Path))); err != nil {
		return nil, err
	}
	done := []string{"now signs: " + filepath.Base(next.Path)}
	for _, k := range keys {
		if k.Algorithm != algorithm || filepath.Base(filepath.Dir(k.Path)) != string(Current) {
			continue
		}
		if err := move(k.Path, filepath.Join(d.Path, string(Retired), filepath.Base(k.Path))); err != nil {
			return done, err
		}
		done = append(done, "retired: "+filepath.Base(k.Path))
	}
	return append(done, "made a next key for "+algorithm), d.create(algorithm, Next)
}

// RotateAudit makes a new key for the checkpoints of the audit log. Those before it stay, to verify what they signed.
func (d Dir) RotateAudit() error { return d.create("ES256", Audit) }

// Remove deletes a key that is not current: what it has signed can no longer be verified.
func (d Dir) Remove(k Key) error {
	if k.State != Next && k.State != Retired {
		return fmt.Errorf("keydir: %s is %s; only a next or retired key can be taken out", filepath.Base(k.Path), k.State)
	}
	return os.Remove(k.Path)
}

func find(keys []Key, algorithm string, state State) *Key {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Algorithm == algorithm && k.State == state })
	if i < 0 {
		return nil
	}
	return &keys[i]
}
