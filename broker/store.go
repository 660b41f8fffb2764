package broker

import (
	"context"
	"errors"
	"time"
)

// The errors of a Store. Any other error means that the outcome is unknown, and callers fail closed.
var (
	// ErrNotFound says that there is no live record under the key: never created, expired, taken or deleted.
	ErrNotFound = errors.New("broker: no such record")
	// ErrExists says that a live record is already there.
	ErrExists = errors.New("broker: record exists")
	// ErrConflict says that the record changed since it was read.
	ErrConflict = errors.New("broker: record changed")
	// ErrUnavailable says that the store cannot answer now.
	ErrUnavailable = errors.New("broker: store unavailable")
)

// Record is one short-lived thing: a transaction, a session, a replay marker.
type Record struct {
	Key   string // unique, opaque to the store, never personal data; at most 200 bytes of printable ASCII without space
	Value []byte // opaque to the store, sealed by the broker; at most 64 KiB
	// Index, when not empty, is what Find lists the record by. Several records may share it; the same rules as for Key.
	Index   string
	Expires time.Time // the instant from which the record is absent; millisecond precision at least
	// Version changes with every Update. The store sets it; Update compares it.
	Version uint64
}

// Store keeps short-lived records. Its promises, which package storetest turns into tests for any implementation:
//
//   - An expired record is absent, judged by the injected clock and the record's own Expires, whatever the store's own
//     garbage collection has got to.
//   - Create succeeds once per key while the record lives. This is replay detection.
//   - Of any number of concurrent Takes of one key exactly one succeeds. This is one-time use.
//   - Update succeeds only on the version that was read. No update is lost, and none revives a record that is gone.
//   - Values are copied in and copied out.
//   - Find lists every live record of an index that was created, or moved there by Update, before Find began.
//   - An operation that returns ErrUnavailable or another error may or may not have happened.
//
// A store may lose records, for example in a failover; it must never bring a changed record back to an older version on
// its own account. What must survive anything belongs in the Ledger.
type Store interface {
	// Create adds a record; ErrExists when a live one has the key. Version in the argument is ignored.
	Create(ctx context.Context, r Record) error
	// Get returns the live record, or ErrNotFound.
	Get(ctx context.Context, key string) (Record, error)
	// Update replaces value, index and expiry if the record still has r.Version; otherwise ErrConflict, or ErrNotFound
	// when it is gone. It returns the new version.
	Update(ctx context.Context, r Record) (version uint64, err error)
	// Take removes the record and returns it, or ErrNotFound.
	Take(ctx context.Context, key string) (Record, error)
	// Find returns the live records of an index, in no order; none is an empty slice.
	Find(ctx context.Context, index string) ([]Record, error)
	// Delete removes the record if it is there.
	Delete(ctx context.Context, key string) error
}
