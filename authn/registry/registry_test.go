package registry_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func secret(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func open(t testing.TB, url string, secrets ...[]byte) (*registry.Registry, *sqldb.DB) {
	t.Helper()
	db := sqltest.Open(t, url)
	if err := db.Migrate(t.Context(), registry.Component, registry.Migrations()); err != nil {
		t.Fatal(err)
	}
	return over(t, db, secrets...), db
}

func over(t testing.TB, db *sqldb.DB, secrets ...[]byte) *registry.Registry {
	t.Helper()
	if secrets == nil {
		secrets = [][]byte{secret("one")}
	}
	r, err := registry.New(registry.Config{DB: db, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// onEach runs a test on a registry in every kind of database.
func onEach(t *testing.T, run func(t *testing.T, r *registry.Registry)) {
	sqltest.Each(t, func(t *testing.T, url string) {
		r, _ := open(t, url)
		run(t, r)
	})
}

func cpr(t testing.TB, digits string) authn.CPR {
	t.Helper()
	c, err := authn.ParseCPR(digits)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func anna(t testing.TB) authn.Person {
	return authn.Person{ID: "person-anna", State: authn.PersonActive, GivenName: "Anna", FamilyName: "Åkær",
		BirthDate: authn.Date{Year: 1985, Month: 5, Day: 17}, CPR: cpr(t, "770585-1234"), UUID: "c5c4491a-3d05-4945-baf3-204caf0da78e",
		IAL: assurance.Substantial, Proofing: "proofed with passport", Protected: true, Language: "da"}
}

func bo(t testing.TB) authn.Person {
	return authn.Person{ID: "person-bo", State: authn.PersonActive, GivenName: "Bo", IAL: assurance.High}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// holding adds anna, known as "anna", with an active code display.
func holding(t testing.TB, r *registry.Registry) authn.Authenticator {
	t.Helper()
	p := anna(t)
	_, err := r.AddPerson(t.Context(), p)
	must(t, err)
	must(t, r.AddUserID(t.Context(), "mitid", "anna", p.ID))
	a := authn.Authenticator{ID: "display", Person: p.ID, Kind: authn.CodeDisplay, State: authn.Active, Name: "the grey one",
		Verifier: []byte("$totp$v=1$seed"), Created: now.Add(-time.Hour)}
	_, err = r.AddAuthenticator(t.Context(), a)
	must(t, err)
	return a
}

func TestNewReportsEveryWrongField(t *testing.T) {
	for name, c := range map[string]registry.Config{
		"nothing":     {},
		"short":       {Secrets: [][]byte{secret("a"), make([]byte, 31)}},
		"given twice": {Secrets: [][]byte{secret("a"), secret("a")}},
	} {
		_, err := registry.New(c)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, field := range []string{"DB", "Secrets"} {
			if !contains(err.Error(), field) {
				t.Errorf("%s: the error does not name %s: %v", name, field, err)
			}
		}
	}
}

func TestWhatIsAddedIsFound(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		if empty, err := r.Empty(ctx); err != nil || !empty {
			t.Errorf("a new registry: empty %t, %v", empty, err)
		}
		must(t, r.Check(ctx))
		display := holding(t, r)
		if empty, err := r.Empty(ctx); err != nil || empty {
			t.Errorf("with anna: empty %t, %v", empty, err)
		}
		must(t, r.Check(ctx))
		password := authn.Authenticator{Person: display.Person, Kind: authn.Password, State: authn.Ordered, Verifier: []byte("hash"), Created: now}
		id, err := r.AddAuthenticator(ctx, password)
		must(t, err)
		password.ID = id

		held := []authn.Authenticator{display, password}
		p, got, err := r.PersonByUserID(ctx, "mitid", "anna")
		if err != nil || !reflect.DeepEqual(p, anna(t)) || !reflect.DeepEqual(got, held) {
			t.Errorf("by user ID: %+v, %+v, %v", p, got, err)
		}
		if p.CPR.Reveal("test") != "7705851234" {
			t.Error("the CPR number changed")
		}
		if p, err = r.Person(ctx, display.Person); err != nil || !reflect.DeepEqual(p, anna(t)) {
			t.Errorf("by ID: %+v, %v", p, err)
		}
		if p, err = r.PersonByCPR(ctx, anna(t).CPR); err != nil || !reflect.DeepEqual(p, anna(t)) {
			t.Errorf("by CPR: %+v, %v", p, err)
		}
		if got, err = r.Authenticators(ctx, display.Person); err != nil || !reflect.DeepEqual(got, held) {
			t.Errorf("authenticators: %+v, %v", got, err)
		}
		if a, err := r.Authenticator(ctx, id); err != nil || !reflect.DeepEqual(a, password) {
			t.Errorf("authenticator: %+v, %v", a, err)
		}

		generated, err := r.AddPerson(ctx, authn.Person{State: authn.PersonActive})
		if err != nil || len(generated) != 36 {
			t.Errorf("a person without an ID got %q, %v", generated, err)
		}
		must(t, r.AddUserID(ctx, "nemid", "anna", display.Person))
		all, err := r.People(ctx)
		must(t, err)
		if len(all) != 2 {
			t.Fatalf("%d people, want 2", len(all))
		}
		i := slices.IndexFunc(all, func(r registry.Record) bool { return r.Person.ID == display.Person })
		want := registry.Record{Person: anna(t), UserIDs: []registry.UserID{{Scheme: "mitid", UserID: "anna"}, {Scheme: "nemid", UserID: "anna"}}, Authenticators: held}
		if !reflect.DeepEqual(all[i], want) {
			t.Errorf("listed as %+v, want %+v", all[i], want)
		}
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		holding(t, r)
		_, err := r.AddPerson(ctx, bo(t)) // without a CPR number
		must(t, err)
		_, _, err = r.PersonByUserID(ctx, "mitid", "ann")
		wantErr(t, "user ID", err, authn.ErrNotFound)
		_, _, err = r.PersonByUserID(ctx, "nemid", "anna")
		wantErr(t, "user ID of another scheme", err, authn.ErrNotFound)
		_, _, err = r.PersonByUserID(ctx, "mitida", "nna")
		wantErr(t, "user ID cut elsewhere", err, authn.ErrNotFound)
		_, err = r.Person(ctx, "nobody")
		wantErr(t, "person", err, authn.ErrNotFound)
		_, err = r.PersonByCPR(ctx, cpr(t, "7705851235"))
		wantErr(t, "CPR", err, authn.ErrNotFound)
		_, err = r.PersonByCPR(ctx, authn.CPR{})
		wantErr(t, "zero CPR", err, authn.ErrNotFound)
		_, err = r.Authenticator(ctx, "nothing")
		wantErr(t, "authenticator", err, authn.ErrNotFound)
		if held, err := r.Authenticators(ctx, "nobody"); err != nil || len(held) != 0 {
			t.Errorf("nobody holds %v, %v", held, err)
		}
		wantErr(t, "set person", r.SetPerson(ctx, authn.Person{ID: "nobody", State: authn.PersonActive}), authn.ErrNotFound)
		wantErr(t, "set person's state", r.SetPersonState(ctx, "nobody", authn.PersonDead), authn.ErrNotFound)
		wantErr(t, "add user ID", r.AddUserID(ctx, "mitid", "nobody", "nobody"), authn.ErrNotFound)
		_, err = r.AddAuthenticator(ctx, authn.Authenticator{Person: "nobody", Kind: authn.App, State: authn.Active})
		wantErr(t, "add authenticator", err, authn.ErrNotFound)
		wantErr(t, "set state", r.SetState(ctx, "nothing", authn.Blocked), authn.ErrNotFound)
		wantErr(t, "succeed", r.Succeed(ctx, "nothing", "", 1, now), authn.ErrNotFound)
	})
}

func TestNobodyTakesWhatIsAnothers(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		display := holding(t, r)
		_, err := r.AddPerson(ctx, bo(t))
		must(t, err)
		_, err = r.AddPerson(ctx, anna(t))
		wantErr(t, "person's ID", err, registry.ErrTaken)
		twin := bo(t)
		twin.ID, twin.CPR = "", anna(t).CPR
		_, err = r.AddPerson(ctx, twin)
		wantErr(t, "CPR of a new person", err, registry.ErrTaken)
		twin.ID = "person-bo"
		wantErr(t, "CPR of a person", r.SetPerson(ctx, twin), registry.ErrTaken)
		wantErr(t, "user ID", r.AddUserID(ctx, "mitid", "anna", "person-bo"), registry.ErrTaken)
		wantErr(t, "own user ID", r.AddUserID(ctx, "mitid", "anna", display.Person), registry.ErrTaken)
		_, err = r.AddAuthenticator(ctx, display)
		wantErr(t, "authenticator's ID", err, registry.ErrTaken)
		if p, _, err := r.PersonByUserID(ctx, "mitid", "anna"); err != nil || p.ID != display.Person {
			t.Errorf("the user ID now leads to %s, %v", p.ID, err)
		}
	})
}

func TestSetPerson(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		holding(t, r)
		p := anna(t)
		p.State, p.FamilyName, p.CPR, p.Protected = authn.PersonBlocked, "Berg", cpr(t, "7705851236"), false
		must(t, r.SetPerson(ctx, p))
		if got, err := r.Person(ctx, p.ID); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err := r.PersonByCPR(ctx, anna(t).CPR)
		wantErr(t, "the old CPR", err, authn.ErrNotFound)
		must(t, r.SetPerson(ctx, p)) // the number is their own
		must(t, r.SetPersonState(ctx, p.ID, authn.PersonDead))
		p.State = authn.PersonDead
		if got, err := r.PersonByCPR(ctx, p.CPR); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v, %v", got, err)
		}
		for name, wrong := range map[string]func(*authn.Person){
			"no state": func(p *authn.Person) { p.State = "" },
			"level":    func(p *authn.Person) { p.IAL = assurance.High + 1 },
			"language": func(p *authn.Person) { p.Language = "de" },
			"birthday": func(p *authn.Person) { p.BirthDate = authn.Date{Year: 1985, Month: 2, Day: 30} },
			"huge":     func(p *authn.Person) { p.Proofing = string(make([]byte, 1<<20)) },
		} {
			q := p
			wrong(&q)
			if err := r.SetPerson(ctx, q); err == nil {
				t.Errorf("%s: stored", name)
			}
			q.ID = ""
			if _, err := r.AddPerson(ctx, q); err == nil {
				t.Errorf("%s: added", name)
			}
		}
		if err := r.SetPersonState(ctx, p.ID, "tired"); err == nil {
			t.Error("an unknown state was stored")
		}
	})
}

func TestLifeCycle(t *testing.T) {
	states := []authn.State{authn.Ordered, authn.Active, authn.Paused, authn.Blocked, authn.Replaced}
	legal := map[[2]authn.State]bool{
		{authn.Ordered, authn.Active}: true, {authn.Active, authn.Paused}: true, {authn.Paused, authn.Active}: true,
		{authn.Ordered, authn.Blocked}: true, {authn.Active, authn.Blocked}: true, {authn.Paused, authn.Blocked}: true,
		{authn.Ordered, authn.Replaced}: true, {authn.Active, authn.Replaced}: true, {authn.Paused, authn.Replaced}: true,
	}
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		display := holding(t, r)
		for _, from := range states {
			for _, to := range states {
				id, err := r.AddAuthenticator(ctx, authn.Authenticator{Person: display.Person, Kind: authn.App, State: from})
				must(t, err)
				err = r.SetState(ctx, id, to)
				want := to
				if !legal[[2]authn.State{from, to}] && from != to {
					want = from
					var refused *registry.TransitionError
					if !errors.As(err, &refused) || *refused != (registry.TransitionError{From: from, To: to}) {
						t.Errorf("%s to %s: %v", from, to, err)
					}
				} else if err != nil {
					t.Errorf("%s to %s: %v", from, to, err)
				}
				if a, err := r.Authenticator(ctx, id); err != nil || a.State != want {
					t.Errorf("%s to %s became %s, %v", from, to, a.State, err)
				}
				// Only what is active may succeed.
				err = r.Succeed(ctx, id, "", 1, now)
				if want == authn.Active && err != nil || want != authn.Active && !errors.Is(err, authn.ErrBlocked) {
					t.Errorf("succeeding with one that is %s: %v", want, err)
				}
			}
		}
		if err := r.SetState(ctx, display.ID, "lost"); err == nil {
			t.Error("an unknown state was stored")
		}
		if _, err := r.AddAuthenticator(ctx, authn.Authenticator{Person: display.Person}); err == nil {
			t.Error("an authenticator without kind and state was added")
		}
		if _, err := r.AddAuthenticator(ctx, authn.Authenticator{Person: display.Person, Kind: authn.App, State: authn.Active, Counter: 1 << 63}); err == nil {
			t.Error("a counter that cannot be stored was added")
		}
		if _, err := r.AddAuthenticator(ctx, authn.Authenticator{Person: display.Person, Kind: authn.App, State: authn.Active, Verifier: make([]byte, 1<<20)}); err == nil {
			t.Error("a huge verifier was added")
		}
	})
}

func TestDatabaseThatIsGoneIsUnavailable(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url})
		must(t, err)
		must(t, db.Migrate(t.Context(), registry.Component, registry.Migrations()))
		r := over(t, db)
		holding(t, r)
		must(t, db.Close())
		_, err = r.Reserve(t.Context(), "display", "", authn.Limits{}, now)
		wantErr(t, "reserve", err, sqldb.ErrUnavailable)
		wantErr(t, "succeed", r.Succeed(t.Context(), "display", "", 1, now), sqldb.ErrUnavailable)
		_, _, err = r.PersonByUserID(t.Context(), "mitid", "anna")
		wantErr(t, "person by user ID", err, sqldb.ErrUnavailable)
	})
}

func TestEndedContextChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		display := holding(t, r)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, "succeed", r.Succeed(ctx, display.ID, "", 5, now), context.Canceled)
		if a, err := r.Authenticator(t.Context(), display.ID); err != nil || a.Counter != 0 {
			t.Errorf("counter %d, %v", a.Counter, err)
		}
	})
}
