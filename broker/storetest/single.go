package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

// The sizes of a race: enough that a store which checks before it writes fails nearly always.
const (
	racers = 64
	rounds = 25
)

func createOnce(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "first"))
	if err := h.Create(t.Context(), h.record("k", "second")); !errors.Is(err, broker.ErrExists) {
		t.Fatalf("second Create: %v; want ErrExists", err)
	}
	if got := h.mustGet(t, "k"); string(got.Value) != "first" {
		t.Fatalf("value %q after a refused Create", got.Value)
	}
}

func creatorsRace(t *testing.T, h *harness) {
	for round := range rounds {
		key := fmt.Sprintf("k%d", round)
		errs := together(t.Context(), racers, func(ctx context.Context, i int) error {
			return h.Create(ctx, h.record(key, fmt.Sprint(i)))
		})
		won := winner(t, errs, broker.ErrExists)
		if got := h.mustGet(t, key); string(got.Value) != fmt.Sprint(won) {
			t.Fatalf("%d won, but the value is %s", won, got.Value)
		}
	}
}

func createIgnoresVersion(t *testing.T, h *harness) {
	r := h.record("k", "v")
	r.Version = 7
	h.mustCreate(t, r)
	h.mustTake(t, "k")
	h.mustCreate(t, r)
}

func getReturns(t *testing.T, h *harness) {
	for _, index := range []string{"", "i"} {
		r := h.record("k"+index, "v\x00\xff\r\n")
		r.Index = index
		h.mustCreate(t, r)
		first := h.mustGet(t, r.Key)
		if err := same(first, r); err != nil {
			t.Error(err)
		}
		if again := h.mustGet(t, r.Key); again.Version != first.Version {
			t.Errorf("version %d, then %d without an update between", first.Version, again.Version)
		}
	}
	if _, err := h.Get(t.Context(), "never"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Get of a key never created: %v", err)
	}
}

func takeRemoves(t *testing.T, h *harness) {
	r := h.record("k", "v")
	r.Index = "i"
	h.mustCreate(t, r)
	version := h.mustGet(t, "k").Version
	if err := same(h.mustTake(t, "k"), r); err != nil {
		t.Error(err)
	}
	h.absent(t, "k", version)
	h.mustCreate(t, h.record("k", "next"))
	if got := h.mustTake(t, "k"); string(got.Value) != "next" {
		t.Errorf("took %q of the second life", got.Value)
	}
}

func takersRace(t *testing.T, h *harness) {
	for round := range rounds {
		key := fmt.Sprintf("k%d", round)
		h.mustCreate(t, h.record(key, key))
		errs := together(t.Context(), racers, func(ctx context.Context, _ int) error {
			r, err := h.Take(ctx, key)
			if err == nil && string(r.Value) != key {
				return fmt.Errorf("took %q", r.Value)
			}
			return err
		})
		winner(t, errs, broker.ErrNotFound)
	}
}

func deleteRemoves(t *testing.T, h *harness) {
	if err := h.Delete(t.Context(), "k"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	h.mustCreate(t, h.record("k", "v"))
	version := h.mustGet(t, "k").Version
	for range 2 {
		if err := h.Delete(t.Context(), "k"); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	h.absent(t, "k", version)
	h.mustCreate(t, h.record("k", "next"))
}

func expiredAbsent(t *testing.T, h *harness) {
	// One millisecond is finer than any collection of garbage.
	for i, life := range []time.Duration{time.Millisecond, time.Minute, 12 * time.Hour} {
		key := fmt.Sprintf("k%d", i)
		r := h.record(key, "v")
		r.Index, r.Expires = "i", h.in(life)
		h.mustCreate(t, r)
		h.clock.advance(life - time.Millisecond)
		version := h.mustGet(t, key).Version
		h.wantKeys(t, "i", key)
		h.clock.advance(time.Millisecond)
		h.wantKeys(t, "i")
		h.absent(t, key, version)
		h.wantKeys(t, "i")
		if err := h.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete of an expired record: %v", err)
		}
	}
}

func expiredRecreated(t *testing.T, h *harness) {
	for life := range 4 { // each leaves an expired one behind, the last two after an update
		r := h.record("k", fmt.Sprint(life))
		r.Index = "i"
		h.mustCreate(t, r)
		got := h.mustGet(t, "k")
		if err := same(got, r); err != nil {
			t.Fatalf("life %d: %v", life, err)
		}
		if life > 1 {
			got.Value = []byte("updated")
			h.mustUpdate(t, got)
		}
		if err := h.Create(t.Context(), r); !errors.Is(err, broker.ErrExists) {
			t.Fatalf("life %d: Create over a live record: %v", life, err)
		}
		h.wantKeys(t, "i", "k")
		h.clock.advance(time.Minute)
		h.wantKeys(t, "i")
	}
}

func creatorsRaceAfterExpiry(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("k", "old"))
	for range rounds {
		h.clock.advance(time.Minute)
		errs := together(t.Context(), racers, func(ctx context.Context, i int) error {
			return h.Create(ctx, h.record("k", fmt.Sprint(i)))
		})
		won := winner(t, errs, broker.ErrExists)
		if got := h.mustGet(t, "k"); string(got.Value) != fmt.Sprint(won) {
			t.Fatalf("%d won, but the value is %s", won, got.Value)
		}
	}
}

func bornExpired(t *testing.T, h *harness) {
	for i, life := range []time.Duration{0, -time.Millisecond, -48 * time.Hour} {
		r := h.record(fmt.Sprintf("k%d", i), "v")
		r.Expires, r.Index = h.in(life), "i"
		h.mustCreate(t, r)
		h.absent(t, r.Key, 1)
		h.wantKeys(t, "i")
		r.Expires = h.in(time.Minute)
		h.mustCreate(t, r)
		h.wantKeys(t, "i", r.Key)
		h.mustTake(t, r.Key)
	}
}

func copies(t *testing.T, h *harness) {
	r := h.record("k", "value")
	r.Index = "i"
	h.mustCreate(t, r)
	scribble := func(b []byte) {
		for i := range b {
			b[i] = 'X'
		}
	}
	check := func(after, want string) {
		t.Helper()
		if got := h.mustGet(t, "k"); string(got.Value) != want {
			t.Fatalf("after scribbling on %s the value is %q", after, got.Value)
		}
	}
	scribble(r.Value)
	check("what was created", "value")
	scribble(h.mustGet(t, "k").Value)
	check("what Get returned", "value")
	found, err := h.Find(t.Context(), "i")
	if err != nil || len(found) != 1 {
		t.Fatalf("Find: %d records, %v", len(found), err)
	}
	scribble(found[0].Value)
	check("what Find returned", "value")
	u := h.mustGet(t, "k")
	u.Value = []byte("other")
	h.mustUpdate(t, u)
	scribble(u.Value)
	check("what was updated", "other")
	if again := h.mustGet(t, "k"); cap(again.Value) > len(again.Value) {
		_ = append(again.Value, "tail"...)
		check("the spare room of what Get returned", "other")
	}
}
