package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// oldest is the first major version of Redis with PEXPIRE NX and GT.
const oldest = 7

// Check reports whether the servers answer and are fit: Redis 7.0 or later that evicts nothing and, where Replicas is set,
// stops writing when its replicas are gone. It asks every master with INFO, which the account must be allowed. A readiness
// check should call it now and then, because a policy can be changed while a server runs. The error wraps
// broker.ErrUnavailable when a server does not answer.
func (s *Store) Check(ctx context.Context) error {
	if s.single != nil {
		return s.checkNode(ctx, s.single)
	}
	return s.cluster.ForEachMaster(ctx, s.checkNode)
}

func (s *Store) checkNode(ctx context.Context, node *redis.Client) error {
	pipe := node.Pipeline()
	var sections []*redis.StringCmd
	for _, name := range []string{"server", "memory", "replication"} {
		sections = append(sections, pipe.Info(ctx, name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		if redis.HasErrorPrefix(err, "NOPERM") {
			return errors.New("redisstore: the account may not use INFO, so the server cannot be checked; allow it with +info")
		}
		return unavailable(err)
	}
	facts := map[string]string{}
	for _, section := range sections {
		for line := range strings.Lines(section.Val()) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				facts[name] = value
			}
		}
	}
	return s.judge(facts)
}

// judge reports everything that is wrong with a server that says this of itself.
func (s *Store) judge(facts map[string]string) error {
	var errs []error
	major, _, _ := strings.Cut(facts["redis_version"], ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		errs = append(errs, fmt.Errorf("redisstore: the server is Redis %q, older than %d.0", facts["redis_version"], oldest))
	}
	if policy := facts["maxmemory_policy"]; policy != "noeviction" && !s.anyPolicy {
		errs = append(errs, fmt.Errorf("redisstore: the server's maxmemory-policy is %q; it must be noeviction, or used things become usable again when memory is full", policy))
	}
	// The server tells how many good replicas there are only if it was told to need some.
	if _, told := facts["min_slaves_good_slaves"]; s.replicas > 0 && !told && !s.anyMinReplicas {
		errs = append(errs, errors.New("redisstore: Replicas is set, but not min-replicas-to-write and min-replicas-max-lag on the server, so it would go on serving when cut off"))
	}
	return errors.Join(errs...)
}
