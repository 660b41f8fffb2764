package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

func updateChanges(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "0"))
	seen := map[uint64]bool{}
	for i := range 40 { // more often than a store may keep traces of
		r := h.mustGet(t, "k")
		if seen[r.Version] {
			t.Fatalf("version %d came back at update %d", r.Version, i)
		}
		seen[r.Version] = true
		r.Value, r.Expires = []byte(fmt.Sprint("value", i)), h.in(time.Duration(i+1)*time.Minute)
		version := h.mustUpdate(t, r)
		got := h.mustGet(t, "k")
		if err := same(got, r); err != nil {
			t.Fatalf("update %d: %v", i, err)
		}
		if got.Version != version {
			t.Fatalf("Update returned version %d, Get %d", version, got.Version)
		}
	}
	r := h.mustGet(t, "k")
	for i := range 3 { // without a Get between
		r.Value = []byte(fmt.Sprint("again", i))
		r.Version = h.mustUpdate(t, r)
	}
	if got := h.mustTake(t, "k"); string(got.Value) != "again2" || got.Version != r.Version {
		t.Fatalf("took %q of version %d, want again2 of %d", got.Value, got.Version, r.Version)
	}
}

func staleConflicts(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "0"))
	var old []broker.Record
	for i := range 6 {
		r := h.mustGet(t, "k")
		old = append(old, r)
		r.Value = []byte(fmt.Sprint(i))
		h.mustUpdate(t, r)
		for age, stale := range old {
			stale.Value, stale.Index = []byte("stale"), "elsewhere"
			if _, err := h.Update(t.Context(), stale); !errors.Is(err, broker.ErrConflict) {
				t.Fatalf("Update of version %d after %d updates: %v; want ErrConflict", age, i+1, err)
			}
		}
		if got := h.mustGet(t, "k"); string(got.Value) != fmt.Sprint(i) {
			t.Fatalf("value %q after refused updates", got.Value)
		}
		h.wantKeys(t, "elsewhere")
	}
}

func madeUpConflicts(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "v"))
	version := h.mustGet(t, "k").Version
	for _, made := range []uint64{0, version - 1, version + 1, ^version, 1 << 63} {
		if made == version {
			continue
		}
		r := h.record("k", "made up")
		r.Version = made
		if _, err := h.Update(t.Context(), r); !errors.Is(err, broker.ErrConflict) {
			t.Errorf("Update of version %d, when it is %d: %v; want ErrConflict", made, version, err)
		}
	}
	if got := h.mustGet(t, "k"); string(got.Value) != "v" || got.Version != version {
		t.Errorf("value %q, version %d after refused updates", got.Value, got.Version)
	}
}

func updatersRace(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "start"))
	for round := range rounds {
		r := h.mustGet(t, "k")
		errs := together(t.Context(), racers, func(ctx context.Context, i int) error {
			mine := r
			mine.Value = fmt.Append(nil, round, "by", i)
			_, err := h.Update(ctx, mine)
			return err
		})
		won := winner(t, errs, broker.ErrConflict)
		if got, want := h.mustGet(t, "k"), fmt.Sprint(round, "by", won); string(got.Value) != want {
			t.Fatalf("value %q, want %q", got.Value, want)
		}
	}
}

func noUpdateLost(t *testing.T, h *harness) {
	const workers, each = 8, 12
	r := h.record("k", "0")
	r.Index = "i"
	h.mustCreate(t, r)
	for _, err := range together(t.Context(), workers, func(ctx context.Context, _ int) error {
		for range each {
			for {
				r, err := h.Get(ctx, "k")
				if err != nil {
					return err
				}
				n, err := strconv.Atoi(string(r.Value))
				if err != nil {
					return err
				}
				r.Value = strconv.AppendInt(nil, int64(n+1), 10)
				if _, err = h.Update(ctx, r); err == nil {
					break
				}
				if !errors.Is(err, broker.ErrConflict) {
					return err
				}
			}
		}
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := h.mustGet(t, "k"); string(got.Value) != fmt.Sprint(workers*each) {
		t.Errorf("%s of %d updates are there", got.Value, workers*each)
	}
	h.wantKeys(t, "i", "k")
}

func updateNeverRevives(t *testing.T, h *harness) {
	for name, remove := range map[string]func(key string) error{
		"taken":   func(key string) error { _, err := h.Take(t.Context(), key); return err },
		"deleted": func(key string) error { return h.Delete(t.Context(), key) },
	} {
		for updates := range 3 {
			r := h.record(fmt.Sprint(name, updates), "v")
			r.Index = "i"
			h.mustCreate(t, r)
			var versions []uint64
			for range updates + 1 {
				r = h.mustGet(t, r.Key)
				versions = append(versions, r.Version)
				r.Version = h.mustUpdate(t, r)
			}
			if err := remove(r.Key); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, version := range append(versions, r.Version) {
				h.absent(t, r.Key, version)
			}
			h.wantKeys(t, "i")
			// What the refused updates may have left must not get in the way of a next life.
			h.mustCreate(t, h.record(r.Key, "next"))
			if got := h.mustTake(t, r.Key); string(got.Value) != "next" {
				t.Errorf("%s: took %q of the next life", name, got.Value)
			}
			h.absent(t, r.Key, r.Version)
		}
	}
}

func updateNeverRevivesExpired(t *testing.T, h *harness) {
	for updates := range 3 {
		r := h.record(fmt.Sprint("k", updates), "v")
		r.Index = "i"
		h.mustCreate(t, r)
		r = h.mustGet(t, r.Key)
		for range updates {
			r.Version = h.mustUpdate(t, r)
		}
		h.clock.advance(time.Minute)
		r.Value, r.Expires = []byte("revived"), h.in(time.Hour)
		for range 2 {
			if _, err := h.Update(t.Context(), r); !errors.Is(err, broker.ErrNotFound) {
				t.Fatalf("Update after expiry: %v; want ErrNotFound", err)
			}
			if got, err := h.Get(t.Context(), r.Key); !errors.Is(err, broker.ErrNotFound) {
				t.Fatalf("revived: %q, %v", got.Value, err)
			}
		}
		h.wantKeys(t, "i")
		errs := together(t.Context(), 8, func(ctx context.Context, i int) error {
			if i%2 == 0 {
				_, err := h.Update(ctx, r)
				return err
			}
			return h.Create(ctx, h.record(r.Key, fmt.Sprint(i)))
		})
		won := winner(t, errs, broker.ErrExists, broker.ErrNotFound, broker.ErrConflict)
		if got := h.mustGet(t, r.Key); string(got.Value) != fmt.Sprint(won) {
			t.Fatalf("%d won, but the value is %s", won, got.Value)
		}
		h.mustTake(t, r.Key)
		h.absent(t, r.Key, r.Version)
	}
}

func earlierLifeConflicts(t *testing.T, h *harness) {
	// The same key, value and expiry: only the life differs.
	var earlier []broker.Record
	for life := range 4 {
		h.mustCreate(t, h.record("k", "same"))
		for _, r := range earlier {
			if _, err := h.Update(t.Context(), r); !errors.Is(err, broker.ErrConflict) {
				t.Fatalf("Update of an earlier life: %v; want ErrConflict", err)
			}
		}
		r := h.mustGet(t, "k")
		if string(r.Value) != "same" {
			t.Fatalf("life %d: value %q", life, r.Value)
		}
		r.Value = []byte("changed")
		earlier = append(earlier, r)
		if life%2 == 1 {
			r.Version = h.mustUpdate(t, r)
			earlier = append(earlier, r)
		}
		h.mustTake(t, "k")
	}
}

func updateTakeRace(t *testing.T, h *harness) {
	for round := range rounds * 4 {
		key := fmt.Sprint("k", round)
		h.mustCreate(t, h.record(key, "old"))
		r := h.mustGet(t, key)
		r.Value = []byte("new")
		var took broker.Record
		errs := together(t.Context(), 2, func(ctx context.Context, i int) (err error) {
			if i == 0 {
				_, err = h.Update(ctx, r)
			} else {
				took, err = h.Take(ctx, key)
			}
			return err
		})
		if errs[1] != nil {
			t.Fatalf("Take: %v", errs[1])
		}
		switch value := string(took.Value); {
		case errs[0] == nil && value == "new", errors.Is(errs[0], broker.ErrNotFound) && value == "old":
		default:
			t.Fatalf("took %q, and the update says %v", value, errs[0])
		}
		h.absent(t, key, r.Version)
	}
}

func expiryMoves(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "v"))
	r := h.mustGet(t, "k")
	r.Expires = h.in(time.Hour)
	r.Version = h.mustUpdate(t, r)
	h.clock.advance(59 * time.Minute)
	if got := h.mustGet(t, "k"); got.Version != r.Version {
		t.Fatalf("version %d, want %d", got.Version, r.Version)
	}
	r.Expires = h.in(time.Second)
	r.Version = h.mustUpdate(t, r)
	h.clock.advance(time.Second - time.Millisecond)
	h.mustGet(t, "k")
	h.clock.advance(time.Millisecond)
	h.absent(t, "k", r.Version)

	h.mustCreate(t, h.record("now", "v"))
	r = h.mustGet(t, "now")
	r.Expires = h.clock.Now()
	r.Version = h.mustUpdate(t, r)
	h.absent(t, "now", r.Version)
	h.mustCreate(t, h.record("now", "next"))
}
