package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// operationTimeout bounds connecting, writing and reading each. A store that is slower than this counts as down, so that
// the person in front of the login sees an answer.
const operationTimeout = 250 * time.Millisecond

// Dial makes a client for New from a URL:
//
//	redis://[user:password@]host:port[/db]
//	redis-sentinel://[user:password@]host:port,host:port,.../master[/db]   hosts of the Sentinels, name of the master
//	redis-cluster://[user:password@]host:port,host:port,...
//
// and the same with rediss, rediss-sentinel and rediss-cluster for TLS 1.2 or later with the system's certificate
// authorities. The port may be left out (6379, Sentinel 26379). User and password are those of the Redis servers, Sentinels
// are asked without. The client waits at most 250 ms for anything and never repeats a command that it has sent. Dial
// connects to nothing yet; the errors never hold the URL, in which there may be a password.
func Dial(rawURL string) (redis.UniversalClient, error) {
	a, err := parseAddress(rawURL)
	if err != nil {
		return nil, fmt.Errorf("redisstore: URL of Redis: %w", err)
	}
	switch a.kind {
	case single:
		return redis.NewClient(a.single()), nil
	case sentinel:
		return redis.NewFailoverClient(a.sentinel()), nil
	default:
		return redis.NewClusterClient(a.cluster()), nil
	}
}

// kind is how the servers of a URL work together.
type kind uint8

const (
	single kind = iota
	sentinel
	cluster
)

// address is what a URL says.
type address struct {
	kind           kind
	tls            *tls.Config
	hosts          []string
	user, password string
	master         string
	db             int
}

func parseAddress(rawURL string) (address, error) {
	// net/url reads one host only, so the list of hosts is cut out first.
	scheme, rest, ok := strings.Cut(rawURL, "://")
	if !ok {
		return address{}, errors.New("not scheme://host")
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	u, err := url.Parse(scheme + "://" + rest[:at] + "hosts" + rest[end:])
	if err != nil {
		return address{}, errors.New("cannot be parsed") // the cause would quote it, and there may be a password in it
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return address{}, errors.New("has a query or fragment, in which there is nothing to set")
	}
	var a address
	port := "6379"
	switch u.Scheme {
	case "redis", "rediss":
	case "redis-cluster", "rediss-cluster":
		a.kind = cluster
	case "redis-sentinel", "rediss-sentinel":
		a.kind, port = sentinel, "26379"
	default:
		return address{}, errors.New("the scheme is none of redis, redis-sentinel, redis-cluster, rediss, rediss-sentinel, rediss-cluster")
	}
	if strings.HasPrefix(u.Scheme, "rediss") {
		a.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	hosts := strings.Split(rest[at:end], ",")
	if a.kind == single && len(hosts) > 1 {
		return address{}, errors.New("several hosts, but the scheme is for one server")
	}
	for i, h := range hosts {
		host, err := withPort(h, port)
		if err != nil {
			return address{}, fmt.Errorf("host %d: %w", i+1, err)
		}
		a.hosts = append(a.hosts, host)
	}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	return a, a.path(strings.Trim(u.Path, "/"))
}

// path reads the name of the master and the number of the database.
func (a *address) path(path string) error {
	var parts []string
	if path != "" {
		parts = strings.Split(path, "/")
	}
	if a.kind == sentinel {
		if len(parts) == 0 || parts[0] == "" {
			return errors.New("URL without the name of the master: redis-sentinel://host:port/master")
		}
		a.master, parts = parts[0], parts[1:]
	}
	switch {
	case len(parts) == 0:
		return nil
	case len(parts) > 1 || a.kind == cluster:
		return errors.New("URL with too long a path")
	}
	var err error
	if a.db, err = strconv.Atoi(parts[0]); err != nil || a.db < 0 {
		return errors.New("database in the URL is not a number")
	}
	return nil
}

func withPort(host, port string) (string, error) {
	if host == "" {
		return "", errors.New("empty")
	}
	for _, c := range host {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-_:[]", c) {
			return "", errors.New("not host:port")
		}
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || h == "" {
			return "", errors.New("not host:port")
		}
		return host, nil
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if strings.Contains(host, ":") {
		return "", errors.New("not host:port; an IPv6 address needs brackets")
	}
	return net.JoinHostPort(host, port), nil
}

// quiet keeps the client from asking for notices that only managed services send, so that the account needs no CLIENT.
func quiet() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

func (a address) single() *redis.Options {
	return &redis.Options{
		Addr: a.hosts[0], Username: a.user, Password: a.password, DB: a.db, TLSConfig: a.tls,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: operationTimeout, ReadTimeout: operationTimeout, WriteTimeout: operationTimeout, PoolTimeout: operationTimeout,
		MaintNotificationsConfig: quiet(),
	}
}

func (a address) sentinel() *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: a.master, SentinelAddrs: a.hosts, Username: a.user, Password: a.password, DB: a.db, TLSConfig: a.tls,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: operationTimeout, ReadTimeout: operationTimeout, WriteTimeout: operationTimeout, PoolTimeout: operationTimeout,
	}
}

func (a address) cluster() *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: a.hosts, Username: a.user, Password: a.password, TLSConfig: a.tls,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		DialTimeout: operationTimeout, ReadTimeout: operationTimeout, WriteTimeout: operationTimeout, PoolTimeout: operationTimeout,
		MaintNotificationsConfig: quiet(),
	}
}
