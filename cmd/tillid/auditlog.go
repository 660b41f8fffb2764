package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/cmd/tillid/internal/keydir"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Find any line that was changed, removed, inserted or reordered."`
	Export auditExport `cmd:"" help:"Write the log as JSON lines."`
}

type auditSource struct {
	Registry string `help:"Database that holds the log: sqlite:PATH, postgres://..., file:PATH or env:NAME. Default: what TILLID_REGISTRY says, or sqlite:tillid.db."`
}

func (a auditSource) open(env *environment) (*sqldb.DB, error) {
	address, err := reference(env.or(a.Registry, "TILLID_REGISTRY", "sqlite:tillid.db"), env)
	if err != nil {
		return nil, err
	}
	if err := exists(address); err != nil {
		return nil, err
	}
	return openAny(env.ctx, address)
}

// openAny opens a database in whatever form it is.
func openAny(ctx context.Context, address string) (*sqldb.DB, error) {
	return sqldb.Open(ctx, sqldb.Config{URL: address, Readers: readers()})
}

type auditVerify struct {
	auditSource
	Export  string   `help:"Verify an export instead of the database; - is standard input." placeholder:"FILE"`
	Keys    string   `help:"Key directory whose audit keys signed the checkpoints. Default: what TILLID_KEYS says, or keys." type:"path"`
	Key     []string `help:"PEM file of a public key that signed checkpoints, instead of --keys." type:"path" placeholder:"FILE"`
	Anchors string   `help:"File of anchors that an earlier verification printed, kept where the log's writers have no access: finds a log that was cut short." type:"path" placeholder:"FILE"`
}

// Run prints a report; its anchors are for the next verification. A log with a fault in it is an error.
func (c auditVerify) Run(env *environment) error {
	var check audit.Check
	var err error
	if c.Anchors != "" {
		if check.Anchors, err = readAnchors(c.Anchors); err != nil {
			return err
		}
	}
	var report audit.Report
	if c.Export != "" {
		if check.Keys, err = c.publicKeys(nil, env); err != nil {
			return err
		}
		in, err := openInput(c.Export)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // it was only read
		report, err = audit.VerifyExport(env.ctx, in, check)
		return printed(env, report, err)
	}
	db, err := c.open(env)
	if err != nil {
		return err
	}
	defer func() { logClosed(env.ctx, newLogger(env.stderr, slog.LevelInfo), db.Close()) }()
	if check.Keys, err = c.publicKeys(db, env); err != nil {
		return err
	}
	report, err = audit.Verify(env.ctx, db, check)
	return printed(env, report, err)
}

func printed(env *environment, report audit.Report, err error) error {
	var fault *audit.Fault
	switch {
	case errors.As(err, &fault):
		return fmt.Errorf("the log is not what its writers wrote: %w", err)
	case err != nil:
		return err
	}
	e := json.NewEncoder(env.stdout)
	e.SetIndent("", "  ")
	return e.Encode(report)
}

// publicKeys are those of the files given, else of the key directory, else those that a dev server keeps in its database.
func (c auditVerify) publicKeys(db *sqldb.DB, env *environment) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, name := range c.Key {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(content)
		if block == nil {
			return nil, fmt.Errorf("%s does not hold a public key as PEM", name)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s does not hold a public key as PEM", name)
		}
		keys = append(keys, key)
	}
	if keys != nil {
		return keys, nil
	}
	if db != nil {
		kept, err := devAuditKeys(env.ctx, db)
		if err != nil || kept != nil {
			return kept, err
		}
	}
	found, err := (keydir.Dir{Path: env.or(c.Keys, "TILLID_KEYS", defaultKeys)}).Read()
	if err != nil {
		return nil, fmt.Errorf("the keys that signed the checkpoints: %w", err)
	}
	for _, k := range found {
		if k.State == keydir.Audit {
			keys = append(keys, k.Signer.Public())
		}
	}
	return keys, nil
}

// readAnchors takes a whole report or only the anchors in it.
func readAnchors(name string) ([]audit.Checkpoint, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var report audit.Report
	if err := json.Unmarshal(content, &report); err == nil {
		return report.Anchors, nil
	}
	var anchors []audit.Checkpoint
	if err := json.Unmarshal(content, &anchors); err != nil {
		return nil, fmt.Errorf("%s holds no anchors: %w", name, err)
	}
	return anchors, nil
}

func openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(name)
}

type auditExport struct {
	auditSource
	Out string `help:"File to write; - is standard output." default:"-" placeholder:"FILE"`
}

// Run exports the log as it stands at one instant.
func (c auditExport) Run(env *environment) (err error) {
	db, err := c.open(env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if c.Out == "-" {
		return audit.Export(env.ctx, db, env.stdout)
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(audit.Export(env.ctx, db, f), f.Sync(), f.Close())
}
