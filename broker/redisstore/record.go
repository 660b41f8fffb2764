package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tillid/tillid/broker"
)

// attempts bounds how often Create meets a leftover that others change at the same moment.
const attempts = 16

// Create adds a record; broker.ErrExists when a live one has the key.
func (s *Store) Create(ctx context.Context, r broker.Record) error {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return err
	}
	now := s.now()
	w, err := s.prepare(r, created, now)
	if err != nil {
		return err
	}
	if err := s.listFirst(ctx, r, now); err != nil {
		return err
	}
	for range attempts {
		before, confirmed, err := s.add(ctx, w)
		switch {
		case err != nil:
			return err
		case before == nil || before.version == w.version: // ours: a client that repeats commands may meet it
			return confirmed()
		case before.live(now):
			return broker.ErrExists
		}
		before, confirmed, err = s.replace(ctx, w, before.version)
		switch {
		case err != nil:
			return err
		case before == nil: // gone meanwhile: begin again
		case before.version == w.expected || before.version == w.version:
			return confirmed()
		case before.live(now):
			return broker.ErrExists
		}
	}
	return unavailable(errors.New("an expired record changes all the time"))
}

// Get returns the live record, or broker.ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (broker.Record, error) {
	return s.read(ctx, key, false, command{"LRANGE", s.records + key, 0, elements})
}

// Take removes the record and returns it, or broker.ErrNotFound.
func (s *Store) Take(ctx context.Context, key string) (broker.Record, error) {
	return s.read(ctx, key, true, command{"LPOP", s.records + key, elements + 1})
}

func (s *Store) read(ctx context.Context, key string, write bool, c command) (broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return broker.Record{}, err
	}
	if !broker.ValidKey(key) {
		return broker.Record{}, broker.ErrNotFound
	}
	now := s.now()
	replies, confirmed, err := s.run(ctx, s.records+key, write, c)
	if err != nil {
		return broker.Record{}, err
	}
	stored, err := list(replies[0])
	if err != nil {
		return broker.Record{}, err
	}
	r, err := decodeRecord(stored, key, now)
	if err == nil {
		err = confirmed()
	}
	if err != nil {
		return broker.Record{}, err
	}
	return r, nil
}

// Update replaces value, index and expiry if the record still has r.Version; otherwise broker.ErrConflict, or
// broker.ErrNotFound when it is gone.
func (s *Store) Update(ctx context.Context, r broker.Record) (uint64, error) {
	if err := errors.Join(r.Validate(), interrupted(ctx)); err != nil {
		return 0, err
	}
	now := s.now()
	w, err := s.prepare(r, updated, now)
	if err != nil {
		return 0, err
	}
	if err := s.listFirst(ctx, r, now); err != nil {
		return 0, err
	}
	before, confirmed, err := s.replace(ctx, w, r.Version)
	switch {
	case err != nil:
		return 0, err
	case before == nil || !before.live(now):
		return 0, broker.ErrNotFound
	case before.version != r.Version && before.version != w.version: // the second: a client that repeats commands
		return 0, broker.ErrConflict
	}
	if err := confirmed(); err != nil {
		return 0, err
	}
	return w.version, nil
}

// Delete removes the record if it is there.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := interrupted(ctx); err != nil {
		return err
	}
	if !broker.ValidKey(key) {
		return nil
	}
	_, confirmed, err := s.run(ctx, s.records+key, true, command{"UNLINK", s.records + key})
	if err != nil {
		return err
	}
	return confirmed()
}

// written is a new state of a record, ready to be sent.
type written struct {
	redisKey string
	key      string
	version  uint64
	expected uint64 // what replace was told to expect
	token    string
	head     string
	value    string
	life     int64     // milliseconds
	listing  []command // what lists it in its index, for the same MULTI; empty for none and in a Cluster
}

func (s *Store) prepare(r broker.Record, kind byte, now time.Time) (*written, error) {
	version, err := s.version()
	if err != nil {
		return nil, err
	}
	w := &written{
		redisKey: s.records + r.Key,
		key:      r.Key,
		version:  version,
		token:    encodeToken(version),
		head:     head{kind, r.Expires.UnixMilli(), now.UnixMilli(), r.Key, r.Index}.encode(),
		value:    string(letterValue) + string(r.Value),
		life:     life(r.Expires, now),
	}
	if s.single != nil {
		w.listing = s.listing(r, now)
	}
	return w, nil
}

// lookups is how many commands look reads the replies of.
const lookups = 2

// look reads what is under the key, without the value.
func (w *written) look() []command {
	return []command{
		{"LRANGE", w.redisKey, placeToken, placeHead},
		{"LINDEX", w.redisKey, placePrevious},
	}
}

// looked reads the replies to look; nil is for nothing there.
func (w *written) looked(replies []any) (*state, error) {
	front, err := list(replies[0])
	if err != nil || len(front) == 0 {
		return nil, err
	}
	previous, ok := replies[1].(string)
	if !ok || len(front) != 2 {
		return nil, errForeign
	}
	s, err := decodeState(front[placeToken], front[placeHead], previous, w.key)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// add makes the state a record if there is none under the key, and returns what was there; nil says that it was added.
func (s *Store) add(ctx context.Context, w *written) (*state, confirmation, error) {
	commands := append(w.look(),
		command{"RPUSH", w.redisKey, w.token, w.head, w.value, noPrevious},
		command{"LTRIM", w.redisKey, 0, elements - 1},
		command{"PEXPIRE", w.redisKey, w.life, "NX"}, // only a new list has no TTL
	)
	replies, confirmed, err := s.run(ctx, w.redisKey, true, append(commands, w.listing...)...)
	if err != nil {
		return nil, nil, err
	}
	before, err := w.looked(replies)
	if err != nil {
		return nil, nil, err
	}
	if n, ok := replies[lookups].(int64); !ok || (before == nil) != (n == elements) {
		return nil, nil, fmt.Errorf("%w: a list of %v elements after four were added", errForeign, replies[lookups])
	}
	return before, confirmed, nil
}

// replace puts the state in place of the one of the expected version, and returns what was there before. It was replaced
// if and only if that has the expected version.
func (s *Store) replace(ctx context.Context, w *written, expected uint64) (*state, confirmation, error) {
	w.expected = expected
	pivot := encodeToken(expected)
	commands := append(w.look(),
		command{"LINSERT", w.redisKey, "BEFORE", pivot, w.token},
		command{"LINSERT", w.redisKey, "BEFORE", pivot, w.head},
		command{"LINSERT", w.redisKey, "BEFORE", pivot, w.value},
		command{"LREM", w.redisKey, 1, pivot},
		command{"LTRIM", w.redisKey, 0, elements - 1},
		command{"PEXPIRE", w.redisKey, w.life, "GT"},
	)
	replies, confirmed, err := s.run(ctx, w.redisKey, true, append(commands, w.listing...)...)
	if err != nil {
		return nil, nil, err
	}
	before, err := w.looked(replies)
	if err != nil {
		return nil, nil, err
	}
	removed, ok := replies[lookups+3].(int64)
	if !ok || (removed == 1) != (before != nil && before.version == expected) {
		return nil, nil, fmt.Errorf("%w: %v tokens removed", errForeign, replies[lookups+3])
	}
	return before, confirmed, nil
}
