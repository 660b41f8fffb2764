package audit

import (
	"context"
	"crypto"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

//go:embed schema/*.sql
var schema embed.FS

// Component is the name under which sqldb keeps the migrations of this package.
const Component = "audit"

// Migrations returns the files for sqldb's Migrate and Pending, under the name Component.
func Migrations() fs.FS {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return schema // cannot be: the folder is embedded above
	}
	return sub
}

// Config says where a log is kept and who signs for it.
type Config struct {
	// DB holds the log, migrated by Migrations. It must stay open until Close has returned.
	DB *sqldb.DB
	// Signer signs the checkpoints: ECDSA on P-256 or Ed25519. It is never called inside a transaction.
	Signer crypto.Signer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Random makes writer ids and salts and must be safe for concurrent use; nil is crypto/rand.Reader.
	Random io.Reader
	// Logger is told when the log cannot be written in the background; nil is slog.Default().
	Logger *slog.Logger
	// Notes is how many lines may wait for a commit; 0 is 4096.
	Notes int
	// FlushAfter is how long a noted line waits for somebody else's commit before it gets one of its own; 0 is a second.
	FlushAfter time.Duration
	// CheckpointEvery is how often the chain is signed while it grows; 0 is a minute.
	CheckpointEvery time.Duration
}

// Log is one writer's chain. It is safe for concurrent use.
type Log struct {
	db     *sqldb.DB
	signer crypto.Signer
	now    func() time.Time
	random io.Reader
	logger *slog.Logger
	limit  int
	chain  uint64
	writer string

	mu     sync.Mutex
	seq    uint64 // of the newest entry, committed or not
	hash   Digest
	unsure bool       // seq and hash may be behind the database: read them again before going on
	notes  []accepted // waiting, oldest first
	down   error      // why the last flush failed; nil when it did not
	closed bool

	signing sync.Mutex // guards what follows: one checkpoint at a time
	signed  uint64     // newest entry under a checkpoint
	count   uint64     // of checkpoints
	recount bool       // count may be behind the database

	closing  sync.Once
	closeErr error

	wake chan struct{} // something was noted; buffered
	stop chan struct{}
	done chan struct{}
}

// Open begins a chain: it writes the opening, which names the ends of the chains before it, and starts the one goroutine
// that flushes noted lines and signs checkpoints. All wrong fields are reported at once. A database that is not migrated
// is an error; one that cannot answer gives an error that wraps broker.ErrUnavailable.
func Open(ctx context.Context, c Config) (*Log, error) {
	if err := c.defaults(); err != nil {
		return nil, err
	}
	pending, err := c.DB.Pending(ctx, Component, Migrations())
	if err != nil {
		return nil, unavailable("open", err)
	}
	if len(pending) > 0 {
		return nil, fmt.Errorf("audit: the database lacks the migrations %s", strings.Join(pending, ", "))
	}
	id := make([]byte, 16)
	if _, err := io.ReadFull(c.Random, id); err != nil {
		return nil, fmt.Errorf("audit: random: %w", err)
	}
	l := &Log{
		db: c.DB, signer: c.Signer, now: c.Now, random: c.Random, logger: c.Logger, limit: c.Notes,
		writer: hex.EncodeToString(id),
		wake:   make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	// Two processes that open at once want the same number for their chains. One of them gets it.
	for try := 0; ; try++ {
		err = l.db.Write(ctx, l.open)
		if !errors.Is(err, sqldb.ErrUnique) || try == 9 {
			break
		}
	}
	if err != nil {
		return nil, unavailable("open", err)
	}
	go l.run(c.FlushAfter, c.CheckpointEvery)
	return l, nil
}

func (c *Config) defaults() error {
	var errs []error
	if c.DB == nil {
		errs = append(errs, errors.New("audit: Config.DB is missing"))
	}
	if c.Signer == nil {
		errs = append(errs, errors.New("audit: Config.Signer is missing"))
	} else if _, err := KeyID(c.Signer.Public()); err != nil {
		errs = append(errs, fmt.Errorf("audit: Config.Signer: %w", err))
	}
	if c.Notes < 0 || c.FlushAfter < 0 || c.CheckpointEvery < 0 {
		errs = append(errs, errors.New("audit: Config.Notes, FlushAfter and CheckpointEvery may not be negative"))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Notes == 0 {
		c.Notes = 4096
	}
	if c.FlushAfter == 0 {
		c.FlushAfter = time.Second
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = time.Minute
	}
	return errors.Join(errs...)
}

// open is the unit that begins the chain.
func (l *Log) open(ctx context.Context, tx *sqldb.Tx) error {
	l.chain, l.seq, l.hash = 1, 0, Digest{}
	heads, err := unlinked(ctx, tx)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(chain), 0) + 1 FROM audit_entries`).Scan(&l.chain); err != nil {
		return err
	}
	named, err := json.Marshal(heads)
	if err != nil {
		return err
	}
	opening, err := accept(broker.Line{Event: EventOpened, Detail: map[string]string{"heads": string(named)}}, l.now())
	if err != nil {
		return err
	}
	if err := l.insert(ctx, tx, []accepted{opening}); err != nil {
		return err
	}
	for _, h := range heads {
		if _, err := tx.Exec(ctx, `INSERT INTO audit_links (chain, seq, opener) VALUES (?, ?, ?)`,
			int64(h.Chain), int64(h.Seq), int64(l.chain)); err != nil {
			return err
		}
	}
	return nil
}

// unlinked returns the ends of the chains that no opening has named as they stand now.
func unlinked(ctx context.Context, tx *sqldb.Tx) ([]Head, error) {
	rows, err := tx.Query(ctx, `
SELECT e.chain, e.writer, e.seq, e.hash FROM audit_entries e
  JOIN (SELECT o.chain, (SELECT MAX(x.seq) FROM audit_entries x WHERE x.chain = o.chain) AS seq
          FROM audit_entries o WHERE o.seq = 1) newest ON newest.chain = e.chain AND newest.seq = e.seq
 WHERE NOT EXISTS (SELECT 1 FROM audit_links l WHERE l.chain = e.chain AND l.seq = e.seq)
 ORDER BY e.chain`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := []Head{}
	for rows.Next() {
		var chain, seq int64
		var hash []byte
		var h Head
		if err := rows.Scan(&chain, &h.Writer, &seq, &hash); err != nil {
			return nil, err
		}
		h.Chain, h.Seq = uint64(chain), uint64(seq)
		copy(h.Hash[:], hash)
		heads = append(heads, h)
	}
	return heads, rows.Err()
}

// Writer returns the id of this writer, as its entries carry it.
func (l *Log) Writer() string { return l.writer }

// Record appends lines in a commit of its own, or one that it shares with others, and returns when they are durable. The
// error wraps broker.ErrUnavailable when the log is closed or the database cannot answer.
func (l *Log) Record(ctx context.Context, lines ...broker.Line) error {
	return unavailable("record", l.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		return l.Append(ctx, tx, lines...)
	}))
}

// Note queues lines that the next commit with a line in it carries in front, or the next flush. All of the lines are
// taken or none. The error wraps broker.ErrUnavailable when they do not fit into the queue, when the last flush failed, or
// when the log is closed. A crash loses what no commit has carried yet.
func (l *Log) Note(lines ...broker.Line) error {
	take, err := acceptAll(lines, l.now())
	if err != nil {
		return err
	}
	l.mu.Lock()
	switch {
	case l.closed:
		err = errClosed
	case l.down != nil:
		err = fmt.Errorf("audit: note: %w: the log cannot be written: %w", broker.ErrUnavailable, l.down)
	case len(l.notes)+len(take) > l.limit:
		err = fmt.Errorf("audit: note: %w: %d lines wait already", broker.ErrUnavailable, len(l.notes))
	default:
		l.notes = append(l.notes, take...)
	}
	l.mu.Unlock()
	if err == nil {
		l.nudge()
	}
	return err
}

// nudge tells the goroutine that something waits.
func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // it has been told
	}
}

var errClosed = fmt.Errorf("audit: %w: the log is closed", broker.ErrUnavailable)

// unavailable translates the database's error into the broker's.
func unavailable(what string, err error) error {
	if errors.Is(err, sqldb.ErrUnavailable) && !errors.Is(err, broker.ErrUnavailable) {
		return fmt.Errorf("audit: %s: %w: %w", what, broker.ErrUnavailable, err)
	}
	return err
}
