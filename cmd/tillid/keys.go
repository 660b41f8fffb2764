package main

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/tillid/tillid/cmd/tillid/internal/keydir"
	"github.com/tillid/tillid/protocols/oidc"
)

// keyring is what a key directory holds, as the server uses it.
type keyring struct {
	signing *oidc.Keys
	audit   crypto.Signer      // signs checkpoints
	audits  []crypto.PublicKey // of all that ever did
	made    map[string]time.Time
}

// readKeys reads a key directory. It must hold a current key and one for the audit log. What the keys sign is counted where
// there are metrics.
func readKeys(dir string, m *metrics) (keyring, error) {
	found, err := (keydir.Dir{Path: dir}).Read()
	if err != nil {
		return keyring{}, fmt.Errorf("keys: %w; `tillid keys rotate` makes the first ones", err)
	}
	k := keyring{made: make(map[string]time.Time)}
	var keys []oidc.Key
	var times []time.Time
	for _, f := range found {
		if f.State == keydir.Audit {
			k.audits = append(k.audits, f.Signer.Public())
			if k.audit == nil {
				k.audit = f.Signer
			}
			continue
		}
		keys = append(keys, m.counted(oidc.Key{Signer: f.Signer, Algorithm: oidc.Algorithm(f.Algorithm), State: oidc.KeyState(f.State)}))
		times = append(times, f.Created)
	}
	if k.audit == nil {
		err = fmt.Errorf("keys: %s holds no key for the audit log; `tillid keys rotate --audit` makes one", dir)
	}
	signing, fault := oidc.NewKeys(keys...)
	if err = errors.Join(err, fault); err != nil {
		return keyring{}, err
	}
	k.signing = signing
	for i, info := range signing.List() {
		k.made[info.ID] = times[i]
	}
	return k, nil
}

type keysCommand struct {
	List   keysList   `cmd:"" help:"List the keys."`
	Rotate keysRotate `cmd:"" help:"Let the next key sign, retire the one that did, make a new next one. Makes the first ones, too."`
	Retire keysRetire `cmd:"" help:"Delete a retired or next key. What it has signed can no longer be verified."`
}

type keysDir struct {
	Dir string `help:"Directory of the keys. Default: what TILLID_KEYS says, or keys." name:"keys" type:"path"`
}

func (d keysDir) open(env *environment) keydir.Dir {
	return keydir.Dir{Path: env.or(d.Dir, "TILLID_KEYS", defaultKeys), Now: time.Now, Random: rand.Reader}
}

// defaultKeys is where keys are when nobody says otherwise; it is the default of the configuration, too.
const defaultKeys = "keys"

type keysList struct{ keysDir }

// Run prints a table.
func (c keysList) Run(env *environment) error {
	found, err := c.open(env).Read()
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATE\tALGORITHM\tCREATED\tID\tFILE")
	for _, k := range found {
		id, err := keyID(k)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", k.State, k.Algorithm, k.Created.Format(time.RFC3339), id, filepath.Base(k.Path))
	}
	return t.Flush()
}

// keyID is the name under which a key is published, "-" for one that is not.
func keyID(k keydir.Key) (string, error) {
	if k.State == keydir.Audit {
		return "-", nil
	}
	made, err := oidc.NewKeys(oidc.Key{Signer: k.Signer, Algorithm: oidc.Algorithm(k.Algorithm)})
	if err != nil {
		return "", fmt.Errorf("%s: %w", k.Path, err)
	}
	return made.List()[0].ID, nil
}

type keysRotate struct {
	keysDir
	Algorithm string `help:"ES256, PS256 or RS256." enum:"ES256,PS256,RS256" default:"ES256"`
	Audit     bool   `help:"Make a new key for the checkpoints of the audit log instead."`
}

// Run rotates one kind of key. The first rotation makes a key for the audit log as well.
func (c keysRotate) Run(env *environment) error {
	d := c.open(env)
	if c.Audit {
		if err := d.RotateAudit(); err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, "made a key for the audit log")
		return nil
	}
	done, err := d.Rotate(c.Algorithm)
	for _, line := range done {
		fmt.Fprintln(env.stdout, line)
	}
	if err != nil {
		return err
	}
	found, err := d.Read()
	if err != nil {
		return err
	}
	for _, k := range found {
		if k.State == keydir.Audit {
			fmt.Fprintln(env.stdout, "a running server takes the keys over when it is restarted")
			return nil
		}
	}
	fmt.Fprintln(env.stdout, "made a key for the audit log")
	return d.RotateAudit()
}

type keysRetire struct {
	keysDir
	ID string `arg:"" help:"The key's ID or file, as keys list shows them."`
}

// Run deletes a key that does not sign.
func (c keysRetire) Run(env *environment) error {
	d := c.open(env)
	found, err := d.Read()
	if err != nil {
		return err
	}
	for _, k := range found {
		id, err := keyID(k)
		if err != nil {
			return err
		}
		if filepath.Base(k.Path) != c.ID && (id != c.ID || id == "-") {
			continue
		}
		if err := d.Remove(k); err != nil {
			return err
		}
		fmt.Fprintln(env.stdout, "deleted", filepath.Base(k.Path))
		return nil
	}
	return fmt.Errorf("there is no key %q", c.ID)
}
