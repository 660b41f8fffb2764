package broker

import (
	"slices"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

// Result is a login that the checks of this package have passed. It is the only thing that a token or an assertion can be
// made from, and only this package makes one, so a level that was not reached cannot be asserted. The zero Result asserts
// nothing.
type Result struct {
	tx       string
	request  Request
	identity Identity
	levels   assurance.Levels
	session  string
	sid      string
	epoch    uint64
	code     string
	claims   []string
	match    int
}

// Party is the relying party that the result is for, and nobody else (audience restriction, NSIS 6.9).
func (r Result) Party() string { return r.request.Party }

// Person is who logged in.
func (r Result) Person() authn.PersonID { return authn.PersonID(r.identity.Person) }

// Levels are those reached, under this broker's own level.
func (r Result) Levels() assurance.Levels { return r.levels }

// Alternative is the index in Request.Want that was met, -1 where nothing particular was asked for.
func (r Result) Alternative() int { return r.match }

// Uses are the authenticators that the result rests on.
func (r Result) Uses() []authn.Use { return slices.Clone(r.identity.Uses) }

// Connector is the way the person logged in.
func (r Result) Connector() string { return r.identity.Connector }

// Type is the capacity in which the person logged in.
func (r Result) Type() IdentityType { return r.identity.Type }

// AuthTime is when the person last proved something.
func (r Result) AuthTime() time.Time { return r.identity.AuthTime }

// SID names the session to this party alone: sid in OpenID Connect, SessionIndex in SAML.
func (r Result) SID() string { return r.sid }

// Claims are the groups of claims that the person and the registration permit.
func (r Result) Claims() []string { return slices.Clone(r.claims) }

// Data is the adapter's own, from the Request.
func (r Result) Data() []byte { return r.request.Data }

// Code is the one-time code with which the party fetches the result, "" unless Request.Fetched was set.
func (r Result) Code() string { return r.code }
