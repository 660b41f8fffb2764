package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
)

// command is one command of Redis with its arguments.
type command []any

// unavailable marks an error of the connection or the server. Its outcome is unknown.
func unavailable(err error) error {
	return fmt.Errorf("redisstore: %w: %w", broker.ErrUnavailable, err)
}

func interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

// confirmation says how many replicas have what was written; nil where nobody needs to know.
type confirmation func() error

func unneeded() error { return nil }

// run executes commands that all concern one key in Redis, as one MULTI if there are several, in one round trip. It returns
// one reply for each; nil stands for a nil reply. With replicas, the same round trip waits for them, and the confirmation
// says whether they came: on the same connection, because WAIT counts what its own connection wrote.
func (s *Store) run(ctx context.Context, key string, write bool, commands ...command) ([]any, confirmation, error) {
	waits := write && s.replicas > 0
	if s.single != nil {
		return s.runOn(ctx, s.single, waits, commands)
	}
	if waits {
		// The cluster client cannot keep two commands on one connection, so this goes past it and past its redirections:
		// while a slot moves, the operation is unavailable.
		node, err := s.cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, nil, unavailable(err)
		}
		replies, confirmed, err := s.runOn(ctx, node, waits, commands)
		if err != nil {
			s.cluster.ReloadState(ctx)
		}
		return replies, confirmed, err
	}
	results := make([]*redis.Cmd, len(commands))
	queue := func(pipe redis.Pipeliner) error {
		for i, c := range commands {
			results[i] = pipe.Do(ctx, c...)
		}
		return nil
	}
	var err error
	if write || len(commands) > 1 {
		// A transaction even of one command: the client never repeats one that it has sent, as it does other commands.
		_, err = s.cluster.TxPipelined(ctx, queue)
	} else {
		_, err = s.cluster.Pipelined(ctx, queue)
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, unavailable(err)
	}
	replies := make([]any, len(results))
	for i, r := range results {
		if replies[i], err = r.Result(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, nil, unavailable(err)
		}
	}
	return replies, unneeded, nil
}

// runOn executes the commands on one node. MULTI and EXEC are written out, because the client's own transaction cannot
// carry a WAIT behind it.
func (s *Store) runOn(ctx context.Context, node *redis.Client, waits bool, commands []command) ([]any, confirmation, error) {
	pipe := node.Pipeline()
	atomic := len(commands) > 1
	if atomic {
		pipe.Do(ctx, "MULTI")
	}
	results := make([]*redis.Cmd, len(commands))
	for i, c := range commands {
		results[i] = pipe.Do(ctx, c...)
	}
	if atomic {
		results = []*redis.Cmd{pipe.Do(ctx, "EXEC")}
	}
	var wait *redis.Cmd
	if waits {
		wait = pipe.Do(ctx, "WAIT", s.replicas, s.wait.Milliseconds())
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, unavailable(err)
	}
	confirmed := unneeded
	if waits {
		confirmed = func() error {
			n, err := wait.Int()
			if err == nil && n < s.replicas {
				err = fmt.Errorf("%d of %d replicas have the change", n, s.replicas)
			}
			if err != nil {
				return unavailable(err)
			}
			return nil
		}
	}
	if !atomic {
		reply, err := results[0].Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, nil, unavailable(err)
		}
		return []any{reply}, confirmed, nil
	}
	replies, err := results[0].Slice()
	if err != nil {
		return nil, nil, unavailable(err)
	}
	if len(replies) != len(commands) {
		return nil, nil, unavailable(errForeign)
	}
	for _, r := range replies {
		if err, bad := r.(error); bad {
			return nil, nil, unavailable(err)
		}
	}
	return replies, confirmed, nil
}

// list reads a reply that is a list of strings; nil is an empty one.
func list(reply any) ([]string, error) {
	if reply == nil {
		return nil, nil
	}
	array, ok := reply.([]any)
	if !ok {
		return nil, errForeign
	}
	out := make([]string, len(array))
	for i, e := range array {
		if out[i], ok = e.(string); !ok {
			return nil, errForeign
		}
	}
	return out, nil
}
