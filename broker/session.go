package broker

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Participant is a party that has an answer resting on a session and wants to be told when the session ends.
type Participant struct {
	Protocol string `json:"protocol"`
	Party    string `json:"party"`
	SID      string `json:"sid"`            // what it knows the session by
	Data     []byte `json:"data,omitempty"` // Request.Departure
}

// Session is one browser's login. The cookie holds two secrets, of which only digests are kept: knowing those gives nothing.
// The first names the session for as long as it lives; the second changes with every authentication, so that a copy of the
// cookie does not rise with the session.
type Session struct {
	ID           string        `json:"id"`
	Secret       string        `json:"secret"`
	Identity     Identity      `json:"identity"`
	Epoch        uint64        `json:"epoch"`
	Begun        time.Time     `json:"begun"`
	Used         time.Time     `json:"used"`
	Participants []Participant `json:"participants,omitempty"`

	version uint64
	renewed bool // Secret has changed since the session was read
}

// ends is when the session is over, whichever of its two lifetimes is shorter (NSIS 6.5).
func (s Session) ends(l Lifetimes) time.Time {
	idle, absolute := s.Used.Add(l.SessionIdle), s.Begun.Add(l.Session)
	if idle.Before(absolute) {
		return idle
	}
	return absolute
}

func sessionKey(id string) string { return "s/" + id }

func (b *Broker) sessionIndex(person string) string { return sessionIndex(b.sids.mac(person)) }

func sessionIndex(mac string) string { return "p/" + mac }

// sessionRef and sessionSecret are the two parts of the cookie that a transaction gives: the same every time, so that the
// same form sent twice makes one session, and a repeated answer carries the cookie as well.
func (b *Broker) sessionRef(tx *Transaction) string    { return b.cookies.mac("session/" + tx.ID) }
func (b *Broker) sessionSecret(tx *Transaction) string { return b.cookies.mac("secret/" + tx.ID) }

// cookieOf is the session's cookie where the transaction has changed it, "" where the browser has the right one.
func (b *Broker) cookieOf(tx *Transaction, s *Session, br *Browser) string {
	secret := b.sessionSecret(tx)
	if digest(secret) != s.Secret {
		return ""
	}
	if ref := b.sessionRef(tx); digest(ref) == s.ID {
		return ref + secret
	}
	if br.sessionID() == s.ID {
		return br.session[:tokenLength] + secret
	}
	return ""
}

// session returns the live session of a browser, or nil. It is dead when the ledger says so, whatever the store says.
func (b *Broker) session(ctx context.Context, br *Browser) (*Session, error) {
	if br.session == "" {
		return nil, nil
	}
	s, err := b.sessionByID(ctx, br.sessionID())
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(digest(br.session[tokenLength:])), []byte(s.Secret)) != 1 {
		return nil, nil // a copy of the cookie from before the last authentication
	}
	return s, nil
}

// remembered returns what the store knows of a session, whether it still lives or not, or ErrNotFound.
func (b *Broker) remembered(ctx context.Context, id string) (*Session, error) {
	var s Session
	version, err := b.load(ctx, sessionKey(id), &s)
	if err != nil {
		return nil, err
	}
	s.version = version
	return &s, nil
}

// sessionByID returns a live session or ErrNotFound.
func (b *Broker) sessionByID(ctx context.Context, id string) (*Session, error) {
	s, err := b.remembered(ctx, id)
	if err != nil {
		return nil, err
	}
	standing, err := b.ledger.Standing(ctx, s.Identity.Person, s.ID)
	if err != nil {
		return nil, err
	}
	if standing.Ended || standing.Epoch != s.Epoch || !b.now().Before(s.ends(b.lifetimes)) {
		return nil, ErrNotFound
	}
	return s, nil
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
