package main

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks whose X-Forwarded-For counts. The zero value trusts nobody.
type proxies []netip.Prefix

func (p proxies) trust(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// maxForwarded is how many entries of X-Forwarded-For are read, from the end. More hops than that are nobody's.
const maxForwarded = 16

// client is the address that a request came from: the peer's, or, where the peer is a listed proxy, the last address of
// X-Forwarded-For that is not. Whatever stands before that was written by the client itself and proves nothing. The zero
// Addr means that even the peer is unknown.
func (p proxies) client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	at := peer.Addr().Unmap().WithZone("")
	if !p.trust(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := range min(len(hops), maxForwarded) {
		hop, err := parseHop(strings.TrimSpace(hops[len(hops)-1-i]))
		if err != nil {
			return at // a proxy wrote something that is no address: the hop after it is as far as is known
		}
		at = hop
		if !p.trust(at) {
			return at
		}
	}
	return at
}

// parseHop reads an address with or without a port.
func parseHop(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), nil
	}
	a, err := netip.ParseAddrPort(s)
	return a.Addr().Unmap().WithZone(""), err
}

// network is what one subscriber has for themselves: an IPv4 address, or an IPv6 /64 (RFC 6177).
func network(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
