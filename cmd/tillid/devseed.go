//go:build !nodev

package main

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/simulator"
)

// seed writes the seeded people into a registry that holds nobody. They are written side by side, so that they share
// commits.
func seed(ctx context.Context, to *registry.Registry, people []simulator.Holder, limits authn.Limits) error {
	empty, err := to.Empty(ctx)
	if err != nil || !empty {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, h := range people {
		group.Go(func() error { return seedOne(ctx, to, h, limits) })
	}
	return group.Wait()
}

func seedOne(ctx context.Context, to *registry.Registry, h simulator.Holder, limits authn.Limits) error {
	if _, err := to.AddPerson(ctx, h.Person); err != nil {
		return err
	}
	if err := to.AddUserID(ctx, h.Scheme, h.UserID, h.Person.ID); err != nil {
		return err
	}
	var group errgroup.Group
	for _, a := range h.Authenticators {
		group.Go(func() error {
			_, err := to.AddAuthenticator(ctx, a)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, f := range h.Failed { // in order: each counts on top of the one before
		if _, err := to.Reserve(ctx, f.Authenticator, "", limits, f.At); err != nil {
			return err
		}
	}
	return nil
}

// resume tells the simulated phones how far their counters had come: the registry remembers, the phones were made anew.
func resume(ctx context.Context, from *registry.Registry, people []simulator.Holder) error {
	for _, h := range people {
		if h.Phone == nil {
			continue
		}
		for _, id := range h.Phone.Apps() {
			a, err := from.Authenticator(ctx, id)
			if errors.Is(err, authn.ErrNotFound) {
				continue // a registry that was filled by others
			}
			if err != nil {
				return err
			}
			h.Phone.Resume(id, a.Counter)
		}
	}
	return nil
}
