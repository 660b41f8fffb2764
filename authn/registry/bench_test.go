package registry_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func eachBench(b *testing.B, run func(b *testing.B, r *registry.Registry)) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite-file", sqltest.File},
		{"sqlite-memory", func(testing.TB) string { return sqltest.Memory }},
		{"postgres", sqltest.PostgreSQL},
	} {
		b.Run(kind.name, func(b *testing.B) {
			r, _ := open(b, kind.url(b))
			holding(b, r)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, r)
		})
	}
}

func BenchmarkPersonByUserID(b *testing.B) {
	eachBench(b, func(b *testing.B, r *registry.Registry) {
		for b.Loop() {
			if _, _, err := r.PersonByUserID(context.Background(), "mitid", "anna"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReserve(b *testing.B) {
	eachBench(b, func(b *testing.B, r *registry.Registry) {
		for b.Loop() {
			if _, err := r.Reserve(context.Background(), "display", "", endless, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReserve16 reserves for 16 different authenticators at once, as a busy server does.
func BenchmarkReserve16(b *testing.B) {
	eachBench(b, func(b *testing.B, r *registry.Registry) {
		var n atomic.Int32
		b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			id := fmt.Sprint("display", n.Add(1))
			for pb.Next() {
				if _, err := r.Reserve(context.Background(), id, "", endless, now); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkReservePaused is what a flood of attempts costs.
func BenchmarkReservePaused(b *testing.B) {
	eachBench(b, func(b *testing.B, r *registry.Registry) {
		for range 3 {
			if _, err := r.Reserve(context.Background(), "display", "", authn.Limits{}, now); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if _, err := r.Reserve(context.Background(), "display", "", authn.Limits{}, now); err == nil {
				b.Fatal("let through")
			}
		}
	})
}
