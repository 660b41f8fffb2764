package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// told is what clients were told during a failover.
type told struct {
	mu      sync.Mutex
	created map[string]bool // acknowledged, and not taken since
	taken   map[string]bool // acknowledged
	strange []error
}

// A crash of the primary may cost records and a few seconds, but what was handed out once is not handed out again.
func TestFailoverNeverHandsOutTwice(t *testing.T) {
	set := redistest.Sentinel(t)
	s := open(t, redisstore.Config{Client: dial(t, set.URL()), Replicas: 1, ReplicaWait: 100 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	const workers, before, after = 8, 40, 20
	var killed atomic.Bool
	var warm, done sync.WaitGroup
	warm.Add(workers)
	results := told{created: map[string]bool{}, taken: map[string]bool{}}
	for w := range workers {
		done.Go(func() {
			early, late := 0, 0 // acknowledged before and after the crash
			for n := 0; ctx.Err() == nil && late < after; n++ {
				dead := killed.Load()
				if !results.createAndTake(ctx, s, fmt.Sprintf("k%d.%d", w, n), n%3 == 0) {
					continue
				}
				if dead {
					late++
				} else if early++; early == before {
					warm.Done()
				}
			}
		})
	}
	done.Go(func() { // the workers go on meanwhile, so that the crash meets operations under way
		warm.Wait()
		set.Servers[0].Kill()
		killed.Store(true)
	})
	done.Wait()
	if ctx.Err() != nil {
		t.Fatal("the store did not come back within a minute")
	}
	if set.Primary(t) == set.Servers[0] {
		t.Fatal("the primary is the one that was killed")
	}
	for _, err := range results.strange {
		t.Error(err)
	}
	lost := 0
	for key := range results.taken {
		if _, err := s.Take(ctx, key); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("%s was taken before the failover, and now: %v", key, err)
		}
	}
	for key := range results.created {
		if _, err := s.Get(ctx, key); errors.Is(err, broker.ErrNotFound) {
			lost++
		} else if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d taken, %d created of which %d were lost", len(results.taken), len(results.created), lost)
}

// createAndTake reports whether everything was acknowledged.
func (r *told) createAndTake(ctx context.Context, s broker.Store, key string, keep bool) bool {
	err := s.Create(ctx, broker.Record{Key: key, Value: []byte(key), Expires: time.Now().Add(time.Hour)})
	if !r.acknowledged(ctx, "Create", err) {
		return false
	}
	if keep {
		r.mu.Lock()
		r.created[key] = true
		r.mu.Unlock()
		return true
	}
	_, err = s.Take(ctx, key)
	if errors.Is(err, broker.ErrNotFound) { // lost in between
		return false
	}
	if !r.acknowledged(ctx, "Take", err) {
		return false
	}
	r.mu.Lock()
	r.taken[key] = true
	r.mu.Unlock()
	return true
}

// acknowledged keeps errors that are neither an acknowledgement nor the word that the store is down.
func (r *told) acknowledged(ctx context.Context, op string, err error) bool {
	if err != nil && !errors.Is(err, broker.ErrUnavailable) && ctx.Err() == nil {
		r.mu.Lock()
		r.strange = append(r.strange, fmt.Errorf("%s: %w", op, err))
		r.mu.Unlock()
	}
	return err == nil
}
