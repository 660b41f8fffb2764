package oidc

import (
	"slices"
	"strings"
)

// scopeSet is a set of the scopes spoken here.
type scopeSet uint8

const (
	scopeOpenID scopeSet = 1 << iota
	scopeProfile
	scopeMitID
	scopeSSN
	scopeOffline
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// scopeNames in the order in which they are written.
var scopeNames = []struct {
	name string
	bit  scopeSet
}{
	{"openid", scopeOpenID}, {"profile", scopeProfile}, {"mitid", scopeMitID}, {"ssn", scopeSSN},
	{"offline_access", scopeOffline},
}

// claimScopes are those that release claims; the broker knows them by the same names.
var claimScopes = map[string]scopeSet{"profile": scopeProfile, "mitid": scopeMitID, "ssn": scopeSSN}

// parseScopes reads a scope parameter. Scopes that nobody here knows are ignored (OpenID Connect Core 3.1.2.1).
func parseScopes(text string) scopeSet {
	var set scopeSet
	for word := range strings.SplitSeq(text, " ") {
		for _, s := range scopeNames {
			if s.name == word {
				set |= s.bit
			}
		}
	}
	return set
}

func (s scopeSet) has(bit scopeSet) bool { return s&bit != 0 }

// names lists the scopes.
func (s scopeSet) names() []string {
	out := make([]string, 0, len(scopeNames))
	for _, n := range scopeNames {
		if s.has(n.bit) {
			out = append(out, n.name)
		}
	}
	return out
}

// claims lists the groups of claims that the scopes release.
func (s scopeSet) claims() []string {
	var out []string
	for _, n := range scopeNames {
		if s.has(n.bit) && claimScopes[n.name] != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// unregistered returns the first scope that the client may not ask for, or "".
func (c Client) unregistered(s scopeSet) string {
	for _, group := range s.claims() {
		if !slices.Contains(c.Claims, group) {
			return group
		}
	}
	return ""
}
