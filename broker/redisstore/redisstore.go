// Package redisstore keeps a broker's short-lived records in Redis 7.0 or later, so that several brokers can share them:
// one server, a set behind Sentinel, or a Cluster. It keeps nothing that must survive a failover of Redis; that belongs in
// the broker's ledger.
//
// # How a record is kept
//
// No command of Redis before 8.4 writes on the condition that a value is what the writer read, and scripts are left alone,
// because the account of a broker should not be allowed to run any. But the commands of lists carry just enough of a
// condition. A record is a list of exactly four elements,
//
//	[token, head, value, previous head]
//
// where the token is the version, 64 random bits that no other write shares, and the head holds expiry, key, index and the
// time of writing. Each operation is one atomic MULTI, or one command, in one round trip:
//
//   - Create appends its four elements and cuts the list after the fourth. If there was no list, they are the record;
//     if there was one, they are cut off again and nothing has changed. Hence one of many creators wins.
//   - Update inserts token, head and value before the token it expects, removes that token and cuts the list after the
//     fourth element. If the expected token is there, the list becomes the new record followed by the old head. If it is
//     not, because the record changed or is gone, every step does nothing: LINSERT neither creates a list nor inserts
//     without its pivot, LREM finds nothing, and a list of four stays as it is. Hence no update is lost or revives a record
//     that was taken, and a token of an earlier life fits no later one.
//   - Take is one LPOP of everything, which also removes the key. Hence one of many takers wins.
//
// # Expiry
//
// Redis judges time by its own clock and knows nothing of ours, so its TTL only collects garbage, a minute late. That an
// expired record is absent is decided by whoever reads the head. Two races follow from this.
//
// An Update may reach Redis when the record has expired but is not collected, and its commands cannot know. It sees in the
// reply that the record had expired and answers ErrNotFound; the list now holds a new head that lives. Everybody else sees
// it too, because the previous head is kept and the new one says when it was written: a record that was updated at or after
// the expiry of its previous head is absent. One previous head is enough, because nobody was ever handed the version of
// such a record, so nothing can be built on it.
//
// A Create may find such a leftover, expired or absent for the reason above. It replaces it as Update does, on the condition
// of the leftover's token, and marks its head as a creation, which needs no previous one. Of many that try exactly one finds
// the token.
//
// # Indexes
//
// An index is a sorted set of the keys of its records by their expiry. An entry is written with the record or before it,
// and removed only when its score, which never falls, lies a minute in the past; so a live record is always listed. Entries
// of records that were taken, deleted or moved away stay until then; Find reads the records and leaves out what is not
// there. On one server and behind Sentinel the entry is part of the same MULTI. In a Cluster it lives in another slot and
// costs a round trip of its own, before the record's.
//
// # Failures
//
// Every error of the connection and of the server wraps broker.ErrUnavailable, and the operation may or may not have
// happened. Clients that Dial makes never repeat a command. One that does (go-redis does by default, up to three times)
// is safe but less kind: a repeated Create or Update recognises its own token, but a Take whose reply was lost finds
// nothing the second time. In a Cluster go-redis follows redirections and repeats what it could not send, but nothing that
// changes something and was sent.
//
// Redis acknowledges before replicas have a write, so a failover can undo a Take and make a one-time thing usable again.
// Config.Replicas makes every change wait for replicas. With min-replicas-to-write on the server, killing a primary lost nothing
// in tests; it is still no proof, which is why the broker repeats in the ledger what must never come back.
package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
)

// Config says which Redis a Store uses and how sure it makes its writes.
type Config struct {
	// Client is a *redis.Client, for one server or behind Sentinel, or a *redis.ClusterClient that reads from masters.
	// A *redis.Ring is refused: it moves keys when a shard is down, so one-time things could be used twice. Required. The
	// caller closes it.
	Client redis.UniversalClient
	Now    func() time.Time // judges expiry; nil is time.Now
	Random io.Reader        // makes versions, 8 bytes each, for many goroutines at once; nil is crypto/rand.Reader
	// Prefix begins every key in Redis, so that several uses can share one; empty is "tillid:". At most 64 bytes of
	// printable ASCII without space and braces.
	Prefix string
	// Replicas is how many replicas must have a change before it counts; with fewer it is ErrUnavailable. Zero waits for
	// none. With more, the server must be set to min-replicas-to-write as well.
	Replicas int
	// ReplicaWait is the longest wait for them, in whole milliseconds; zero is 50 ms.
	ReplicaWait time.Duration
	// InsecureAnyPolicy allows a server that evicts keys when its memory is full: it would silently forget which one-time
	// things were used.
	InsecureAnyPolicy bool
	// InsecureAnyReplicas allows Replicas without min-replicas-to-write: a primary that is cut off would go on serving.
	InsecureAnyReplicas bool
}

// Store is a broker.Store in Redis. It is safe for use by many goroutines.
type Store struct {
	client  redis.UniversalClient
	single  *redis.Client        // one of these two is the client
	cluster *redis.ClusterClient // else nil
	now     func() time.Time
	random  io.Reader
	records string // prefix of the keys of records
	indexes string // prefix of the keys of indexes

	replicas       int
	wait           time.Duration
	anyPolicy      bool
	anyMinReplicas bool
}

var _ broker.Store = (*Store)(nil)

// slack is how much later than by our clock Redis collects: clocks differ, and a record must not go early.
const slack = time.Minute

// New checks the configuration and, as Check does, the servers. It reports every wrong field at once; an error that wraps
// broker.ErrUnavailable means that Redis did not answer.
func New(ctx context.Context, c Config) (*Store, error) {
	s := &Store{
		client:         c.Client,
		now:            c.Now,
		random:         c.Random,
		replicas:       c.Replicas,
		wait:           c.ReplicaWait,
		anyPolicy:      c.InsecureAnyPolicy,
		anyMinReplicas: c.InsecureAnyReplicas,
	}
	var errs []error
	switch client := c.Client.(type) {
	case *redis.Client:
		if s.single = client; client == nil {
			errs = append(errs, errors.New("redisstore: Client is nil"))
		}
	case *redis.ClusterClient:
		if s.cluster = client; client == nil {
			errs = append(errs, errors.New("redisstore: Client is nil"))
		} else if o := client.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			errs = append(errs, errors.New("redisstore: Client reads from replicas, which lag behind"))
		}
	default:
		errs = append(errs, fmt.Errorf("redisstore: Client is a %T, not a *redis.Client or *redis.ClusterClient", client))
	}
	prefix := c.Prefix
	if prefix == "" {
		prefix = "tillid:"
	}
	if len(prefix) > 64 || !broker.ValidKey(prefix) || strings.ContainsAny(prefix, "{}") {
		errs = append(errs, errors.New("redisstore: Prefix is not up to 64 bytes of printable ASCII without space and braces"))
	}
	if c.Replicas < 0 {
		errs = append(errs, errors.New("redisstore: Replicas is negative"))
	}
	if c.ReplicaWait < 0 || c.ReplicaWait%time.Millisecond != 0 {
		errs = append(errs, errors.New("redisstore: ReplicaWait is not a whole number of milliseconds"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.records, s.indexes = prefix+"r:", prefix+"i:"
	if s.wait == 0 {
		s.wait = 50 * time.Millisecond
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.random == nil {
		s.random = rand.Reader
	}
	if err := s.Check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// version makes the version of a new state of a record. It is random, so that no state of any life of a key repeats one,
// and never zero, so that a Record whose version was not set fits none.
func (s *Store) version() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return 0, fmt.Errorf("redisstore: source of randomness: %w", err)
	}
	return max(1, binary.BigEndian.Uint64(b[:])), nil
}

// life is how long Redis keeps what expires then, in milliseconds.
func life(expires, now time.Time) int64 {
	return max(0, expires.Sub(now)).Milliseconds() + slack.Milliseconds()
}
