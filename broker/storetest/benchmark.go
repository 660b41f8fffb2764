package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

// Benchmark measures each operation of a store, one after the other in one goroutine, on values of a kibibyte, with
// allocations. Open is as for Run.
func Benchmark(b *testing.B, open func(b *testing.B, now func() time.Time) broker.Store) {
	value := make([]byte, 1<<10)
	clock := newClock()
	record := func(i int, index string) broker.Record {
		return broker.Record{Key: fmt.Sprintf("record-of-a-benchmark-%d", i), Value: value, Index: index, Expires: clock.Now().Add(time.Hour)}
	}
	fill := func(b *testing.B, s broker.Store, n int, index string) {
		b.Helper()
		for i := range n {
			if err := s.Create(b.Context(), record(i, index)); err != nil {
				b.Fatal(err)
			}
		}
	}
	run := func(name string, filled func(b *testing.B) int, op func(b *testing.B, s broker.Store, i int) error) {
		b.Run(name, func(b *testing.B) {
			s := open(b, clock.Now)
			index := ""
			if name == "Find" {
				index = "index"
			}
			fill(b, s, filled(b), index)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if err := op(b, s, i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	none := func(*testing.B) int { return 0 }
	one := func(*testing.B) int { return 1 }
	ten := func(*testing.B) int { return 10 }
	each := func(b *testing.B) int { return b.N }
	run("Create", none, func(b *testing.B, s broker.Store, i int) error { return s.Create(b.Context(), record(i, "")) })
	run("CreateIndexed", none, func(b *testing.B, s broker.Store, i int) error { return s.Create(b.Context(), record(i, "index")) })
	run("Get", one, func(b *testing.B, s broker.Store, _ int) error {
		_, err := s.Get(b.Context(), record(0, "").Key)
		return err
	})
	var version uint64
	run("Update", one, func(b *testing.B, s broker.Store, i int) error {
		if i == 0 {
			r, err := s.Get(b.Context(), record(0, "").Key)
			if err != nil {
				return err
			}
			version = r.Version
		}
		r := record(0, "")
		r.Version = version
		v, err := s.Update(b.Context(), r)
		version = v
		return err
	})
	run("Take", each, func(b *testing.B, s broker.Store, i int) error {
		_, err := s.Take(b.Context(), record(i, "").Key)
		return err
	})
	run("Find", ten, func(b *testing.B, s broker.Store, _ int) error { _, err := s.Find(b.Context(), "index"); return err })
	run("Delete", each, func(b *testing.B, s broker.Store, i int) error { return s.Delete(b.Context(), record(i, "").Key) })
}
