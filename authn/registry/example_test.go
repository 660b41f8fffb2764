package registry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
)

func Example() {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	if err := db.Migrate(ctx, registry.Component, registry.Migrations()); err != nil {
		fmt.Println(err)
		return
	}
	people, err := registry.New(registry.Config{DB: db, Secrets: [][]byte{[]byte("an example of 32 octets or more.")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err1 := people.AddPerson(ctx, authn.Person{State: authn.PersonActive, GivenName: "Anna", IAL: assurance.Substantial})
	err2 := people.AddUserID(ctx, "mitid", "anna", id)
	display, err3 := people.AddAuthenticator(ctx, authn.Authenticator{Person: id, Kind: authn.CodeDisplay, State: authn.Active})
	fmt.Println(errors.Join(err1, err2, err3))

	// An attempt is counted before the code is checked; a code that was right is used up with its time step.
	now := time.Unix(1_800_000_000, 0)
	_, err = people.Reserve(ctx, display, "", authn.Limits{}, now)
	fmt.Println(err)
	fmt.Println(people.Succeed(ctx, display, "", 60_000_000, now))
	fmt.Println(errors.Is(people.Succeed(ctx, display, "", 60_000_000, now), authn.ErrReplayed))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// true
}
