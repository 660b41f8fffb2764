// Package storetest holds the promises of broker.Store as tests that any implementation can run. It does not measure what
// a store loses in a crash or a failover, because stores promise different things there.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

// Run runs one subtest per promise. Open returns an empty store, or one that shares nothing visible with those opened
// before, that judges expiry by now and lasts until t ends. The clock that Run hands in stands still unless a test moves
// it, and has no relation to the time of the machine; it never goes backwards.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) broker.Store) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			clock := newClock()
			p.test(t, &harness{Store: open(t, clock.Now), clock: clock})
		})
	}
}

type promise struct {
	name string
	test func(t *testing.T, h *harness)
}

var promises = []promise{
	{"create succeeds once", createOnce},
	{"one of many creators wins", creatorsRace},
	{"create ignores the version", createIgnoresVersion},
	{"get returns what was created", getReturns},
	{"take removes", takeRemoves},
	{"one of many takers wins", takersRace},
	{"delete removes and is silent about the absent", deleteRemoves},
	{"update changes value, expiry and version", updateChanges},
	{"a stale update conflicts", staleConflicts},
	{"an update of a made-up version conflicts", madeUpConflicts},
	{"one of many updaters wins", updatersRace},
	{"no update is lost", noUpdateLost},
	{"an update never revives a record that is gone", updateNeverRevives},
	{"an update never revives an expired record", updateNeverRevivesExpired},
	{"an update of an earlier life conflicts", earlierLifeConflicts},
	{"an update and a take exclude each other", updateTakeRace},
	{"an expired record is absent, judged by the injected clock", expiredAbsent},
	{"an expired key can be created again", expiredRecreated},
	{"one of many creators wins after expiry", creatorsRaceAfterExpiry},
	{"a record can live longer and shorter by update", expiryMoves},
	{"a record born expired is absent", bornExpired},
	{"values are copied in and out", copies},
	{"find lists the live records of an index", findLists},
	{"find follows a moved record", findFollows},
	{"find forgets what is gone", findForgets},
	{"find misses nothing while others churn", findChurn},
	{"keys and indexes do not mix", namesApart},
	{"every allowed size and character works", sizes},
	{"limits are kept", limits},
	{"no record lives under an invalid key", invalidKeys},
	{"a cancelled context changes nothing", cancelled},
	{"a mixed history hands out each record once", mixedHistory},
}

// clock is a time that only tests move.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.ms.Store(time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) Now() time.Time          { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// harness is the store under test with its clock and a few shorthands that fail the test.
type harness struct {
	broker.Store
	clock *clock
}

func (h *harness) in(d time.Duration) time.Time { return h.clock.Now().Add(d) }

func (h *harness) record(key, value string) broker.Record {
	return broker.Record{Key: key, Value: []byte(value), Expires: h.in(time.Minute)}
}

func (h *harness) mustCreate(t *testing.T, r broker.Record) {
	t.Helper()
	if err := h.Create(t.Context(), r); err != nil {
		t.Fatalf("Create(%s): %v", r.Key, err)
	}
}

func (h *harness) mustGet(t *testing.T, key string) broker.Record {
	t.Helper()
	r, err := h.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%s): %v", key, err)
	}
	return r
}

func (h *harness) mustUpdate(t *testing.T, r broker.Record) uint64 {
	t.Helper()
	v, err := h.Update(t.Context(), r)
	if err != nil {
		t.Fatalf("Update(%s): %v", r.Key, err)
	}
	return v
}

func (h *harness) mustTake(t *testing.T, key string) broker.Record {
	t.Helper()
	r, err := h.Take(t.Context(), key)
	if err != nil {
		t.Fatalf("Take(%s): %v", key, err)
	}
	return r
}

// absent checks that no operation finds the key. It leaves nothing behind.
func (h *harness) absent(t *testing.T, key string, version uint64) {
	t.Helper()
	if r, err := h.Get(t.Context(), key); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Get(%s) = %q, %v; want ErrNotFound", key, r.Value, err)
	}
	r := broker.Record{Key: key, Value: []byte("revived"), Expires: h.in(time.Hour), Version: version}
	if v, err := h.Update(t.Context(), r); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Update(%s) = %d, %v; want ErrNotFound", key, v, err)
	}
	if r, err := h.Get(t.Context(), key); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Get(%s) after a refused Update = %q, %v; want ErrNotFound", key, r.Value, err)
	}
	if r, err := h.Take(t.Context(), key); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Take(%s) = %q, %v; want ErrNotFound", key, r.Value, err)
	}
}

// keys returns the keys that Find lists, each once or the test fails, and checks that every record is of the index.
func (h *harness) keys(t *testing.T, index string) map[string]string {
	t.Helper()
	rs, err := h.Find(t.Context(), index)
	if err != nil {
		t.Fatalf("Find(%s): %v", index, err)
	}
	keys := make(map[string]string, len(rs))
	for _, r := range rs {
		if _, twice := keys[r.Key]; twice {
			t.Errorf("Find(%s) lists %s twice", index, r.Key)
		}
		if r.Index != index {
			t.Errorf("Find(%s) lists %s, which is of index %q", index, r.Key, r.Index)
		}
		keys[r.Key] = string(r.Value)
	}
	return keys
}

func (h *harness) wantKeys(t *testing.T, index string, want ...string) {
	t.Helper()
	got := h.keys(t, index)
	for _, k := range want {
		if _, ok := got[k]; !ok {
			t.Errorf("Find(%s) does not list %s", index, k)
		}
		delete(got, k)
	}
	for k := range got {
		t.Errorf("Find(%s) lists %s, which it must not", index, k)
	}
}

// same compares what a store returned with what was written; a store may cut the expiry to milliseconds.
func same(got, want broker.Record) error {
	switch {
	case got.Key != want.Key:
		return fmt.Errorf("key %q, want %q", got.Key, want.Key)
	case string(got.Value) != string(want.Value):
		return fmt.Errorf("value of %d bytes differs from the %d bytes written", len(got.Value), len(want.Value))
	case got.Index != want.Index:
		return fmt.Errorf("index %q, want %q", got.Index, want.Index)
	case got.Expires.UnixMilli() != want.Expires.UnixMilli():
		return fmt.Errorf("expires %v, want %v", got.Expires, want.Expires)
	}
	return nil
}

// together runs fn n times at once and returns the errors in order.
func together(ctx context.Context, n int, fn func(ctx context.Context, i int) error) []error {
	errs := make([]error, n)
	start, done := make(chan struct{}), make(chan struct{})
	var left atomic.Int64
	left.Store(int64(n))
	for i := range n {
		go func() {
			<-start
			errs[i] = fn(ctx, i)
			if left.Add(-1) == 0 {
				close(done)
			}
		}()
	}
	close(start)
	<-done
	return errs
}

// winner checks that exactly one error is nil and all the others are want, and returns the winner.
func winner(t *testing.T, errs []error, want ...error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			t.Errorf("both %d and %d won", won, i)
		default:
			known := false
			for _, w := range want {
				known = known || errors.Is(err, w)
			}
			if !known {
				t.Errorf("loser %d: %v", i, err)
			}
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	return won
}
