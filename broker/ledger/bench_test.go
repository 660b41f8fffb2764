package ledger

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

// many runs f b.N times in n goroutines.
func many(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	left := make(chan int, b.N)
	for i := range b.N {
		left <- i
	}
	close(left)
	b.ReportAllocs()
	b.ResetTimer()
	errs := race(n, func(int) error {
		var err error
		for i := range left {
			err = errors.Join(err, f(i))
		}
		return err
	})
	if count(errs, nil) != n {
		b.Fatal(errs)
	}
}

var issued = broker.Line{Event: "issued", Transaction: "t", Party: "demo", Person: "p", Check: "sso", Outcome: "code"}

func BenchmarkOpenGrant(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newBench(b, sqltest.File(b))
			many(b, n, func(i int) error { return l.OpenGrant(context.Background(), grant(fmt.Sprint(i)), issued) })
		})
	}
}

func BenchmarkRotate(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newBench(b, sqltest.File(b))
			ctx := context.Background()
			for i := range n {
				must(b, l.OpenGrant(ctx, grant(fmt.Sprint(i)), issued))
			}
			next := make([]uint32, n)
			free := make(chan int, n)
			for i := range n {
				free <- i
			}
			many(b, n, func(int) error {
				i := <-free
				defer func() { free <- i }()
				_, err := l.Rotate(ctx, fmt.Sprint(i), next[i], start, time.Second, issued)
				next[i]++
				return err
			})
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newBench(b, sqltest.File(b))
			many(b, n, func(int) error { return l.Record(context.Background(), issued) })
		})
	}
}

func BenchmarkStanding(b *testing.B) {
	l := newBench(b, sqltest.File(b))
	ctx := context.Background()
	must(b, l.EndEpoch(ctx, "p", issued))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Standing(ctx, "p", "s"); err != nil {
			b.Fatal(err)
		}
	}
}
