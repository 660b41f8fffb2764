package eid

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// buckets bounds how many records of attempts strangers can make by typing user IDs that nobody has. It is large enough
// that two of them hardly ever share one, which would show as a pause that nobody earned.
const buckets = 1 << 16

// unknown invents somebody for a user ID that nobody can log in with (OWASP ASVS 5.0, 6.3.8). What they seem to hold is
// one of the scheme's usual sets and the same every time.
func (c *Connector) unknown(ask broker.Ask, userID string) *state {
	key := c.keyed("usual", userID)
	set := c.scheme.Usual[binary.BigEndian.Uint64(key)%uint64(len(c.scheme.Usual))]
	bucket := binary.BigEndian.Uint64(key[8:]) % buckets
	s := c.begin(ask, c.nobody(userID), usable(imagine(set, string(c.keyed("bucket", fmt.Sprint(bucket))))), nil)
	s.UserID, s.Unknown = userID, true
	return s
}

// nobody is the person that a user ID without one seems to belong to.
func (c *Connector) nobody(userID string) authn.PersonID {
	return authn.PersonID(identifier(c.keyed("nobody", userID)))
}

// imagine makes up one active authenticator of each kind.
func imagine(set []authn.Kind, seed string) []authn.Authenticator {
	var out []authn.Authenticator
	for _, k := range set {
		out = append(out, authn.Authenticator{ID: identifier([]byte(seed + string(k))), Kind: k, State: authn.Active})
	}
	return out
}

// identifier looks like any other UUID.
func identifier(of []byte) string { return uuid.NewSHA1(uuid.Nil, of).String() }
