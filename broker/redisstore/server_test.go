package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

func record(key, index string) broker.Record {
	return broker.Record{Key: key, Value: []byte("value"), Index: index, Expires: time.Now().Add(time.Minute)}
}

// everyOperation runs each operation once and hands its error to check.
func everyOperation(ctx context.Context, s broker.Store, key string, check func(name string, err error)) {
	check("Create", s.Create(ctx, record(key, "i")))
	_, err := s.Get(ctx, key)
	check("Get", err)
	_, err = s.Update(ctx, record(key, "i"))
	check("Update", err)
	_, err = s.Find(ctx, "i")
	check("Find", err)
	_, err = s.Take(ctx, key)
	check("Take", err)
	check("Delete", s.Delete(ctx, key))
}

// unavailable fails the test unless the error says nothing about the record.
func unavailable(t *testing.T) func(string, error) {
	return func(name string, err error) {
		t.Helper()
		if !errors.Is(err, broker.ErrUnavailable) || broker.CodeOf(err) != broker.Unavailable {
			t.Errorf("%s: %v; want ErrUnavailable", name, err)
		}
		for _, other := range []error{broker.ErrNotFound, broker.ErrExists, broker.ErrConflict} {
			if errors.Is(err, other) {
				t.Errorf("%s: %v also says %v", name, err, other)
			}
		}
	}
}

func TestNewReportsEveryWrongField(t *testing.T) {
	_, err := redisstore.New(t.Context(), redisstore.Config{Prefix: "{x} ", Replicas: -1, ReplicaWait: time.Microsecond})
	for _, field := range []string{"Client", "Prefix", "Replicas", "ReplicaWait"} {
		if err == nil || !strings.Contains(err.Error(), "redisstore: "+field+" ") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
	ring := redis.NewRing(&redis.RingOptions{})
	reading := redis.NewClusterClient(&redis.ClusterOptions{ReadOnly: true})
	t.Cleanup(func() { _ = errors.Join(ring.Close(), reading.Close()) })
	for name, client := range map[string]redis.UniversalClient{
		"a ring": ring, "a reader of replicas": reading, "nil client": (*redis.Client)(nil), "nil cluster": (*redis.ClusterClient)(nil),
	} {
		if s, err := redisstore.New(t.Context(), redisstore.Config{Client: client}); err == nil || s != nil || errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

func TestServersThatEvictAreRefused(t *testing.T) {
	client := dial(t, redistest.Single(t, "maxmemory 100mb", "maxmemory-policy allkeys-lru").URL())
	if _, err := redisstore.New(t.Context(), redisstore.Config{Client: client}); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("New: %v", err)
	}
	s := open(t, redisstore.Config{Client: client, InsecureAnyPolicy: true})
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check with the exception: %v", err)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	s = open(t, redisstore.Config{Client: client})
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-ttl").Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Check after the policy changed: %v", err)
	}
}

func TestReplicasNeedAServerThatKnowsOfThem(t *testing.T) {
	client := dial(t, redistest.Single(t).URL())
	if _, err := redisstore.New(t.Context(), redisstore.Config{Client: client, Replicas: 1}); err == nil || !strings.Contains(err.Error(), "min-replicas-to-write") {
		t.Errorf("New: %v", err)
	}
	// The write happens on the primary, but nobody confirms it.
	s := open(t, redisstore.Config{Client: client, Replicas: 1, ReplicaWait: 10 * time.Millisecond, InsecureAnyReplicas: true})
	unavailable(t)("Create", s.Create(t.Context(), record("k", "i")))
	r, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Update(t.Context(), r)
	unavailable(t)("Update", err)
	_, err = s.Take(t.Context(), "k")
	unavailable(t)("Take", err)
	if _, err := s.Take(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("second Take: %v", err)
	}
}

func TestClusterWithoutReplicasConfirmsNothing(t *testing.T) {
	client := dial(t, redistest.Cluster(t).URL())
	s := open(t, redisstore.Config{Client: client, Replicas: 1, ReplicaWait: 10 * time.Millisecond, InsecureAnyReplicas: true})
	for i := range 20 { // keys on every node
		key := fmt.Sprint("k", i)
		unavailable(t)("Create", s.Create(t.Context(), record(key, "i")))
		if _, err := s.Get(t.Context(), key); err != nil {
			t.Errorf("Get: %v", err)
		}
	}
	if found, err := s.Find(t.Context(), "i"); err != nil || len(found) != 20 {
		t.Errorf("Find: %d records, %v", len(found), err)
	}
}

func TestServerThatIsDown(t *testing.T) {
	server := redistest.Single(t)
	client := dial(t, server.URL())
	s := open(t, redisstore.Config{Client: client})
	server.Kill()
	everyOperation(t.Context(), s, "k", unavailable(t))
	unavailable(t)("Check", s.Check(t.Context()))
	_, err := redisstore.New(t.Context(), redisstore.Config{Client: client})
	unavailable(t)("New", err)
}

func TestServerThatHangs(t *testing.T) {
	server := redistest.Single(t)
	s := open(t, redisstore.Config{Client: dial(t, server.URL())})
	admin := server.Client(t)
	if err := admin.Do(t.Context(), "CLIENT", "PAUSE", 60_000, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	everyOperation(t.Context(), s, "k", unavailable(t))
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("six operations took %v; each should give up in a quarter of a second", took)
	}
}

func TestServerThatIsFull(t *testing.T) {
	server := redistest.Single(t, "maxmemory 1mb") // less than an empty server needs
	s := open(t, redisstore.Config{Client: dial(t, server.URL())})
	unavailable(t)("Create", s.Create(t.Context(), record("k", "i")))
	if _, err := s.Get(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Get after a refused Create: %v", err)
	}
	_, err := s.Update(t.Context(), record("k", "i"))
	unavailable(t)("Update", err)
	if _, err := s.Take(t.Context(), "k"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Take from a full server: %v", err)
	}
}

func TestReplicaRefusesWrites(t *testing.T) {
	primary := redistest.Single(t)
	replica := redistest.Single(t, "replicaof "+strings.Replace(primary.Addr, ":", " ", 1))
	s := open(t, redisstore.Config{Client: dial(t, replica.URL())})
	unavailable(t)("Create", s.Create(t.Context(), record("k", "i")))
	_, err := s.Take(t.Context(), "k")
	unavailable(t)("Take", err)
}

// An account needs no more than these; in particular no scripts, no KEYS, no CONFIG.
func TestLeastAccount(t *testing.T) {
	server := redistest.Single(t, "user tillid on >secret ~tillid:* resetchannels -@all +ping +hello +select "+
		"+info +multi +exec +wait +lrange +lindex +rpush +ltrim +linsert +lrem +lpop +unlink +pexpire +zadd +zremrangebyscore +zrangebyscore")
	s := open(t, redisstore.Config{Client: dial(t, "redis://tillid:secret@"+server.Addr)})
	if err := s.Create(t.Context(), record("k", "i")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Find(t.Context(), "i"); err != nil || len(found) != 1 {
		t.Fatalf("Find: %d records, %v", len(found), err)
	}
	if _, err := s.Take(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	admin := server.Client(t)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "tillid", "-lpop").Err(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Take(t.Context(), "k")
	unavailable(t)("Take that is forbidden", err)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "tillid", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "+info") {
		t.Errorf("Check without INFO: %v", err)
	}
}

// What somebody else wrote under our key is never taken for a record, nor changed.
func TestForeignData(t *testing.T) {
	client := dial(t, redistest.Single(t).URL())
	s := open(t, redisstore.Config{Client: client})
	ctx := t.Context()
	notAnAnswer := func(name string, err error) {
		t.Helper()
		if err == nil || errors.Is(err, broker.ErrNotFound) || errors.Is(err, broker.ErrExists) || errors.Is(err, broker.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, write := range map[string]error{
		"string": client.Set(ctx, "tillid:r:string", "x", 0).Err(),
		"list":   client.RPush(ctx, "tillid:r:list", "a", "b", "c", "d").Err(),
	} {
		if write != nil {
			t.Fatal(write)
		}
		notAnAnswer(name+": Create", s.Create(ctx, record(name, "")))
		_, err := s.Get(ctx, name)
		notAnAnswer(name+": Get", err)
		_, err = s.Update(ctx, record(name, ""))
		notAnAnswer(name+": Update", err)
	}
	if got := client.LRange(ctx, "tillid:r:list", 0, -1).Val(); strings.Join(got, "") != "abcd" {
		t.Errorf("the list is now %q", got)
	}
	// A record that turns up under another's key: a swapped reply, or somebody who can write to Redis.
	if err := errors.Join(s.Create(ctx, record("mine", "")), client.Rename(ctx, "tillid:r:mine", "tillid:r:yours").Err()); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get(ctx, "yours")
	notAnAnswer("Get of another's record", err)
	_, err = s.Take(ctx, "yours")
	notAnAnswer("Take of another's record", err)
}

// Redis must be able to forget on its own what nobody asks for again.
func TestGarbageGetsATTL(t *testing.T) {
	client := dial(t, redistest.Single(t).URL())
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := open(t, redisstore.Config{Client: client, Now: func() time.Time { return now }})
	within := func(key string, want time.Duration) {
		t.Helper()
		got, err := client.PTTL(t.Context(), key).Result()
		if err != nil || got > want || got < want-30*time.Second {
			t.Errorf("%s lives %v, %v; want %v", key, got, err, want)
		}
	}
	r := broker.Record{Key: "k", Index: "i", Expires: now.Add(time.Hour)}
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	within("tillid:r:k", time.Hour+time.Minute)
	within("tillid:i:i", time.Hour+time.Minute)
	got, err := s.Get(t.Context(), "k")
	if err != nil {
		t.Fatal(err)
	}
	got.Expires = now.Add(2 * time.Hour)
	if _, err := s.Update(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	within("tillid:r:k", 2*time.Hour+time.Minute)
	within("tillid:i:i", 2*time.Hour+time.Minute)

	// A refused Update leaves no trace, and a refused Create none either.
	if _, err := s.Update(t.Context(), broker.Record{Key: "absent", Version: 1, Expires: now.Add(time.Hour)}); !errors.Is(err, broker.ErrNotFound) {
		t.Fatal(err)
	}
	if n := client.Exists(t.Context(), "tillid:r:absent").Val(); n != 0 {
		t.Error("a refused Update left something")
	}
	for range 50 {
		if err := s.Create(t.Context(), r); !errors.Is(err, broker.ErrExists) {
			t.Fatal(err)
		}
		got.Version++
		if _, err := s.Update(t.Context(), got); !errors.Is(err, broker.ErrConflict) {
			t.Fatal(err)
		}
	}
	if n := client.LLen(t.Context(), "tillid:r:k").Val(); n != 4 {
		t.Errorf("the record has %d elements", n)
	}

	// An index that is only ever added to forgets what expired.
	for i := range 100 {
		now = now.Add(time.Minute)
		if err := s.Create(t.Context(), broker.Record{Key: fmt.Sprint("k", i), Index: "busy", Expires: now.Add(10 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		if n := client.ZCard(t.Context(), "tillid:i:busy").Val(); n > 12 {
			t.Fatalf("%d entries in an index of which 10 can live", n)
		}
	}
}
