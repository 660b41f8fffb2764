package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// master is what the Sentinels call the set that they watch.
const master = "tillid"

// Set is a primary with two replicas, watched by three Sentinels that call it "tillid" and replace a primary that is silent
// for a second.
type Set struct {
	Servers   []*Server // the primary first, as it was at the start
	Sentinels []*Server
}

// Sentinel starts a Set. Settings go to the three servers; the set needs at least one replica to accept writes. Like Single
// it leaves the test out where Redis is not installed.
func Sentinel(t testing.TB, settings ...string) *Set {
	t.Helper()
	require(t, "redis-server", "redis-sentinel")
	settings = append([]string{"repl-diskless-sync-delay 0", "min-replicas-to-write 1", "min-replicas-max-lag 2"}, settings...)
	set := &Set{Servers: []*Server{start(t, "redis-server", settings)}}
	host, port, err := net.SplitHostPort(set.Servers[0].Addr)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		set.Servers = append(set.Servers, start(t, "redis-server", append(settings, "replicaof "+host+" "+port)))
	}
	for range 3 {
		set.Sentinels = append(set.Sentinels, start(t, "redis-sentinel", []string{
			fmt.Sprintf("sentinel monitor %s %s %s 2", master, host, port),
			"sentinel down-after-milliseconds " + master + " 1000",
			"sentinel failover-timeout " + master + " 5000",
		}))
	}
	primary := set.Servers[0].Client(t)
	if err := poll(nil, func(ctx context.Context) error { return replicated(ctx, primary, 2) }, set.Servers[0].log); err != nil {
		t.Fatalf("replicas: %v", err)
	}
	for _, s := range set.Sentinels {
		if err := poll(nil, watching(t, s), s.log); err != nil {
			t.Fatalf("sentinels: %v", err)
		}
	}
	return set
}

// URL is the set's address for redisstore.Dial.
func (s *Set) URL() string {
	hosts := make([]string, len(s.Sentinels))
	for i, sentinel := range s.Sentinels {
		hosts[i] = sentinel.Addr
	}
	return "redis-sentinel://" + strings.Join(hosts, ",") + "/" + master
}

// Primary returns the server that the Sentinels name as the primary now.
func (s *Set) Primary(t testing.TB) *Server {
	t.Helper()
	c := sentinelClient(t, s.Sentinels[0])
	addr, err := c.GetMasterAddrByName(t.Context(), master).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range s.Servers {
		if server.Addr == net.JoinHostPort(addr[0], addr[1]) {
			return server
		}
	}
	t.Fatalf("the sentinels name %v, which is none of the servers", addr)
	return nil
}

func sentinelClient(t testing.TB, s *Server) *redis.SentinelClient {
	c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// replicated waits until n replicas have everything.
func replicated(ctx context.Context, primary *redis.Client, n int) error {
	info, err := primary.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if got := strings.Count(info, "state=online"); got < n || !strings.Contains(info, fmt.Sprintf("min_slaves_good_slaves:%d", n)) {
		return fmt.Errorf("%d of %d replicas are online", got, n)
	}
	return nil
}

// watching reports when a Sentinel knows the replicas and the other Sentinels; before, it could not replace the primary.
func watching(t testing.TB, s *Server) func(context.Context) error {
	c := sentinelClient(t, s)
	return func(ctx context.Context) error {
		state, err := c.Master(ctx, master).Result()
		if err != nil {
			return err
		}
		if state["num-slaves"] != "2" || state["num-other-sentinels"] != "2" || state["flags"] != "master" {
			return errors.New("a sentinel sees " + state["num-slaves"] + " replicas and " + state["num-other-sentinels"] + " sentinels, flags " + state["flags"])
		}
		return nil
	}
}
