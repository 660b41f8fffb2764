package registry_test

import (
	"errors"
	"testing"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/simulator"
)

// TestPeopleOfTheDevProfile registers them and finds each as they were.
func TestPeopleOfTheDevProfile(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		people, err := simulator.People(now)
		must(t, err)
		for _, h := range people {
			_, err := r.AddPerson(ctx, h.Person)
			must(t, err)
			must(t, r.AddUserID(ctx, h.Scheme, h.UserID, h.Person.ID))
			for _, a := range h.Authenticators {
				_, err := r.AddAuthenticator(ctx, a)
				must(t, err)
			}
			for _, f := range h.Failed {
				_, err := r.Reserve(ctx, f.Authenticator, "", authn.Limits{}, f.At)
				must(t, err)
			}
		}
		for _, h := range people {
			p, held, err := r.PersonByUserID(ctx, h.Scheme, h.UserID)
			if err != nil || p != h.Person || len(held) != len(h.Authenticators) {
				t.Errorf("%s: %+v, %d authenticators, %v", h.UserID, p, len(held), err)
			}
			var paused *authn.PausedError
			for _, f := range h.Failed {
				if _, err := r.Reserve(ctx, f.Authenticator, "", authn.Limits{}, now); !errors.As(err, &paused) {
					t.Errorf("%s is not paused: %v", h.UserID, err)
				}
			}
		}
	})
}
