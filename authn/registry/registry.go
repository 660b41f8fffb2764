// Package registry keeps the durable records of persons: who they are, under which user IDs they are known, what they
// hold, and how often somebody was wrong. It decides nothing about logins: how many attempts are too many is authn's
// business, what an authenticator is worth that of its scheme.
//
// What is written is on disk when a method returns: a used code stays used and an attempt stays counted whatever happens
// to the process next. Names, CPR numbers, user IDs and verifiers are encrypted, bound to the row they stand in.
package registry

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/google/uuid"

	"github.com/tillid/tillid/authn/sqldb"
)

//go:embed schema/*.sql
var schema embed.FS

// Component is the name under which sqldb keeps the migrations of this package.
const Component = "registry"

// Migrations returns the files for sqldb's Migrate and Pending, under the name Component.
func Migrations() fs.FS {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return schema // cannot be: the folder is embedded above
	}
	return sub
}

// ErrTaken says that somebody has the user ID, the CPR number or the record's own ID already.
var ErrTaken = errors.New("registry: taken")

// Config is what a Registry is made of.
type Config struct {
	// DB holds the records, migrated by Migrations. It must stay open for as long as the Registry is used.
	DB *sqldb.DB
	// Secrets encrypt what identifies persons and verifies them, and key the hashes by which they are found; at least 32
	// octets each, the newest first. All of them read, the first one writes; Rekey moves what is stored to the first, and
	// only then may the others go. Who holds the database but not the secrets cannot find a CPR number by trying all of
	// them, which takes seconds with a plain hash.
	Secrets [][]byte
	// Random makes the IDs of new records; nil is crypto/rand.Reader.
	Random io.Reader
}

// Registry is the record of persons and authenticators. It is safe for use by many goroutines, and by many processes on
// one PostgreSQL. Its errors wrap sqldb.ErrUnavailable when the database cannot answer; nothing has changed then, or, if a
// commit was under way, the change may be there.
type Registry struct {
	db     *sqldb.DB
	random io.Reader
	keys   keys
	text   texts
}

// New reports every wrong field at once. It reads nothing: Check tells whether the secrets fit what is stored.
func New(c Config) (*Registry, error) {
	var errs []error
	if c.DB == nil {
		errs = append(errs, errors.New("registry: Config.DB is required"))
	}
	k, err := newKeys(c.Secrets)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &Registry{db: c.DB, random: c.Random, keys: k, text: newTexts(len(k), c.DB.Dialect())}, nil
}

// Check tells whether the secrets open what is stored, which it tries on one person. With wrong secrets every user ID
// would seem to be unknown.
func (r *Registry) Check(ctx context.Context) error {
	var id string
	err := r.db.QueryRow(ctx, "SELECT id FROM registry_persons ORDER BY id LIMIT 1").Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil
	}
	if err == nil {
		_, err = r.person(r.db.QueryRow(ctx, selectPerson+" WHERE id = ?", id))
	}
	return failed("check", err)
}

// Empty reports whether there is no person yet.
func (r *Registry) Empty(ctx context.Context) (bool, error) {
	var some int
	err := r.db.QueryRow(ctx, "SELECT count(*) FROM (SELECT id FROM registry_persons LIMIT 1) AS found").Scan(&some)
	return some == 0, failed("empty", err)
}

// newID returns given, or a random UUID where it is empty.
func (r *Registry) newID(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	id, err := uuid.NewRandomFromReader(r.random)
	if err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	return id.String(), nil
}

// failed says what could not be done; the sentinels of this package, of authn and of sqldb stay recognisable.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("registry: %s: %w", what, err)
}

// taken is the error of an INSERT or UPDATE that met a unique column.
func taken(err error) error {
	if errors.Is(err, sqldb.ErrUnique) {
		return ErrTaken // without the cause, which names columns only but need not be shown
	}
	return err
}

// texts are the queries that depend on the number of secrets or on the dialect.
type texts struct {
	byUserID string
	byCPR    string
	sweep    string
}

func newTexts(secrets int, d sqldb.Dialect) texts {
	in := " IN (?"
	for range secrets - 1 {
		in += ", ?"
	}
	in += ")"
	skip := ""
	if d == sqldb.PostgreSQL {
		skip = " FOR UPDATE SKIP LOCKED" // two processes must not wait for each other's sweep
	}
	return texts{
		byUserID: "SELECT u.digest, u.sealed, p.id, p.state, p.sealed FROM registry_user_ids u" +
			" JOIN registry_persons p ON p.id = u.person WHERE u.digest" + in,
		byCPR: selectPerson + " WHERE cpr" + in,
		sweep: "DELETE FROM registry_attempts WHERE (authenticator, lane) IN" +
			" (SELECT authenticator, lane FROM registry_attempts WHERE kept = 0 AND touched < ? ORDER BY touched LIMIT 2" + skip + ")",
	}
}
