package oidc

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"
)

// Only the public internet is outside.
func TestReachable(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2a00:1450:4001:829::200e": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false,
		"10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "::ffff:10.0.0.1": false, "fd12::1": false, "fc00::1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "100.64.0.1": false, "192.0.0.1": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false,
		"2001::1": false, "2001:db8::1": false, "100::1": false, "fec0::1": false,
	} {
		if got := reachable(netip.MustParseAddr(address), false); got != want {
			t.Errorf("%s is %v", address, got)
		}
		if got := reachable(netip.MustParseAddr(address), true); got != (want || netip.MustParseAddr(address).Unmap().IsLoopback()) {
			t.Errorf("%s is %v in the dev profile", address, got)
		}
	}
}

type called struct{}

func (called) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("called") }

// Clear text stays on loopback, and there only in the dev profile.
func TestEgressSchemes(t *testing.T) {
	for _, c := range []struct {
		address string
		dev     bool
		want    bool
	}{
		{"https://rp.example/", false, true}, {"http://rp.example/", false, false}, {"http://rp.example/", true, false}, {"http://127.0.0.1/", false, false},
		{"http://127.0.0.1/", true, true}, {"http://localhost:8080/", true, true}, {"http://[::1]/", true, true}, {"http://localhost.evil.example/", true, false}, {"file:///etc/passwd", true, false},
	} {
		r, err := http.NewRequest(http.MethodPost, c.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (schemes{c.dev, called{}}).RoundTrip(r); (err.Error() == "called") != c.want {
			t.Errorf("%s, dev %v: %v", c.address, c.dev, err)
		}
	}
}
