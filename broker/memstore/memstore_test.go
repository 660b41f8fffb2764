package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/memstore"
	"github.com/tillid/tillid/broker/storetest"
)

func open(t testing.TB, c memstore.Config) *memstore.Store {
	t.Helper()
	s, err := memstore.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPromises(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) broker.Store {
		return open(t, memstore.Config{Now: now})
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B, now func() time.Time) broker.Store {
		return open(b, memstore.Config{Now: now, MaxRecords: 1 << 30})
	})
}

func TestConfig(t *testing.T) {
	if s, err := memstore.New(memstore.Config{MaxRecords: -1}); err == nil || s != nil {
		t.Errorf("New with a negative limit = %v, %v", s, err)
	}
}

func TestFullStoreRefusesAndRecovers(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, memstore.Config{Now: func() time.Time { return now }, MaxRecords: 10})
	create := func(i int, life time.Duration) error {
		return s.Create(t.Context(), broker.Record{Key: fmt.Sprint(i), Index: "i", Expires: now.Add(life)})
	}
	for i := range 10 {
		if err := create(i, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(10, time.Minute); !errors.Is(err, broker.ErrUnavailable) {
		t.Fatalf("Create in a full store: %v; want ErrUnavailable", err)
	}
	if err := create(3, time.Minute); !errors.Is(err, broker.ErrExists) {
		t.Fatalf("Create of a key that is there: %v; want ErrExists", err)
	}
	r, err := s.Get(t.Context(), "4")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), r); err != nil {
		t.Fatalf("Update in a full store: %v", err)
	}
	now = now.Add(time.Minute)
	if err := create(10, time.Minute); err != nil {
		t.Fatalf("Create in a store full of expired records: %v", err)
	}
}

// Garbage must go away by the traffic alone, without anybody reading the expired keys.
func TestExpiredRecordsAreCollected(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, memstore.Config{Now: func() time.Time { return now }})
	for i := range 10_000 {
		now = now.Add(time.Second)
		life := time.Duration(1+i%60) * time.Second
		if err := s.Create(t.Context(), broker.Record{Key: fmt.Sprint(i), Index: fmt.Sprint(i), Expires: now.Add(life)}); err != nil {
			t.Fatal(err)
		}
		if s.Len() > 61 {
			t.Fatalf("%d records after %d, of which at most 60 live", s.Len(), i)
		}
	}
}

// What an update made shorter must be collected in its new turn, and what it made longer must not be.
func TestCollectionFollowsUpdates(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, memstore.Config{Now: func() time.Time { return now }})
	lives := func(i int) [2]time.Duration {
		l := [2]time.Duration{time.Hour, time.Minute}
		if i%2 == 0 {
			l[0], l[1] = l[1], l[0]
		}
		return l
	}
	for i := range 40 {
		if err := s.Create(t.Context(), broker.Record{Key: fmt.Sprint(i), Expires: now.Add(lives(i)[0])}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		r, err := s.Get(t.Context(), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		r.Expires = now.Add(lives(i)[1])
		if _, err := s.Update(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute)
	for range 10 {
		if err := s.Delete(t.Context(), "absent"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Len(); got != 20 {
		t.Errorf("%d records are kept, of which 20 live", got)
	}
}

func ExampleNew() {
	store, err := memstore.New(memstore.Config{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	code := broker.Record{Key: "code", Value: []byte("sealed"), Expires: time.Now().Add(time.Minute)}
	fmt.Println(store.Create(ctx, code))
	fmt.Println(store.Create(ctx, code))
	taken, err := store.Take(ctx, "code")
	fmt.Println(string(taken.Value), err)
	_, err = store.Take(ctx, "code")
	fmt.Println(err)
	// Output:
	// <nil>
	// broker: record exists
	// sealed <nil>
	// broker: no such record
}
