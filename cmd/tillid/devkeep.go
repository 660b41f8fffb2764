//go:build !nodev

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/cmd/tillid/internal/keydir"
)

//go:embed schema/*.sql
var devSchema embed.FS

// devPart is what a dev server keeps in its database beside everybody else's.
func devPart() part {
	files, err := fs.Sub(devSchema, "schema")
	if err != nil {
		return part{"dev", devSchema} // cannot be: the folder is embedded above
	}
	return part{"dev", files}
}

// keep returns what is kept under a name, and keeps what was made the first time. Of two servers that start at once both
// get the same.
func keep(ctx context.Context, db *sqldb.DB, name string, made func() ([]byte, error)) ([]byte, error) {
	var value string
	read := func() error {
		return db.QueryRow(ctx, "SELECT value FROM dev_kept WHERE name = ?", name).Scan(&value)
	}
	err := read()
	if errors.Is(err, sqldb.ErrNoRows) {
		var fresh []byte
		if fresh, err = made(); err != nil {
			return nil, err
		}
		err = db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO dev_kept (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
				name, base64.StdEncoding.EncodeToString(fresh))
			return err
		})
		if err == nil {
			err = read()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("what the dev server keeps: %w", err)
	}
	return base64.StdEncoding.DecodeString(value)
}

// isKept reports whether anything is kept under a name.
func isKept(ctx context.Context, db *sqldb.DB, name string) (bool, error) {
	var value string
	err := db.QueryRow(ctx, "SELECT value FROM dev_kept WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// mark keeps a name alone.
func mark(ctx context.Context, db *sqldb.DB, name string) error {
	_, err := keep(ctx, db, name, func() ([]byte, error) { return nil, nil })
	return err
}

func keepSecret(ctx context.Context, db *sqldb.DB) ([]byte, error) {
	return keep(ctx, db, "secret", func() ([]byte, error) {
		secret := make([]byte, 32)
		_, err := rand.Read(secret)
		return secret, err
	})
}

// keepKey keeps a key for an algorithm; the key for the audit log is ES256 under a name of its own.
func keepKey(ctx context.Context, db *sqldb.DB, name, algorithm string) (crypto.Signer, error) {
	der, err := keep(ctx, db, name, func() ([]byte, error) {
		key, err := keydir.Generate(rand.Reader, algorithm)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(key)
	})
	if err != nil {
		return nil, err
	}
	return parseKept(der)
}

const keptAuditKey = "audit"

func parseKept(der []byte) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("a key that the dev server keeps: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("a key that the dev server keeps cannot sign")
	}
	return key, nil
}

// devAuditKeys are those that a dev server keeps in its database, none where the database is not a dev server's.
func devAuditKeys(ctx context.Context, db *sqldb.DB) ([]crypto.PublicKey, error) {
	if missing, err := pending(ctx, db, devPart()); err != nil || len(missing) > 0 {
		return nil, err
	}
	var value string
	err := db.QueryRow(ctx, "SELECT value FROM dev_kept WHERE name = ?", keptAuditKey).Scan(&value)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	der, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, err
	}
	key, err := parseKept(der)
	if err != nil {
		return nil, err
	}
	return []crypto.PublicKey{key.Public()}, nil
}
