package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
)

// portion is how many records Find reads in one round trip: at most 8 MiB of them.
const portion = 128

// listing returns the commands that list the record in its index until it expires. The score of an entry only rises, so
// that a shorter life of the same key cannot unlist a longer one; entries whose time has passed leave at the same time.
func (s *Store) listing(r broker.Record, now time.Time) []command {
	if r.Index == "" {
		return nil
	}
	key, until := s.indexes+r.Index, life(r.Expires, now)
	return []command{
		{"ZREMRANGEBYSCORE", key, "-inf", now.Add(-slack).UnixMilli()},
		{"ZADD", key, "GT", r.Expires.UnixMilli(), r.Key},
		{"PEXPIRE", key, until, "NX"},
		{"PEXPIRE", key, until, "GT"},
	}
}

// listFirst lists the record where its index lives in another slot, before the record is written: an entry without a record
// is harmless, a record without an entry would be lost to Find.
func (s *Store) listFirst(ctx context.Context, r broker.Record, now time.Time) error {
	if s.single != nil || r.Index == "" {
		return nil
	}
	_, _, err := s.run(ctx, s.indexes+r.Index, false, s.listing(r, now)...)
	return err
}

// Find returns the live records of an index. It takes one round trip for the entries and one for each 128 records.
func (s *Store) Find(ctx context.Context, index string) ([]broker.Record, error) {
	if err := interrupted(ctx); err != nil {
		return nil, err
	}
	found := []broker.Record{}
	if !broker.ValidKey(index) {
		return found, nil
	}
	now := s.now()
	after := "(" + strconv.FormatInt(now.UnixMilli(), 10)
	keys, err := s.client.ZRangeByScore(ctx, s.indexes+index, &redis.ZRangeBy{Min: after, Max: "+inf"}).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	for len(keys) > 0 {
		n := min(portion, len(keys))
		records, err := s.readAll(ctx, keys[:n], now)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Index == index { // else it moved on, and the entry is what it left behind
				found = append(found, r)
			}
		}
		keys = keys[n:]
	}
	return found, nil
}

// readAll reads the records that are live.
func (s *Store) readAll(ctx context.Context, keys []string, now time.Time) ([]broker.Record, error) {
	pipe := s.client.Pipeline()
	replies := make([]*redis.StringSliceCmd, len(keys))
	for i, key := range keys {
		replies[i] = pipe.LRange(ctx, s.records+key, 0, elements)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	records := make([]broker.Record, 0, len(keys))
	for i, reply := range replies {
		r, err := decodeRecord(reply.Val(), keys[i], now)
		switch {
		case err == nil:
			records = append(records, r)
		case !errors.Is(err, broker.ErrNotFound):
			return nil, err
		}
	}
	return records, nil
}
