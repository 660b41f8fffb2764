package eid

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
)

// memory is a registry that keeps the promises of Registry, but for durability, and notes what it was asked.
type memory struct {
	mu       sync.Mutex
	users    map[string]authn.PersonID
	people   map[authn.PersonID]authn.Person
	held     map[string]authn.Authenticator
	attempts map[string]authn.Attempts
	calls    []string
	fail     error // what every method answers, if not nil
}

func (m *memory) enter(call string) (func(), error) {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	return m.mu.Unlock, m.fail
}

func (m *memory) PersonByUserID(_ context.Context, scheme, userID string) (authn.Person, []authn.Authenticator, error) {
	done, err := m.enter("query")
	defer done()
	id, ok := m.users[scheme+"/"+userID]
	if err != nil || !ok {
		return authn.Person{}, nil, or(err, authn.ErrNotFound)
	}
	m.calls = append(m.calls, "query") // the second of at most two
	return m.people[id], m.of(id), nil
}

func (m *memory) of(id authn.PersonID) []authn.Authenticator {
	var out []authn.Authenticator
	for _, a := range m.held {
		if a.Person == id {
			out = append(out, a)
		}
	}
	return out
}

func (m *memory) Person(_ context.Context, id authn.PersonID) (authn.Person, error) {
	done, err := m.enter("query")
	defer done()
	p, ok := m.people[id]
	if err != nil || !ok {
		return authn.Person{}, or(err, authn.ErrNotFound)
	}
	return p, nil
}

func (m *memory) Authenticators(_ context.Context, id authn.PersonID) ([]authn.Authenticator, error) {
	done, err := m.enter("query")
	defer done()
	return m.of(id), err
}

func (m *memory) Authenticator(_ context.Context, id string) (authn.Authenticator, error) {
	done, err := m.enter("query")
	defer done()
	a, ok := m.held[id]
	if err != nil || !ok {
		return authn.Authenticator{}, or(err, authn.ErrNotFound)
	}
	return a, nil
}

func (m *memory) Reserve(_ context.Context, id string, lane authn.Lane, limits authn.Limits, now time.Time) (authn.Attempts, error) {
	done, err := m.enter("reserve")
	defer done()
	if err != nil {
		return authn.Attempts{}, err
	}
	key := id + "/" + string(lane)
	a, err := limits.Reserve(m.attempts[key], lane, now)
	m.attempts[key] = a
	return a, err
}

func (m *memory) Succeed(_ context.Context, id string, lane authn.Lane, counter uint64, _ time.Time) error {
	done, err := m.enter("succeed")
	defer done()
	if err != nil {
		return err
	}
	a, ok := m.held[id]
	switch {
	case !ok:
		return authn.ErrNotFound
	case a.State != authn.Active:
		return authn.ErrBlocked
	}
	if counter != 0 && counter <= a.Counter {
		return authn.ErrReplayed
	}
	a.Counter = max(a.Counter, counter)
	m.held[id] = a
	m.attempts[id+"/"+string(lane)] = authn.Limits{}.Success(m.attempts[id+"/"+string(lane)])
	return nil
}

func or(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// set changes a person.
func (m *memory) set(id authn.PersonID, change func(*authn.Person)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.people[id]
	change(&p)
	m.people[id] = p
}

// took returns the calls since it was last asked.
func (m *memory) took() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.calls
	m.calls = nil
	return c
}

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// seeded is a registry with the people of the dev profile, who are returned as well.
func seeded(t testing.TB) (*memory, map[string]simulator.Holder) {
	t.Helper()
	all, err := simulator.People(now)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{users: map[string]authn.PersonID{}, people: map[authn.PersonID]authn.Person{},
		held: map[string]authn.Authenticator{}, attempts: map[string]authn.Attempts{}}
	by := map[string]simulator.Holder{}
	for _, h := range all {
		by[h.UserID] = h
		m.users[h.Scheme+"/"+h.UserID] = h.Person.ID
		m.people[h.Person.ID] = h.Person
		for _, a := range h.Authenticators {
			m.held[a.ID] = a
		}
		for _, f := range h.Failed {
			if _, err := m.Reserve(t.Context(), f.Authenticator, "", authn.Limits{}, f.At); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.took()
	return m, by
}
