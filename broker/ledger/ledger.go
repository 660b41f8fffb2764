// Package ledger keeps in SQL what the broker must never forget: grants with their refresh-token generations, pairwise
// subjects, epochs, ended sessions, revoked tokens, consents and parties added at run time. It does not decide what any of
// it means for a login, and it keeps nothing short-lived: that is a broker.Store's.
//
// Each change and its audit line are one commit. A copy of the database shows neither session ids nor tokens, which are
// kept as digests, nor what a grant carries, which is encrypted.
package ledger

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
)

//go:embed schema/*.sql
var schema embed.FS

// Component is the name under which sqldb keeps the migrations of this package.
const Component = "ledger"

// Migrations returns the files for sqldb's Migrate and Pending, under the name Component.
func Migrations() fs.FS {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return schema // cannot be: the folder is embedded above
	}
	return sub
}

// Config says where a ledger is kept.
type Config struct {
	// DB holds the ledger, migrated by Migrations. Its owner closes it.
	DB *sqldb.DB
	// Audit gets the lines. It must have been opened on the same DB, or lines and changes could not share a commit.
	Audit *audit.Log
	// Secrets encrypt what grants and parties carry, newest first, each of at least 32 random bytes. The first one encrypts,
	// all decrypt. What was encrypted with a secret that is no longer listed cannot be read.
	Secrets [][]byte
	// Now is the clock by which expired rows are swept; nil is time.Now.
	Now func() time.Time
	// Random makes subjects and nonces and must be safe for concurrent use; nil is crypto/rand.Reader.
	Random io.Reader
}

// Ledger implements broker.Ledger. It is safe for concurrent use, and several processes may share one PostgreSQL.
type Ledger struct {
	db     *sqldb.DB
	audit  *audit.Log
	seals  []seal
	now    func() time.Time
	random io.Reader

	mu    sync.Mutex
	swept time.Time // when a sweep last found nothing left to do
}

var _ broker.Ledger = (*Ledger)(nil)

// New checks the configuration, reporting every wrong field at once, and that the database is migrated. The error wraps
// broker.ErrUnavailable when the database cannot answer.
func New(ctx context.Context, c Config) (*Ledger, error) {
	var errs []error
	if c.DB == nil {
		errs = append(errs, errors.New("ledger: Config.DB is missing"))
	}
	if c.Audit == nil {
		errs = append(errs, errors.New("ledger: Config.Audit is missing"))
	}
	if len(c.Secrets) == 0 {
		errs = append(errs, errors.New("ledger: Config.Secrets is empty"))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	l := &Ledger{db: c.DB, audit: c.Audit, now: c.Now, random: c.Random}
	for i, secret := range c.Secrets {
		s, err := newSeal(secret)
		if err != nil {
			errs = append(errs, fmt.Errorf("ledger: Config.Secrets[%d]: %w", i, err))
		}
		l.seals = append(l.seals, s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	pending, err := c.DB.Pending(ctx, Component, Migrations())
	if err != nil {
		return nil, unavailable("open", err)
	}
	if len(pending) > 0 {
		return nil, fmt.Errorf("ledger: the database lacks the migrations %s", strings.Join(pending, ", "))
	}
	return l, nil
}

// Record appends audit lines and returns when they are durable.
func (l *Ledger) Record(ctx context.Context, lines ...broker.Line) error {
	return l.audit.Record(ctx, lines...)
}

// Note queues audit lines that the next commit with a line carries in front of it, at the latest after a second. It never
// waits for the disk. The error wraps broker.ErrUnavailable when the queue is full or the log cannot be written.
func (l *Ledger) Note(ctx context.Context, lines ...broker.Line) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.audit.Note(lines...)
}

// write runs a change, its audit line and now and then a piece of sweeping as one commit.
func (l *Ledger) write(ctx context.Context, what string, change func(ctx context.Context, tx *sqldb.Tx) error) error {
	return unavailable(what, l.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		return l.sweep(ctx, tx)
	}))
}

// digest is what stands in the database for a session id, a token or the id of a grant: the rows must not let anybody use
// what they name. The ids are random and long, so that a plain hash cannot be guessed backwards, and none of them depends
// on a secret that is rotated.
func digest(kind, id string) []byte {
	sum := sha256.Sum256([]byte("tillid ledger " + kind + "\x00" + id))
	return sum[:]
}

// micros and instant keep times to the microsecond, which both databases can; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// unavailable translates the database's error into the broker's.
func unavailable(what string, err error) error {
	if errors.Is(err, sqldb.ErrUnavailable) && !errors.Is(err, broker.ErrUnavailable) {
		return fmt.Errorf("ledger: %s: %w: %w", what, broker.ErrUnavailable, err)
	}
	return err
}
