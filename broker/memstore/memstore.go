// Package memstore keeps a broker's short-lived records in the memory of one process, for development, tests and brokers
// that may forget everything when they stop. It shares nothing between processes and writes nothing to disk.
package memstore

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tillid/tillid/broker"
)

// DefaultMaxRecords is how many records a Store holds when its Config does not say.
const DefaultMaxRecords = 1 << 18

// Config says how a Store judges time and when it is full. The zero value is good.
type Config struct {
	Now        func() time.Time // judges expiry; nil is time.Now
	MaxRecords int              // live and expired but not yet collected ones together; zero is DefaultMaxRecords
}

// Store is a broker.Store in memory. It is safe for use by many goroutines.
type Store struct {
	now func() time.Time
	max int

	mu      sync.RWMutex
	records map[string]*entry
	indexes map[string]map[string]*entry // index, then key
	expiry  expiryHeap
	// version only rises, so that a version of an earlier life of a key never fits a later one.
	version uint64
}

var _ broker.Store = (*Store)(nil)

type entry struct {
	record broker.Record
	place  int // in the heap
}

// collected is how many expired records a write removes. More than the one that a write can add, so that garbage shrinks,
// and few, so that no write is slow.
const collected = 4

// New makes an empty store.
func New(c Config) (*Store, error) {
	if c.MaxRecords < 0 {
		return nil, errors.New("memstore: MaxRecords is negative")
	}
	if c.MaxRecords == 0 {
		c.MaxRecords = DefaultMaxRecords
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Store{
		now:     c.Now,
		max:     c.MaxRecords,
		records: make(map[string]*entry),
		indexes: make(map[string]map[string]*entry),
	}, nil
}

// Len returns how many records the store holds, with expired ones that are not collected yet.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.records)
}

// Create adds a record as broker.Store says. When MaxRecords live ones are there, the error wraps broker.ErrUnavailable.
func (s *Store) Create(ctx context.Context, r broker.Record) error {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.records[r.Key]; old != nil {
		if live(old, now) {
			return broker.ErrExists
		}
		s.remove(old)
	}
	s.collect(now)
	if len(s.records) >= s.max {
		return fmt.Errorf("memstore: %d records are the limit: %w", s.max, broker.ErrUnavailable)
	}
	r.Value = bytes.Clone(r.Value)
	s.version++
	r.Version = s.version
	e := &entry{record: r}
	s.records[r.Key] = e
	s.list(e)
	heap.Push(&s.expiry, e)
	return nil
}

// Get returns the live record, or broker.ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return broker.Record{}, err
	}
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.records[key]
	if e == nil || !live(e, now) {
		return broker.Record{}, broker.ErrNotFound
	}
	return copied(e.record), nil
}

// Update replaces the record if it still has r.Version; otherwise broker.ErrConflict or broker.ErrNotFound.
func (s *Store) Update(ctx context.Context, r broker.Record) (uint64, error) {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return 0, err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[r.Key]
	switch {
	case e == nil || !live(e, now):
		return 0, broker.ErrNotFound
	case e.record.Version != r.Version:
		return 0, broker.ErrConflict
	}
	s.unlist(e)
	r.Value = bytes.Clone(r.Value)
	s.version++
	r.Version = s.version
	e.record = r
	s.list(e)
	heap.Fix(&s.expiry, e.place)
	s.collect(now)
	return r.Version, nil
}

// Take removes the record and returns it, or broker.ErrNotFound.
func (s *Store) Take(ctx context.Context, key string) (broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return broker.Record{}, err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.records[key]
	if e == nil {
		return broker.Record{}, broker.ErrNotFound
	}
	s.remove(e)
	s.collect(now)
	if !live(e, now) {
		return broker.Record{}, broker.ErrNotFound
	}
	return e.record, nil // nobody else holds its value any more
}

// Find returns the live records of an index.
func (s *Store) Find(ctx context.Context, index string) ([]broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	listed := s.indexes[index]
	found := make([]broker.Record, 0, len(listed))
	for _, e := range listed {
		if live(e, now) {
			found = append(found, copied(e.record))
		}
	}
	return found, nil
}

// Delete removes the record if it is there.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.records[key]; e != nil {
		s.remove(e)
	}
	s.collect(now)
	return nil
}

func live(e *entry, now time.Time) bool { return now.Before(e.record.Expires) }

func copied(r broker.Record) broker.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}

func interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memstore: %w: %w", broker.ErrUnavailable, err)
	}
	return nil
}

// collect removes the records that expired first, in small portions, so that there is no goroutine to stop.
func (s *Store) collect(now time.Time) {
	for range collected {
		if len(s.expiry) == 0 || live(s.expiry[0], now) {
			return
		}
		s.remove(s.expiry[0])
	}
}

func (s *Store) remove(e *entry) {
	delete(s.records, e.record.Key)
	s.unlist(e)
	heap.Remove(&s.expiry, e.place)
}

func (s *Store) list(e *entry) {
	if e.record.Index == "" {
		return
	}
	listed := s.indexes[e.record.Index]
	if listed == nil {
		listed = make(map[string]*entry, 1)
		s.indexes[e.record.Index] = listed
	}
	listed[e.record.Key] = e
}

func (s *Store) unlist(e *entry) {
	listed := s.indexes[e.record.Index]
	delete(listed, e.record.Key)
	if len(listed) == 0 {
		delete(s.indexes, e.record.Index)
	}
}

// expiryHeap has the record that expires first at its root.
type expiryHeap []*entry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].record.Expires.Before(h[j].record.Expires) }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push is for container/heap.
func (h *expiryHeap) Push(x any) {
	e := x.(*entry)
	e.place = len(*h)
	*h = append(*h, e)
}

// Pop is for container/heap.
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
