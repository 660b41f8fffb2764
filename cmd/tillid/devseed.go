//go:build !nodev

package main

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/authn/sqldb"
)

// The marks that seeding leaves in the database: one before the first person, one after the last. A server that is killed
// in between goes on where it was when it is started again.
const (
	seedBegun = "seeding"
	seedDone  = "seeded"
)

// seed writes the seeded people into a registry that holds nobody, or that an earlier start did not finish. They are
// written side by side, so that they share commits.
func seed(ctx context.Context, db *sqldb.DB, to *registry.Registry, people []simulator.Holder, limits authn.Limits) error {
	begun, err := isKept(ctx, db, seedBegun)
	if err != nil {
		return err
	}
	if begun {
		if done, err := isKept(ctx, db, seedDone); err != nil || done {
			return err
		}
	} else {
		if empty, err := to.Empty(ctx); err != nil || !empty {
			return err // other people's registry stays as it is
		}
		if err := mark(ctx, db, seedBegun); err != nil {
			return err
		}
	}
	group, adding := errgroup.WithContext(ctx)
	for _, h := range people {
		group.Go(func() error { return seedOne(adding, to, h, limits) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return mark(ctx, db, seedDone)
}

// seedOne writes one person. What is there already was written by a start that did not finish.
func seedOne(ctx context.Context, to *registry.Registry, h simulator.Holder, limits authn.Limits) error {
	if _, err := to.AddPerson(ctx, h.Person); err != nil && !errors.Is(err, registry.ErrTaken) {
		return err
	}
	if err := to.AddUserID(ctx, h.Scheme, h.UserID, h.Person.ID); err != nil && !errors.Is(err, registry.ErrTaken) {
		return err
	}
	group, adding := errgroup.WithContext(ctx)
	for _, a := range h.Authenticators {
		group.Go(func() error {
			_, err := to.AddAuthenticator(adding, a)
			if errors.Is(err, registry.ErrTaken) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil || len(h.Failed) == 0 {
		return err
	}
	counted, err := to.Attempts(ctx, h.Failed[0].Authenticator, "")
	if err != nil {
		return err
	}
	for _, f := range h.Failed[min(counted.Failures, len(h.Failed)):] { // in order: each counts on top of the one before
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
