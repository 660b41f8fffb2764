package eid

import (
	"context"
	"errors"
	"slices"

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
		return nil, nil, c.outOfReach(wantAAL, aal, all)
	}
	if p.IAL < max(wantIAL, assurance.Low) {
		e := broker.Fail(broker.LevelUnmet, "IAL %v is required; the identity is proofed at %v and has to be proofed anew.",
			max(wantIAL, assurance.Low), p.IAL)
		e.Err = short(assurance.IAL, assurance.Minimum{IAL: max(wantIAL, assurance.Low)}, assurance.Levels{IAL: p.IAL, AAL: aal, FAL: assurance.High})
		return nil, nil, e
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

// outOfReach says to the party that the level is out of reach, and to the person alone what would reach it: what they hold
// already but cannot use here, or would have to obtain.
func (c *Connector) outOfReach(want, got assurance.Level, all []authn.Authenticator) error {
	want = max(want, assurance.Low)
	e := broker.Fail(broker.LevelUnmet, "AAL %v is required, and the person's authenticators do not reach it here.", want)
	e.Err = short(assurance.AAL, assurance.Minimum{AAL: want}, assurance.Levels{IAL: assurance.High, AAL: got, FAL: assurance.High})
	for _, g := range c.scheme.Gaps(want, all) {
		w := broker.Way{Obtain: g.Obtain}
		for _, u := range g.Combination.Uses {
			w.Kinds = append(w.Kinds, u.Kind)
			if ceremonies[u.Kind] == "" && !slices.Contains(g.Obtain, u.Kind) {
				w.Unusable = append(w.Unusable, u.Kind)
			}
		}
		same := func(o broker.Way) bool { return slices.Equal(o.Kinds, w.Kinds) }
		if !slices.ContainsFunc(e.Ways, same) {
			e.Ways = append(e.Ways, w)
		}
	}
	return e
}

func short(axis assurance.Axis, wanted assurance.Minimum, got assurance.Levels) *assurance.ShortfallError {
	e := &assurance.ShortfallError{Wanted: wanted, Got: got}
	switch axis {
	case assurance.IAL:
		e.Missing = []assurance.Shortfall{{Axis: axis, Wanted: wanted.IAL, Got: got.IAL}}
	default:
		e.Missing = []assurance.Shortfall{{Axis: axis, Wanted: wanted.AAL, Got: got.AAL}}
	}
	return e
}
