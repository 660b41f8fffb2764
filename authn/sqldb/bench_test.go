package sqldb_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func eachBench(b *testing.B, run func(b *testing.B, db *sqldb.DB)) {
	for _, kind := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite-file", sqltest.File},
		{"sqlite-memory", func(testing.TB) string { return sqltest.Memory }},
		{"postgres", sqltest.PostgreSQL},
	} {
		b.Run(kind.name, func(b *testing.B) {
			db := sqltest.Open(b, kind.url(b))
			migrate(b, db)
			insert(b, db, 1)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, db)
		})
	}
}

func raise(ctx context.Context, tx *sqldb.Tx) error {
	_, err := tx.Exec(ctx, "UPDATE rows SET n = n + 1 WHERE id = ?", 1)
	return err
}

func BenchmarkWriteAlone(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		for b.Loop() {
			if err := db.Write(b.Context(), raise); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWrite16(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.Write(b.Context(), raise); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkQueryRow(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		var n int
		for b.Loop() {
			if err := db.QueryRow(b.Context(), "SELECT n FROM rows WHERE id = ?", 1).Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkQueryRowWhileWriting reads from one goroutine while others write as fast as they can.
func BenchmarkQueryRowWhileWriting(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		ctx, stop := context.WithCancel(b.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				if err := db.Write(ctx, raise); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		}()
		var n int
		for b.Loop() {
			if err := db.QueryRow(b.Context(), "SELECT n FROM rows WHERE id = ?", 1).Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
		stop()
		<-done
	})
}
