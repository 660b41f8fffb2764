package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// egressTimeout bounds a whole call to a client.
const egressTimeout = 3 * time.Second

var errEgress = errors.New("oidc: the address may not be called")

// egress makes the client for calls to addresses that somebody else chose. A name is resolved once, everything it resolves
// to must be on the public internet, and what was checked is what is dialled: a name that resolves anew in between
// reaches nothing inside. Redirects are not followed, proxies not used.
func egress(roots *x509.CertPool, insecureLoopback bool) *http.Client {
	dialer := &net.Dialer{Timeout: egressTimeout}
	return &http.Client{
		Timeout:       egressTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: schemes{insecureLoopback, &http.Transport{
			Proxy:                  nil,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    egressTimeout,
			ResponseHeaderTimeout:  egressTimeout,
			MaxResponseHeaderBytes: maxReply,
			MaxIdleConns:           16,
			IdleConnTimeout:        30 * time.Second,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
				if err != nil {
					return nil, err
				}
				for _, a := range found {
					if !reachable(a, insecureLoopback) {
						return nil, errEgress
					}
				}
				var last error = errEgress
				for _, a := range found {
					conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
					if err == nil {
						return conn, nil
					}
					last = err
				}
				return nil, last
			},
		}},
	}
}

// schemes lets https through, and http to loopback where that is permitted.
type schemes struct {
	insecureLoopback bool
	next             http.RoundTripper
}

func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" || s.insecureLoopback && r.URL.Scheme == "http" && loopbackName(r.URL.Hostname()) {
		return s.next.RoundTrip(r)
	}
	return nil, fmt.Errorf("%w: not https", errEgress)
}

// inside are the blocks that are not on the public internet, or lead to others that are not (IANA IPv4 and IPv6
// Special-Purpose Address Registries). Private, loopback, link-local, multicast and unspecified addresses are told by
// net/netip itself.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
}

// reachable reports whether a client may be called at the address.
func reachable(a netip.Addr, insecureLoopback bool) bool {
	a = a.Unmap()
	if a.IsLoopback() {
		return insecureLoopback
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, block := range inside {
		if block.Contains(a) {
			return false
		}
	}
	return true
}
