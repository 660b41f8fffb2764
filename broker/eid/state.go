package eid

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// stateVersion rises when state changes in a way that an older or newer process would misread.
const stateVersion = 1

// maxState is the greatest size in octets of a state that the broker keeps for a connector.
const maxState = 16 << 10

// state is the memory of one conversation. The broker keeps it sealed between calls.
type state struct {
	Version int            `json:"v"`
	UserID  string         `json:"user_id,omitempty"` // as typed, normalised; empty when the broker named the person
	Person  authn.PersonID `json:"person,omitempty"`
	// Unknown says that there is nobody to log in: Person and Held are invented, and nothing that is entered is right.
	Unknown bool   `json:"unknown,omitempty"`
	Held    []held `json:"held,omitempty"` // what the person can use here
	// Aim is the AAL that the plan is made for: the one wanted, or the best within reach where that is out of reach, since
	// only somebody who has proved something is told what they lack.
	Aim    assurance.Level `json:"aim,omitempty"`
	Had    []authn.Use     `json:"had,omitempty"`  // proved by the session before
	Done   []authn.Use     `json:"done,omitempty"` // proved in this conversation
	Asking authn.Kind      `json:"asking,omitempty"`
	App    *approval       `json:"app,omitempty"` // while an app is asked
}

// held is an authenticator that the person can use here.
type held struct {
	ID   string     `json:"id"`
	Kind authn.Kind `json:"kind"`
}

// approval is what an app is asked to sign, and whether it did.
type approval struct {
	Challenge authn.Challenge `json:"challenge"`
	Status    status          `json:"status"`
}

type status string

const (
	pending  status = "pending"
	approved status = "approved"
	rejected status = "rejected"
)

func (s *state) encode() ([]byte, error) {
	s.Version = stateVersion
	b, err := json.Marshal(s)
	if err == nil && len(b) > maxState {
		err = errors.New("eid: the state is too large")
	}
	if err != nil {
		return nil, broker.Because(broker.Internal, err)
	}
	return b, nil
}

func decode(b []byte) (*state, error) {
	var s state
	if len(b) > maxState {
		return nil, broker.Because(broker.Internal, errors.New("eid: the state is too large"))
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, broker.Because(broker.Internal, err)
	}
	if s.Version != stateVersion {
		return nil, broker.Fail(broker.Expired, "This login was begun with another version of the broker.")
	}
	return &s, nil
}

// uses is everything proved, earlier and now.
func (s *state) uses() []authn.Use { return append(slices.Clone(s.Had), s.Done...) }

// authenticators returns what is held in the form that the planner reads.
func (s *state) authenticators() []authn.Authenticator {
	out := make([]authn.Authenticator, len(s.Held))
	for i, h := range s.Held {
		out[i] = authn.Authenticator{ID: h.ID, Person: s.Person, Kind: h.Kind, State: authn.Active}
	}
	return out
}

// of returns the ids of the authenticators of one kind.
func (s *state) of(k authn.Kind) []string {
	var ids []string
	for _, h := range s.Held {
		if h.Kind == k {
			ids = append(ids, h.ID)
		}
	}
	return ids
}
