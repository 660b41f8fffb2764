package redisstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/broker/redisstore"
)

func TestDial(t *testing.T) {
	for url, want := range map[string]struct {
		addrs    []string
		user     string
		password string
		db       int
		tls      bool
	}{
		"redis://h":                         {addrs: []string{"h:6379"}},
		"redis://h:1":                       {addrs: []string{"h:1"}},
		"redis://h:1/":                      {addrs: []string{"h:1"}},
		"redis://h:1/3":                     {addrs: []string{"h:1"}, db: 3},
		"redis://[::1]":                     {addrs: []string{"[::1]:6379"}},
		"redis://[::1]:7":                   {addrs: []string{"[::1]:7"}},
		"rediss://u:p%40@h/2":               {addrs: []string{"h:6379"}, user: "u", password: "p@", db: 2, tls: true},
		"redis://:p@h":                      {addrs: []string{"h:6379"}, password: "p"},
		"redis-cluster://a:1,b,[::1]:3":     {addrs: []string{"a:1", "b:6379", "[::1]:3"}},
		"rediss-cluster://u:p@a:1,b:2/":     {addrs: []string{"a:1", "b:2"}, user: "u", password: "p", tls: true},
		"redis-cluster://a":                 {addrs: []string{"a:6379"}},
		"redis-sentinel://a:1,b/m":          {addrs: []string{"FailoverClient"}},
		"redis-sentinel://u:p@a,b,c/m/4":    {addrs: []string{"FailoverClient"}, user: "u", password: "p", db: 4},
		"rediss-sentinel://u:p,q@a,b,c/m/4": {addrs: []string{"FailoverClient"}, user: "u", password: "p,q", db: 4, tls: true},
	} {
		client, err := redisstore.Dial(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		t.Cleanup(func() { _ = client.Close() })
		switch c := client.(type) {
		case *redis.Client:
			o := c.Options()
			if !slices.Equal([]string{o.Addr}, want.addrs) || o.Username != want.user || o.Password != want.password || o.DB != want.db ||
				(o.TLSConfig != nil) != want.tls {
				t.Errorf("%s: %s, user %q, password %q, db %d, TLS %v", url, o.Addr, o.Username, o.Password, o.DB, o.TLSConfig != nil)
			}
			if o.MaxRetries > 0 || o.ReadTimeout != 250*time.Millisecond || !o.ContextTimeoutEnabled {
				t.Errorf("%s: %d retries, timeout %v", url, o.MaxRetries, o.ReadTimeout)
			}
		case *redis.ClusterClient:
			o := c.Options()
			if !slices.Equal(o.Addrs, want.addrs) || o.Username != want.user || o.Password != want.password || (o.TLSConfig != nil) != want.tls {
				t.Errorf("%s: %v, user %q, password %q, TLS %v", url, o.Addrs, o.Username, o.Password, o.TLSConfig != nil)
			}
			if o.MaxRetries > 0 || o.ReadTimeout != 250*time.Millisecond || !o.ContextTimeoutEnabled {
				t.Errorf("%s: %d retries, timeout %v", url, o.MaxRetries, o.ReadTimeout)
			}
		}
	}
}

func TestDialRefuses(t *testing.T) {
	for _, url := range []string{
		"", "h:1", "://", "redis://", "redis:///1", "redis://h:0", "redis://h:x", "redis://h:99999", "redis://:1", "redis://::1",
		"http://h", "redis-x://h", "redis-://h", "redis+cluster://h", "redis-cluster-x://h",
		"redis://a,b", "redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://h?max_retries=3", "redis://h/?", "redis://h#x",
		"redis-sentinel://a,b", "redis-sentinel://a/", "redis-sentinel://a/m/x", "redis-sentinel://a/m/1/2", "redis-sentinel://a,,b/m",
		"redis-cluster://a,b/1", "redis-cluster://a,", "redis-cluster://,a", "redis-cluster://a,b?x=1",
		"redis://u:secret@h\x7f", "redis://u:secret@h:x", "redis://u:secret@h/secret", "redis-cluster://u:secret@a,b:secret", "redis://u:%zzsecret@h",
	} {
		client, err := redisstore.Dial(url)
		if err == nil {
			_ = client.Close()
			t.Errorf("%q was accepted", url)
			continue
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error holds the password: %v", url, err)
		}
	}
}
