package main

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestClientAddress(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "192.0.2.1:5", nil, "192.0.2.1"},
		{"a header from a stranger", "192.0.2.1:5", []string{"198.51.100.9"}, "192.0.2.1"},
		{"a listed proxy", "10.0.0.1:5", []string{"198.51.100.9"}, "198.51.100.9"},
		{"two listed proxies", "10.0.0.1:5", []string{"198.51.100.9, 10.9.9.9"}, "198.51.100.9"},
		{"in two headers", "10.0.0.1:5", []string{"198.51.100.9", "10.9.9.9"}, "198.51.100.9"},
		{"what the client wrote itself", "10.0.0.1:5", []string{"203.0.113.1, 198.51.100.9"}, "198.51.100.9"},
		{"with a port", "10.0.0.1:5", []string{"198.51.100.9:4711"}, "198.51.100.9"},
		{"no header", "10.0.0.1:5", nil, "10.0.0.1"},
		{"rubbish", "10.0.0.1:5", []string{"198.51.100.9, unknown"}, "10.0.0.1"},
		{"IPv6", "[2001:db8:1::1]:5", []string{"2001:db8:9::7"}, "2001:db8:9::7"},
		{"IPv4 inside IPv6", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.9"}, "198.51.100.9"},
		{"only proxies", "10.0.0.1:5", []string{"10.0.0.2"}, "10.0.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
			if got := trusted.client(r); got.String() != c.want {
				t.Errorf("client %s, want %s", got, c.want)
			}
		})
	}
}

func TestLimitsFillAtTheirRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimits(2, 3, 10, nil, func() time.Time { return now })
	a := netip.MustParseAddr("192.0.2.1")
	for i := range 3 {
		if _, ok := l.allow(a); !ok {
			t.Fatalf("request %d of the burst is refused", i)
		}
	}
	wait, ok := l.allow(a)
	if ok || wait != 500*time.Millisecond {
		t.Fatalf("after the burst: %v, wait %v, want 500ms", ok, wait)
	}
	if _, ok := l.allow(netip.MustParseAddr("192.0.2.2")); !ok {
		t.Error("another address pays for this one")
	}
	now = now.Add(wait)
	if _, ok := l.allow(a); !ok {
		t.Error("refused after the wait that was named")
	}
	now = now.Add(-time.Hour)
	if _, ok := l.allow(a); ok {
		t.Error("a clock set back gave tokens")
	}
}

func TestLimitsCountOneIPv6Network(t *testing.T) {
	l := newLimits(1, 1, 10, nil, func() time.Time { return time.Unix(1_800_000_000, 0) })
	if _, ok := l.allow(netip.MustParseAddr("2001:db8::1")); !ok {
		t.Fatal("the first is refused")
	}
	if _, ok := l.allow(netip.MustParseAddr("2001:db8::ffff:2")); ok {
		t.Error("another address of the same /64 has a bucket of its own")
	}
	if _, ok := l.allow(netip.MustParseAddr("2001:db8:0:1::1")); !ok {
		t.Error("the next /64 pays for this one")
	}
}

func TestLimitsRememberABoundedNumber(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimits(1, 1, 100, nil, func() time.Time { return now })
	a := netip.MustParseAddr("10.0.0.0")
	for range 10_000 {
		a = a.Next()
		l.allow(a)
	}
	if len(l.buckets) != 100 || l.order.Len() != 100 {
		t.Errorf("%d buckets, %d in order, want 100", len(l.buckets), l.order.Len())
	}
	if _, ok := l.allow(a); ok {
		t.Error("the latest address was forgotten")
	}
}

func TestLimitsAnswer429(t *testing.T) {
	l := newLimits(0.5, 1, 10, nil, func() time.Time { return time.Unix(1_800_000_000, 0) })
	h := l.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for _, want := range []int{http.StatusNoContent, http.StatusTooManyRequests} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != want {
			t.Errorf("status %d, want %d", w.Code, want)
		}
		if want == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q, want 2", w.Header().Get("Retry-After"))
		}
	}
}
