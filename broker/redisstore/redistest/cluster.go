package redistest

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Nodes is a Cluster of three masters without replicas.
type Nodes struct {
	Servers []*Server
}

// Cluster starts a Cluster. Settings go to its servers. Like Single it leaves the test out where Redis is not installed.
func Cluster(t testing.TB, settings ...string) *Nodes {
	t.Helper()
	require(t, "redis-server", "redis-cli")
	settings = append([]string{"cluster-enabled yes", "cluster-node-timeout 2000"}, settings...)
	nodes := new(Nodes)
	create := []string{"--cluster", "create"}
	for range 3 {
		s := start(t, "redis-server", settings)
		nodes.Servers = append(nodes.Servers, s)
		create = append(create, s.Addr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "redis-cli", append(create, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	for _, s := range nodes.Servers {
		c := s.Client(t)
		ready := func(ctx context.Context) error {
			info, err := c.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3") {
				return errors.New("a node has not joined")
			}
			return nil
		}
		if err := poll(s.done, ready, s.log); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

// URL is the cluster's address for redisstore.Dial.
func (n *Nodes) URL() string {
	hosts := make([]string, len(n.Servers))
	for i, s := range n.Servers {
		hosts[i] = s.Addr
	}
	return "redis-cluster://" + strings.Join(hosts, ",")
}
