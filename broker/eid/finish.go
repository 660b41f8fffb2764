package eid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// finish turns what was proved into an identity. Whether the person may log in at all is looked up only now, so that
// nobody but the person learns it.
func (c *Connector) finish(ctx context.Context, ask broker.Ask, s *state) (broker.Turn, []byte, error) {
	if s.Unknown {
		return nil, nil, broker.Because(broker.Internal, errors.New("eid: an invented person proved something"))
	}
	p, err := c.registry.Person(ctx, s.Person)
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return nil, nil, unavailable(err)
	}
	young := c.scheme.MinimumAge > 0 && (p.BirthDate == authn.Date{} || p.BirthDate.Age(ask.Now) < c.scheme.MinimumAge)
	if err != nil || p.ID != s.Person || p.State != authn.PersonActive || young {
		return nil, nil, broker.Fail(broker.Refused, "The person may not log in here.")
	}
	wantIAL, wantAAL := ask.Want.Needs()
	uses := s.uses()
	aal, why := c.scheme.AAL(uses)
	if aal < max(wantAAL, assurance.Low) {
		all, err := c.registry.Authenticators(ctx, p.ID)
		if err != nil {
			return nil, nil, unavailable(err)
		}
		return nil, nil, c.outOfReach(wantAAL, all)
	}
	if p.IAL < max(wantIAL, assurance.Low) {
		return nil, nil, broker.Fail(broker.LevelUnmet, "IAL %v is required; the identity is proofed at %v and has to be proofed anew.",
			max(wantIAL, assurance.Low), p.IAL)
	}
	id := broker.Identity{Connector: c.Name(), Person: string(p.ID), Type: broker.Private,
		// FAL is the broker's to lower: within it, nothing stands between the scheme and the broker.
		Levels: assurance.Levels{IAL: p.IAL, AAL: aal, FAL: assurance.High},
		Uses:   uses, AuthTime: ask.Now, Proofed: p.Proofing, Used: why}
	if len(s.Done) == 0 && ask.Have != nil {
		id.AuthTime = ask.Have.AuthTime // nothing was proved anew
	}
	return broker.Proven{Identity: id}, nil, nil
}

// outOfReach says what would reach the level: what the person holds already but cannot use here, or would have to obtain.
func (c *Connector) outOfReach(want assurance.Level, all []authn.Authenticator) error {
	var ways []string
	for _, g := range c.scheme.Gaps(want, all) {
		way := g.Combination.String()
		var foreign []string
		for _, u := range g.Combination.Uses {
			if ceremonies[u.Kind] == "" {
				foreign = append(foreign, u.Kind.Name())
			}
		}
		switch {
		case len(g.Obtain) > 0:
			way += fmt.Sprintf(" (to be obtained: %s)", names(g.Obtain))
		case len(foreign) > 0:
			way += fmt.Sprintf(" (held; but this broker has no ceremony for: %s)", strings.Join(foreign, ", "))
		default:
			way += " (held)"
		}
		if !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	if ways == nil {
		return broker.Fail(broker.LevelUnmet, "No authenticators of %s reach AAL %v.", c.scheme.Title, want)
	}
	return broker.Fail(broker.LevelUnmet, "AAL %v takes %s.", want, strings.Join(ways, ", or "))
}

func names(kinds []authn.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.Name())
	}
	return strings.Join(out, ", ")
}
