package redisstore_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// trips counts what is sent to servers and waited for: single commands and pipelines alike.
type trips struct{ n atomic.Int64 }

func (c *trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "hello" { // of a new connection, not of an operation
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmds)
	}
}

// want is how many round trips each operation may take.
type want struct{ create, get, update, take, find, delete int64 }

func countTrips(t *testing.T, c redisstore.Config, index string, w want) {
	t.Helper()
	s := open(t, c)
	if err := s.Create(t.Context(), record("warm", index)); err != nil { // connections are there
		t.Fatal(err)
	}
	counter := new(trips)
	c.Client.AddHook(counter)
	check := func(op string, want int64, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		if got := counter.n.Swap(0); got != want {
			t.Errorf("%s with index %q takes %d round trips, want %d", op, index, got, want)
		}
	}
	check("Create", w.create, s.Create(t.Context(), record("k", index)))
	r, err := s.Get(t.Context(), "k")
	check("Get", w.get, err)
	_, err = s.Update(t.Context(), r)
	check("Update", w.update, err)
	if index != "" {
		_, err = s.Find(t.Context(), index)
		check("Find", w.find, err)
	}
	_, err = s.Take(t.Context(), "k")
	check("Take", w.take, err)
	check("Delete", w.delete, s.Delete(t.Context(), "k"))
}

func TestRoundTrips(t *testing.T) {
	one := want{1, 1, 1, 1, 2, 1}
	t.Run("single", func(t *testing.T) {
		url := redistest.Single(t).URL()
		for _, index := range []string{"", "i"} {
			countTrips(t, redisstore.Config{Client: dial(t, url), Prefix: prefix()}, index, one)
		}
	})
	t.Run("sentinel with a replica", func(t *testing.T) {
		url := redistest.Sentinel(t).URL()
		for _, index := range []string{"", "i"} {
			countTrips(t, redisstore.Config{Client: dial(t, url), Prefix: prefix(), Replicas: 1, ReplicaWait: time.Second}, index, one)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		url := redistest.Cluster(t).URL()
		countTrips(t, redisstore.Config{Client: dial(t, url), Prefix: prefix()}, "", one)
		countTrips(t, redisstore.Config{Client: dial(t, url), Prefix: prefix()}, "i", want{2, 1, 2, 1, 2, 1})
	})
}
