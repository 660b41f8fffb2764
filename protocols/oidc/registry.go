package oidc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tillid/tillid/broker"
)

// Registry holds clients in memory. It is both Clients and broker.RelyingParties, so that the adapter and the broker see
// one registration. The zero value holds none.
type Registry struct {
	mu      sync.RWMutex
	clients map[string]Client
}

// NewRegistry returns a registry of the clients, or all that is wrong with them.
func NewRegistry(clients ...Client) (*Registry, error) {
	r := new(Registry)
	if err := r.Add(clients...); err != nil {
		return nil, err
	}
	return r, nil
}

// Add registers clients, all or none, replacing those with the same IDs. Of their secrets it keeps digests.
func (r *Registry) Add(clients ...Client) error {
	if err := validateAll(clients); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil {
		r.clients = make(map[string]Client)
	}
	for _, c := range clients {
		if c.Secret != "" {
			c.Secret, c.SecretDigest = "", c.Secret.Digest()
		}
		r.clients[c.ID] = c
	}
	return nil
}

// Client returns a client, disabled or not, or an error that wraps broker.ErrNotFound.
func (r *Registry) Client(_ context.Context, id string) (Client, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, ok := r.clients[id]
	if !ok {
		return Client{}, fmt.Errorf("oidc: client %.40q: %w", id, broker.ErrNotFound)
	}
	return c, nil
}

// RelyingParty returns a client as the broker knows it. Every other protocol is unknown here.
func (r *Registry) RelyingParty(ctx context.Context, protocol, id string) (broker.RelyingParty, error) {
	if protocol != Protocol {
		return broker.RelyingParty{}, broker.ErrNotFound
	}
	c, err := r.Client(ctx, id)
	if err != nil {
		return broker.RelyingParty{}, err
	}
	return c.RelyingParty(), nil
}

// List returns the registered clients in no order, without secrets.
func (r *Registry) List() []Client {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]Client, 0, len(r.clients))
	for _, c := range r.clients {
		out = append(out, c)
	}
	return out
}

// validateAll reports what is wrong with every client, and IDs that are there twice.
func validateAll(clients []Client) error {
	var faults []error
	seen := make(map[string]bool, len(clients))
	for _, c := range clients {
		if err := c.Validate(); err != nil {
			faults = append(faults, err)
		}
		if seen[c.ID] {
			faults = append(faults, fmt.Errorf("client %.40q is there twice", c.ID))
		}
		seen[c.ID] = true
	}
	return errors.Join(faults...)
}
