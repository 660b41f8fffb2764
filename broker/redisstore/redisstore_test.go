package redisstore_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/redisstore/redistest"
	"github.com/tillid/tillid/broker/storetest"
)

func dial(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisstore.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func open(t testing.TB, c redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// prefixes gives each store keys of its own on a shared server.
var prefixes atomic.Int64

func prefix() string { return fmt.Sprintf("test%d:", prefixes.Add(1)) }

func promises(t *testing.T, c redisstore.Config) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) broker.Store {
		c.Now, c.Prefix = now, prefix()
		return open(t, c)
	})
}

func TestPromisesSingle(t *testing.T) {
	promises(t, redisstore.Config{Client: dial(t, redistest.Single(t).URL())})
}

func TestPromisesSentinel(t *testing.T) {
	set := redistest.Sentinel(t)
	promises(t, redisstore.Config{Client: dial(t, set.URL()), Replicas: 1, ReplicaWait: 100 * time.Millisecond})
}

func TestPromisesCluster(t *testing.T) {
	promises(t, redisstore.Config{Client: dial(t, redistest.Cluster(t).URL())})
}

func BenchmarkStore(b *testing.B) {
	client := dial(b, redistest.Single(b).URL())
	storetest.Benchmark(b, func(b *testing.B, now func() time.Time) broker.Store {
		return open(b, redisstore.Config{Client: client, Now: now, Prefix: prefix()})
	})
}
