package main

import (
	"container/list"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// limits gives every client address a bucket of tokens that fills steadily; a request takes one. Memory is bounded: the
// address idle longest is forgotten, which only ever helps the one forgotten.
type limits struct {
	rate    float64 // tokens a second; 0 is no limit
	burst   float64
	most    int // addresses remembered
	proxies proxies
	now     func() time.Time

	mu      sync.Mutex
	buckets map[netip.Addr]*list.Element
	order   *list.List // of *bucket, the latest used in front
}

type bucket struct {
	address netip.Addr
	tokens  float64
	at      time.Time
}

func newLimits(rate float64, burst, most int, trusted proxies, now func() time.Time) *limits {
	return &limits{rate: rate, burst: float64(burst), most: most, proxies: trusted, now: now,
		buckets: make(map[netip.Addr]*list.Element), order: list.New()}
}

// allow takes a token; when there is none it returns how long until the next.
func (l *limits) allow(address netip.Addr) (wait time.Duration, ok bool) {
	if l.rate == 0 {
		return 0, true
	}
	address = network(address)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.buckets[address]
	if e == nil {
		if l.order.Len() >= l.most {
			oldest := l.order.Back()
			delete(l.buckets, l.order.Remove(oldest).(*bucket).address)
		}
		e = l.order.PushFront(&bucket{address, l.burst, now})
		l.buckets[address] = e
	}
	l.order.MoveToFront(e)
	b := e.Value.(*bucket)
	if passed := now.Sub(b.at); passed > 0 { // a clock set back fills nothing
		b.tokens = math.Min(l.burst, b.tokens+passed.Seconds()*l.rate)
	}
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) / l.rate * float64(time.Second)), false
	}
	b.tokens--
	return 0, true
}

// wrap answers 429 to an address that asks too much (RFC 6585 section 4).
func (l *limits) wrap(next http.Handler) http.Handler {
	if l.rate == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait, ok := l.allow(l.proxies.client(r)); !ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "Too many requests. For mange forespørgsler.", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, r)
	})
}
