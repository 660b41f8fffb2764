package eid

import (
	"bytes"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// durable is the registry in SQL, with the people of the dev profile.
func durable(t *testing.T) (*registry.Registry, map[string]simulator.Holder) {
	t.Helper()
	ctx := t.Context()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(ctx, registry.Component, registry.Migrations()); err != nil {
		t.Fatal(err)
	}
	r, err := registry.New(registry.Config{DB: db, Secrets: [][]byte{bytes.Repeat([]byte("r"), 32)}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := simulator.People(now)
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]simulator.Holder{}
	for _, h := range all {
		people[h.UserID] = h
		if _, err := r.AddPerson(ctx, h.Person); err != nil {
			t.Fatal(err)
		}
		if err := r.AddUserID(ctx, h.Scheme, h.UserID, h.Person.ID); err != nil {
			t.Fatal(err)
		}
		for _, a := range h.Authenticators {
			if _, err := r.AddAuthenticator(ctx, a); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range h.Failed {
			if _, err := r.Reserve(ctx, f.Authenticator, "", authn.Limits{}, f.At); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r, people
}

// The registry in SQL keeps the promises that the connector rests on.
func TestWithTheDurableRegistry(t *testing.T) {
	r, people := durable(t)
	w := open(t, func(c *Config) { c.Registry = r })
	ask := func(user string) broker.Ask { return broker.Ask{Want: loa(assurance.Substantial), Hint: user} }

	anna := people["anna"]
	d := w.start(t, ask("anna")).send(t, "use", "code_display")
	d.send(t, "code", anna.CodeDisplay.Code(now)).send(t, "password", simulator.Password).expect(t, "Substantial by code display + password")
	d = w.start(t, ask("anna")).send(t, "use", "code_display")
	d.send(t, "code", anna.CodeDisplay.Code(now)).expect(t, "code:code_display!otp.reused or app")

	d = w.start(t, ask("anna"))
	if err := d.approve(t, anna, authn.UnlockBiometrics); err != nil {
		t.Fatal(err)
	}
	d.send(t).expect(t, "Substantial by app + PIN or biometrics")

	d = w.start(t, ask("locked")).send(t, "code", people["locked"].CodeDisplay.Code(now)).expect(t, "code:code_display!auth.paused")
	if until := d.turn.(broker.Prompt).Args["until"]; until != "2026-11-22T13:00:00Z" {
		t.Errorf("locked until %s", until)
	}

	jens := people["jens"].CodeDisplay.Code(now)
	if won := parallel(func(int) bool {
		p, ok := w.start(t, ask("jens")).send(t, "code", jens).turn.(broker.Prompt)
		return ok && p.Name == "password"
	}); won != 1 {
		t.Errorf("one code had %d winners", won)
	}

	// An invented authenticator gets its pauses as a real one does.
	var nobody string
	for _, id := range []string{"stranger a", "stranger b", "stranger c", "stranger d", "stranger e", "stranger f", "stranger g", "stranger h"} {
		if w.start(t, ask(id)).shows() == "code:code_display" {
			nobody = id
		}
	}
	if nobody == "" {
		t.Fatal("no stranger seems to hold a code display")
	}
	for i, want := range []string{"otp.wrong", "otp.wrong", "otp.wrong", "auth.paused"} {
		d := w.start(t, ask(nobody)).send(t, "code", "000000")
		if got := d.turn.(broker.Prompt).Problem; d.err != nil || got != want {
			t.Errorf("attempt %d on nobody: %q, %v", i+1, got, d.err)
		}
	}

	if err := r.SetPersonState(t.Context(), anna.Person.ID, authn.PersonBlocked); err != nil {
		t.Fatal(err)
	}
	d = w.start(t, ask("anna"))
	if err := d.approve(t, anna, authn.UnlockPIN); err != nil {
		t.Fatal(err)
	}
	d.send(t).expect(t, "refused")
}
