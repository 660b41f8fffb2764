package redisstore

import (
	"errors"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

const minute = int64(time.Minute / time.Millisecond)

func listOf(version uint64, kind byte, key, index, value string, previous string) []string {
	return []string{encodeToken(version), head{kind, 10 * minute, 5 * minute, key, index}.encode(), "p" + value, previous}
}

func TestDecodeRecord(t *testing.T) {
	earlier := func(expires int64) string { return head{created, expires, 0, "k", "other"}.encode() }
	now := time.UnixMilli(6 * minute)
	for name, tc := range map[string]struct {
		list []string
		now  time.Time
		want error
	}{
		"a creation":                        {listOf(1, created, "k", "i", "v", noPrevious), now, nil},
		"nothing":                           {nil, now, broker.ErrNotFound},
		"a creation in place of a leftover": {listOf(1, created, "k", "i", "v", earlier(1)), now, nil},
		"just before expiry":                {listOf(1, created, "k", "i", "v", noPrevious), time.UnixMilli(10*minute - 1), nil},
		"at expiry":                         {listOf(1, created, "k", "i", "v", noPrevious), time.UnixMilli(10 * minute), broker.ErrNotFound},
		"an update in time":                 {listOf(1, updated, "k", "i", "v", earlier(5*minute+1)), now, nil},
		"an update at expiry":               {listOf(1, updated, "k", "i", "v", earlier(5*minute)), now, broker.ErrNotFound},
		"an update after expiry":            {listOf(1, updated, "k", "i", "v", earlier(1)), now, broker.ErrNotFound},
		"an update of nothing":              {listOf(1, updated, "k", "i", "v", noPrevious), now, errForeign},
		"another's record":                  {listOf(1, created, "other", "i", "v", noPrevious), now, errForeign},
		"a longer key":                      {listOf(1, created, "kk", "", "v", noPrevious), now, errForeign},
		"a key that runs into the index":    {listOf(1, created, "", "k", "v", noPrevious), now, errForeign},
		"a list that is too short":          {listOf(1, created, "k", "i", "v", noPrevious)[:3], now, errForeign},
		"a list that is too long":           {append(listOf(1, created, "k", "i", "v", noPrevious), "x"), now, errForeign},
		"an unknown kind":                   {listOf(1, 'x', "k", "i", "v", noPrevious), now, errForeign},
		"elements that changed places":      {[]string{"pv", encodeToken(1), listOf(1, created, "k", "i", "v", "")[1], noPrevious}, now, errForeign},
		"somebody else's list":              {[]string{"a", "b", "c", "d"}, now, errForeign},
		"empty elements":                    {[]string{"", "", "", ""}, now, errForeign},
	} {
		r, err := decodeRecord(tc.list, "k", tc.now)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if err == nil && (r.Key != "k" || r.Index != "i" || string(r.Value) != "v" || r.Version != 1 || r.Expires.UnixMilli() != 10*minute) {
			t.Errorf("%s: %+v", name, r)
		}
		if err != nil && (r.Key != "" || r.Value != nil) {
			t.Errorf("%s: an error and a record: %+v", name, r)
		}
	}
}

// Whatever a server answers, a record comes out only under the key that was asked for, and only as it would be encoded.
func FuzzDecodeRecord(f *testing.F) {
	l := listOf(1, created, "k", "i", "v", noPrevious)
	f.Add(l[0], l[1], l[2], l[3], "k", 6*minute)
	l = listOf(1<<63, updated, "k", "i", "v", l[1])
	f.Add(l[0], l[1], l[2], l[3], "k", 6*minute)
	f.Fuzz(func(t *testing.T, token, current, value, previous, key string, now int64) {
		r, err := decodeRecord([]string{token, current, value, previous}, key, time.UnixMilli(now))
		if err != nil {
			if r.Key != "" || r.Value != nil || r.Version != 0 {
				t.Fatal("an error and a record")
			}
			return
		}
		if r.Key != key || r.Expires.UnixMilli() <= now {
			t.Fatalf("record of %q that expires %v under %q", r.Key, r.Expires, key)
		}
		h, err := decodeHead(current, key)
		if err != nil {
			t.Fatal(err)
		}
		if encodeToken(r.Version) != token || h.encode() != current || "p"+string(r.Value) != value {
			t.Fatal("decoded from something that is not its encoding")
		}
	})
}

func TestJudge(t *testing.T) {
	good := map[string]string{"redis_version": "7.0.15", "maxmemory_policy": "noeviction", "min_slaves_good_slaves": "0"}
	with := func(name, value string) map[string]string {
		m := map[string]string{}
		for k, v := range good {
			m[k] = v
		}
		if m[name] = value; value == "" {
			delete(m, name)
		}
		return m
	}
	for name, tc := range map[string]struct {
		store Store
		facts map[string]string
		ok    bool
	}{
		"good":                       {Store{}, good, true},
		"a later version":            {Store{}, with("redis_version", "10.2.0"), true},
		"an old version":             {Store{}, with("redis_version", "6.2.14"), false},
		"no version":                 {Store{}, with("redis_version", ""), false},
		"a strange version":          {Store{}, with("redis_version", "seven"), false},
		"eviction":                   {Store{}, with("maxmemory_policy", "volatile-lru"), false},
		"eviction, allowed":          {Store{anyPolicy: true}, with("maxmemory_policy", "volatile-lru"), true},
		"no policy told":             {Store{}, with("maxmemory_policy", ""), false},
		"no minimum, no replicas":    {Store{}, with("min_slaves_good_slaves", ""), true},
		"no minimum, replicas":       {Store{replicas: 1}, with("min_slaves_good_slaves", ""), false},
		"no minimum, replicas, any":  {Store{replicas: 1, anyMinReplicas: true}, with("min_slaves_good_slaves", ""), true},
		"minimum, replicas":          {Store{replicas: 1}, good, true},
		"a server that says nothing": {Store{anyPolicy: true, anyMinReplicas: true}, nil, false},
	} {
		if err := tc.store.judge(tc.facts); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
