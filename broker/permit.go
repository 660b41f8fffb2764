package broker

import (
	"context"

	"github.com/tillid/tillid/assurance"
)

// claimant is what an answer, a token or a session claims at one instant.
type claimant struct {
	person    string
	session   string // "" for an offline grant: the session's end does not matter
	epoch     uint64
	levels    assurance.Levels
	connector string
}

// permit is the one policy that is asked when something is issued, redeemed, refreshed, introspected or used at userinfo:
// whoever was let in must still be. It fails with UnknownParty, Refused, LevelUnmet or Expired.
func (b *Broker) permit(ctx context.Context, party RelyingParty, c claimant) error {
	if party.Disabled {
		return Fail(UnknownParty, "The service is disabled.")
	}
	if !party.permits(c.connector) {
		return Fail(Refused, "The service may not use %q to log in.", c.connector)
	}
	if err := party.floor().Join(assurance.Minimum{LoA: assurance.Low}).Check(c.levels.Under(b.fal)); err != nil {
		return &Error{Code: LevelUnmet, Text: "The level reached is below what the service is registered for.", Err: err}
	}
	standing, err := b.ledger.Standing(ctx, c.person, c.session)
	switch {
	case err != nil:
		return err
	case standing.Epoch != c.epoch:
		return Fail(Expired, "The person has been logged out everywhere.")
	case standing.Ended:
		return Fail(Expired, "The session has ended.")
	}
	_, err = b.person(ctx, c.person)
	return err
}
