package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// The races of the package comment, each forced by running the steps in the order that hurts.

func raced(t *testing.T) (s *Store, client *redis.Client, set func(time.Duration)) {
	client = redistest.Single(t).Client(t)
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	s, err := New(t.Context(), Config{Client: client, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return s, client, func(d time.Duration) { now = start.Add(d) }
}

func (s *Store) state(t *testing.T, r broker.Record, kind byte) *written {
	t.Helper()
	w, err := s.prepare(r, kind, s.now())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The list that a late Update leaves behind must be absent to everybody, whoever comes next.
func TestUpdateThatArrivesAfterExpiry(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, s *Store, r broker.Record){
		"get": func(t *testing.T, s *Store, r broker.Record) {
			if _, err := s.Get(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("Get: %v", err)
			}
		},
		"take": func(t *testing.T, s *Store, r broker.Record) {
			if _, err := s.Take(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("Take: %v", err)
			}
		},
		"find": func(t *testing.T, s *Store, r broker.Record) {
			if found, err := s.Find(t.Context(), "i"); err != nil || len(found) != 0 {
				t.Errorf("Find: %v, %v", found, err)
			}
		},
		"update": func(t *testing.T, s *Store, r broker.Record) {
			if _, err := s.Update(t.Context(), r); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("Update: %v", err)
			}
			if _, err := s.Get(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("Get after Update: %v", err)
			}
		},
		"create": func(t *testing.T, s *Store, r broker.Record) {
			r.Value = []byte("next life")
			if err := s.Create(t.Context(), r); err != nil {
				t.Errorf("Create: %v", err)
			}
			if got, err := s.Get(t.Context(), "k"); err != nil || string(got.Value) != "next life" {
				t.Errorf("Get after Create: %q, %v", got.Value, err)
			}
			if err := s.Create(t.Context(), r); !errors.Is(err, broker.ErrExists) {
				t.Errorf("second Create: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, set := raced(t)
			r := broker.Record{Key: "k", Value: []byte("v"), Index: "i", Expires: s.now().Add(time.Minute)}
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			r = must[broker.Record](t)(s.Get(t.Context(), "k"))
			set(time.Minute)
			r.Expires = s.now().Add(time.Hour)
			if _, err := s.Update(t.Context(), r); !errors.Is(err, broker.ErrNotFound) {
				t.Fatalf("late Update: %v", err)
			}
			if n := client.LLen(t.Context(), "tillid:r:k").Val(); n != elements {
				t.Fatalf("%d elements; the case under test is that the list is there", n)
			}
			next(t, s, r)
		})
	}
}

// A client that repeats commands must not turn its own success into a refusal, nor repeat the change.
func TestRepeatedCommands(t *testing.T) {
	s, client, _ := raced(t)
	ctx := t.Context()
	r := broker.Record{Key: "k", Value: []byte("v"), Expires: s.now().Add(time.Minute)}
	w := s.state(t, r, created)
	for i := range 3 {
		before, _, err := s.add(ctx, w)
		if err != nil || (i == 0) != (before == nil) || i > 0 && before.version != w.version {
			t.Fatalf("add %d: %+v, %v", i, before, err)
		}
	}
	old := w.version
	r.Value = []byte("changed")
	w = s.state(t, r, updated)
	var lists [2][]string
	for i := range lists {
		before, _, err := s.replace(ctx, w, old)
		if err != nil || before == nil || before.version != []uint64{old, w.version}[i] {
			t.Fatalf("replace %d: %+v, %v", i, before, err)
		}
		lists[i] = client.LRange(ctx, w.redisKey, 0, -1).Val()
	}
	if got := must[broker.Record](t)(s.Get(ctx, "k")); string(got.Value) != "changed" || got.Version != w.version {
		t.Errorf("%q, version %d", got.Value, got.Version)
	}
	for i := range lists[0] {
		if lists[0][i] != lists[1][i] {
			t.Errorf("element %d changed when the command was repeated", i)
		}
	}
}

// Two that replace the same leftover, and a Create between: one of them wins.
func TestTwoReplaceOneLeftover(t *testing.T) {
	s, _, set := raced(t)
	ctx := t.Context()
	r := broker.Record{Key: "k", Value: []byte("old"), Expires: s.now().Add(time.Minute)}
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	leftover := must[broker.Record](t)(s.Get(ctx, "k")).Version
	set(time.Minute)
	r.Expires = s.now().Add(time.Minute)
	a, b := s.state(t, r, created), s.state(t, r, created)
	for _, w := range []*written{a, b} { // both see the leftover
		before, _, err := s.add(ctx, w)
		if err != nil || before == nil || before.version != leftover || before.live(s.now()) {
			t.Fatalf("add: %+v, %v", before, err)
		}
	}
	if before, _, err := s.replace(ctx, a, leftover); err != nil || before == nil || before.version != leftover {
		t.Fatalf("first replace: %+v, %v", before, err)
	}
	if before, _, err := s.replace(ctx, b, leftover); err != nil || before == nil || before.version != a.version || !before.live(s.now()) {
		t.Fatalf("second replace: %+v, %v", before, err)
	}
	// A late Update of the old life and a Take of the new one change nothing about it.
	r.Version = leftover
	if _, err := s.Update(ctx, r); !errors.Is(err, broker.ErrConflict) {
		t.Errorf("Update of the old life: %v", err)
	}
	if got := must[broker.Record](t)(s.Take(ctx, "k")); got.Version != a.version {
		t.Errorf("took version %d, want %d", got.Version, a.version)
	}
	if before, _, err := s.replace(ctx, b, leftover); err != nil || before != nil {
		t.Errorf("replace of nothing: %+v, %v", before, err)
	}
	if _, err := s.Get(ctx, "k"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("replace of nothing made a record: %v", err)
	}
}

// A record is listed before it is there, and losing its index costs it its listing only.
func TestEntryWithoutRecordIsHarmless(t *testing.T) {
	s, client, _ := raced(t)
	ctx := t.Context()
	r := broker.Record{Key: "k", Index: "i", Expires: s.now().Add(time.Minute)}
	for _, c := range s.listing(r, s.now()) {
		if err := client.Do(ctx, c...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := s.Find(ctx, "i"); err != nil || len(found) != 0 {
		t.Fatalf("Find: %v, %v", found, err)
	}
	if err := s.Create(ctx, r); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Find(ctx, "i"); err != nil || len(found) != 1 {
		t.Fatalf("Find: %v, %v", found, err)
	}
}
