package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tillid/tillid/broker"
)

// life is one record from Create to Take in a mixed history.
type life struct {
	taken   int
	updates int // acknowledged
	carried int // updates that the taken value shows
}

// mixedHistory lets many clients create, update, take and delete few keys at random and checks afterwards that each life
// was taken at most once, that nothing was handed out that was never created, and that what was taken carries every
// acknowledged update.
func mixedHistory(t *testing.T, h *harness) {
	const clients, operations, keys = 16, 150, 5
	var mu sync.Mutex
	lives := map[string]*life{}
	for _, err := range together(t.Context(), clients, func(ctx context.Context, i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 2))
		for n := range operations {
			key := fmt.Sprint("k", random.IntN(keys))
			switch random.IntN(6) {
			case 0, 1:
				id := fmt.Sprintf("%d.%d", i, n)
				mu.Lock()
				lives[id] = &life{}
				mu.Unlock()
				r := h.record(key, id)
				r.Index = "i"
				if err := h.Create(ctx, r); err != nil && !errors.Is(err, broker.ErrExists) {
					return err
				}
			case 2, 3:
				r, err := h.Get(ctx, key)
				if errors.Is(err, broker.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				id, _, _ := strings.Cut(string(r.Value), "+")
				r.Value = append(r.Value, '+')
				_, err = h.Update(ctx, r)
				switch {
				case err == nil:
					mu.Lock()
					if lives[id] != nil {
						lives[id].updates++
					}
					mu.Unlock()
				case !errors.Is(err, broker.ErrConflict) && !errors.Is(err, broker.ErrNotFound):
					return err
				}
			case 4:
				r, err := h.Take(ctx, key)
				if errors.Is(err, broker.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				id, _, _ := strings.Cut(string(r.Value), "+")
				mu.Lock()
				l := lives[id]
				if l != nil {
					l.taken++
					l.carried = strings.Count(string(r.Value), "+")
				}
				mu.Unlock()
				if l == nil {
					return fmt.Errorf("took %q, which nobody created", r.Value)
				}
			case 5:
				found, err := h.Find(ctx, "i")
				if err != nil {
					return err
				}
				for _, r := range found {
					id, _, _ := strings.Cut(string(r.Value), "+")
					mu.Lock()
					l := lives[id]
					mu.Unlock()
					if l == nil {
						return fmt.Errorf("found %q, which nobody created", r.Value)
					}
				}
			}
		}
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	for id, l := range lives {
		if l.taken > 1 {
			t.Errorf("%s was taken %d times", id, l.taken)
		}
		if l.taken == 1 && l.carried != l.updates {
			t.Errorf("%s was updated %d times, and taken with %d", id, l.updates, l.carried)
		}
	}
}
