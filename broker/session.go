package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tillid/tillid/assurance"
)

// Participant is a party that has an answer resting on a session and wants to be told when the session ends.
type Participant struct {
	Protocol string `json:"protocol"`
	Party    string `json:"party"`
	Data     []byte `json:"data,omitempty"` // the adapter's own
}

// Session is one browser's login. The cookie holds a secret, the session's id is a digest of it: knowing the id gives
// nothing.
type Session struct {
	ID           string        `json:"id"`
	Identity     Identity      `json:"identity"`
	Epoch        uint64        `json:"epoch"`
	Begun        time.Time     `json:"begun"`
	Used         time.Time     `json:"used"`
	Participants []Participant `json:"participants,omitempty"`

	version uint64
}

// ends is when the session is over, whichever of its two lifetimes is shorter (NSIS 6.5).
func (s Session) ends(l Lifetimes) time.Time {
	idle, absolute := s.Used.Add(l.SessionIdle), s.Begun.Add(l.Session)
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

// levels are what the session can assert here.
func (s Session) levels(fal assurance.Level) assurance.Levels { return s.Identity.Levels.Under(fal) }

func sessionKey(id string) string { return "s/" + id }

// session returns the live session of a browser, or nil. It is dead when the ledger says so, whatever the store says.
func (b *Broker) session(ctx context.Context, br *Browser) (*Session, error) {
	if br.session == "" {
		return nil, nil
	}
	s, err := b.sessionByID(ctx, digest(br.session))
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return s, err
}

// sessionByID returns a live session or ErrNotFound.
func (b *Broker) sessionByID(ctx context.Context, id string) (*Session, error) {
	var s Session
	version, err := b.load(ctx, sessionKey(id), &s)
	if err != nil {
		return nil, err
	}
	s.version = version
	standing, err := b.ledger.Standing(ctx, s.Identity.Person, s.ID)
	if err != nil {
		return nil, err
	}
	if standing.Ended || standing.Epoch != s.Epoch || !b.now().Before(s.ends(b.lifetimes)) {
		return nil, ErrNotFound
	}
	return &s, nil
}

// load reads and unseals a record.
func (b *Broker) load(ctx context.Context, key string, into any) (uint64, error) {
	r, err := b.store.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return r.Version, b.unseal(r, into)
}

func (b *Broker) unseal(r Record, into any) error {
	plain, err := b.records.openBytes(r.Value, r.Key)
	if err != nil {
		return fmt.Errorf("record %.2s: %w", r.Key, err)
	}
	if len(plain) == 0 || plain[0] != recordVersion {
		return fmt.Errorf("record %.2s has an unknown version", r.Key)
	}
	return json.Unmarshal(plain[1:], into)
}

// recordVersion is the first byte of every sealed record.
const recordVersion = 1

func (b *Broker) record(key, index string, expires time.Time, version uint64, value any) (Record, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return Record{}, err
	}
	sealed := b.records.bytes(append([]byte{recordVersion}, plain...), key)
	return Record{Key: key, Value: sealed, Index: index, Expires: expires, Version: version}, nil
}

// sid names a session to one party.
func (b *Broker) sid(session, protocol, party string) string {
	plain, err := json.Marshal([3]string{session, protocol, party})
	if err != nil {
		return "" // three strings always marshal
	}
	return b.sids.fixed(plain)
}

// openSID returns the session that sid names to the party, or "" where it is not one of ours for that party.
func (b *Broker) openSID(sid, protocol, party string) string {
	plain, err := b.sids.openFixed(sid)
	if err != nil {
		return ""
	}
	var parts [3]string
	if json.Unmarshal(plain, &parts) != nil || parts[1] != protocol || parts[2] != party {
		return ""
	}
	return parts[0]
}
