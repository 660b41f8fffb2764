package broker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RefreshToken is the current refresh token of an offline grant. It is computed, not stored: whoever holds the database
// holds no token, and the same successor can be given twice.
func (b *Broker) RefreshToken(g Grant) string {
	body := g.ID + "." + strconv.FormatUint(uint64(g.Generation), 10)
	return body + "." + b.refresh.mac(body)
}

// parseRefresh returns the grant and generation of a genuine refresh token.
func (b *Broker) parseRefresh(token string) (id string, generation uint32, ok bool) {
	parts := strings.Split(token, ".")
	if len(token) > 200 || len(parts) != 3 || !b.refresh.checkMAC(parts[0]+"."+parts[1], parts[2]) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(parts[1], 10, 32)
	return parts[0], uint32(n), err == nil
}

// Refresh replaces a refresh token and returns the grant with its new generation. A token that was replaced before ends
// the whole grant, unless it was replaced within Lifetimes.Grace: then the successor is given again. It fails with Expired
// for anything that is not a live token of this very party.
func (b *Broker) Refresh(ctx context.Context, protocol, party, token string) (Grant, error) {
	id, generation, ok := b.parseRefresh(token)
	if !ok {
		return Grant{}, Fail(Expired, "The refresh token is not valid.")
	}
	g, err := b.permitted(ctx, protocol, party, id)
	if err != nil {
		return Grant{}, err
	}
	now := b.now()
	if !g.Offline || now.Sub(g.Used) > b.lifetimes.RefreshIdle {
		return Grant{}, Fail(Expired, "The refresh token has expired.")
	}
	line := Line{Time: now, Event: "refreshed", Party: g.Party, Person: g.Person, Session: g.Session,
		Outcome: g.Levels.LoA().String(), Detail: map[string]string{"grant": id, "from": strconv.FormatUint(uint64(generation), 10)}}
	g, err = b.ledger.Rotate(ctx, id, generation, now, b.lifetimes.Grace, line)
	switch {
	case errors.Is(err, ErrReused):
		return Grant{}, Fail(Expired, "The refresh token has been used before.")
	case isNotFound(err):
		return Grant{}, Fail(Expired, "The refresh token has been revoked.")
	}
	g.Levels = g.Levels.Under(b.fal) // which may be lower than it was when the grant was opened
	return g, err
}

// Access returns the live grant that an access token rests on. It fails with Expired when the token or its grant was
// revoked, or when anything that the grant rested on no longer holds.
func (b *Broker) Access(ctx context.Context, protocol, party, grant, token string) (Grant, error) {
	g, err := b.permitted(ctx, protocol, party, grant)
	if err != nil {
		return Grant{}, err
	}
	revoked, err := b.ledger.TokenRevoked(ctx, token)
	if err != nil {
		return Grant{}, err
	}
	if revoked {
		return Grant{}, Fail(Expired, "The token has been revoked.")
	}
	return g, nil
}

// permitted returns a grant of the party that still holds.
func (b *Broker) permitted(ctx context.Context, protocol, party, id string) (Grant, error) {
	g, err := b.ledger.Grant(ctx, id)
	if isNotFound(err) {
		return Grant{}, Fail(Expired, "There is no such grant.")
	}
	if err != nil {
		return Grant{}, err
	}
	registered, err := b.party(ctx, protocol, party)
	if err != nil {
		return Grant{}, err
	}
	if g.Party != consentParty(registered) || g.Revoked || !b.now().Before(g.Expires) {
		return Grant{}, Fail(Expired, "The grant has ended.")
	}
	g.Levels = g.Levels.Under(b.fal)
	c := claimant{person: g.Person, session: g.Session, epoch: g.Epoch, levels: g.Levels, connector: g.Connector}
	if g.Offline {
		c.session = ""
	}
	return g, b.permit(ctx, registered, c)
}

// RevokeRefresh ends the grant of a refresh token of this party (RFC 7009). A token that is not one is no error, and says
// so: the caller may try it as an access token.
func (b *Broker) RevokeRefresh(ctx context.Context, protocol, party, token string) (bool, error) {
	id, _, ok := b.parseRefresh(token)
	if !ok {
		return false, nil
	}
	g, err := b.ledger.Grant(ctx, id)
	if isNotFound(err) {
		return true, nil
	}
	if err != nil {
		return true, err
	}
	if g.Party != protocol+":"+party {
		return true, nil // not this party's to revoke, nor to learn about
	}
	return true, b.ledger.RevokeGrant(ctx, id, b.revocation(g))
}

// RevokeAccess ends one access token of this party until it would have expired.
func (b *Broker) RevokeAccess(ctx context.Context, protocol, party, grant, token string, expires time.Time) error {
	g, err := b.ledger.Grant(ctx, grant)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if g.Party != protocol+":"+party {
		return nil
	}
	return b.ledger.RevokeToken(ctx, token, expires, b.revocation(g))
}

func (b *Broker) revocation(g Grant) Line {
	return Line{Time: b.now(), Event: "revoked", Party: g.Party, Person: g.Person, Session: g.Session,
		Detail: map[string]string{"grant": g.ID, "generation": fmt.Sprint(g.Generation)}}
}
