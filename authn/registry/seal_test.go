package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func apply(t *testing.T, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	must(t, db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err == nil && n == 0 {
			return errors.New("nothing changed")
		}
		return err
	}))
}

func TestFilesHoldNothingPersonal(t *testing.T) {
	dir := t.TempDir()
	r, _ := open(t, "sqlite:"+filepath.Join(dir, "tillid.db"))
	display := holding(t, r)
	must(t, r.AddUserID(t.Context(), "mitid", "known-as", display.Person))
	_, err := r.Reserve(t.Context(), display.ID, "a-lane-of-a-browser", authn.Limits{}, now)
	must(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	if len(files) < 2 {
		t.Fatalf("files %v", files)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		must(t, err)
		for _, word := range []string{"Anna", "known-as", "Åkær", "7705851234", "770585", "1985", "c5c4491a", "passport", "grey", "totp", "a-lane-of"} {
			if bytes.Contains(raw, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(f), word)
			}
		}
	}
}

// TestTampering holds that whoever can write to the database cannot make one person's record into another's.
func TestTampering(t *testing.T) {
	for name, tamper := range map[string]string{
		"data of another person":           "UPDATE registry_persons SET sealed = (SELECT sealed FROM registry_persons WHERE id = 'person-bo') WHERE id = 'person-anna'",
		"user ID led to another person":    "UPDATE registry_user_ids SET person = 'person-bo'",
		"authenticator given to another":   "UPDATE registry_authenticators SET person = 'person-bo' WHERE id = 'display'",
		"authenticator of another kind":    "UPDATE registry_authenticators SET kind = 'chip' WHERE id = 'display'",
		"verifier of another":              "UPDATE registry_authenticators SET sealed = (SELECT sealed FROM registry_authenticators WHERE id = 'app') WHERE id = 'display'",
		"user ID of another authenticator": "UPDATE registry_user_ids SET sealed = (SELECT sealed FROM registry_authenticators WHERE id = 'app')",
	} {
		t.Run(name, func(t *testing.T) {
			r, db := open(t, sqltest.Memory)
			holding(t, r)
			_, err := r.AddPerson(t.Context(), bo(t))
			must(t, err)
			_, err = r.AddAuthenticator(t.Context(), authn.Authenticator{ID: "app", Person: "person-bo", Kind: authn.App, State: authn.Active, Verifier: []byte("mine")})
			must(t, err)
			apply(t, db, tamper)
			_, _, err1 := r.PersonByUserID(t.Context(), "mitid", "anna")
			_, err2 := r.Authenticators(t.Context(), "person-bo")
			if err1 == nil && err2 == nil {
				t.Error("it went through")
			}
			if _, err := r.People(t.Context()); err == nil {
				t.Error("it is listed")
			}
		})
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	r, db := open(t, sqltest.Memory)
	holding(t, r)
	var sealed []byte
	must(t, db.QueryRow(t.Context(), "SELECT sealed FROM registry_persons").Scan(&sealed))
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1 << (i % 8)
		apply(t, db, "UPDATE registry_persons SET sealed = ?", flipped)
		if p, err := r.Person(t.Context(), "person-anna"); err == nil || !reflect.DeepEqual(p, authn.Person{}) {
			t.Fatalf("octet %d: %+v, %v", i, p, err)
		}
	}
	apply(t, db, "UPDATE registry_persons SET sealed = ?", make([]byte, 1<<20))
	if _, err := r.Person(t.Context(), "person-anna"); err == nil {
		t.Error("a huge value was read")
	}
}

func TestErrorsAndLogsMaskTheNumber(t *testing.T) {
	r, db := open(t, sqltest.Memory)
	holding(t, r)
	apply(t, db, "UPDATE registry_persons SET cpr = NULL, sealed = ?", []byte("broken"))
	_, err1 := r.PersonByCPR(t.Context(), anna(t).CPR)
	_, err2 := r.Person(t.Context(), "person-anna")
	p := anna(t)
	p.ID = ""
	p.State = ""
	_, err3 := r.AddPerson(t.Context(), p)
	text := fmt.Sprintf("%v %v %v %+v", err1, err2, err3, p)
	if err1 == nil || err2 == nil || err3 == nil || contains(text, "770585") {
		t.Errorf("errors: %s", text)
	}
}

func TestCheckTellsWrongSecrets(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) { must(t, r.Check(t.Context())) })
	r, db := open(t, sqltest.Memory)
	holding(t, r)
	if err := over(t, db, secret("other")).Check(t.Context()); err == nil {
		t.Error("wrong secrets passed")
	}
	must(t, over(t, db, secret("other"), secret("one")).Check(t.Context()))
}

func TestRotationOfSecrets(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		old, db := open(t, url, secret("one"))
		display := holding(t, old)
		for i := range 250 { // more than one commit takes
			p, err := old.AddPerson(ctx, authn.Person{State: authn.PersonActive})
			must(t, err)
			if i%100 == 0 {
				must(t, old.AddUserID(ctx, "mitid", fmt.Sprint("user", i), p))
			}
		}
		both := over(t, db, secret("two"), secret("one"))
		same := func(r *registry.Registry) {
			t.Helper()
			p, held, err := r.PersonByUserID(ctx, "mitid", "anna")
			if err != nil || !reflect.DeepEqual(p, anna(t)) || len(held) != 1 || !reflect.DeepEqual(held[0], display) {
				t.Errorf("by user ID: %+v, %+v, %v", p, held, err)
			}
			if p, err = r.PersonByCPR(ctx, anna(t).CPR); err != nil || p.ID != display.Person {
				t.Errorf("by CPR: %v, %v", p.ID, err)
			}
			wantErr(t, "user ID", r.AddUserID(ctx, "mitid", "anna", display.Person), registry.ErrTaken)
			_, err = r.AddPerson(ctx, authn.Person{State: authn.PersonActive, CPR: anna(t).CPR})
			wantErr(t, "CPR", err, registry.ErrTaken)
		}
		same(both)
		if n, err := both.Rekey(ctx); err != nil || n != 251+4+1 {
			t.Errorf("moved %d rows, want %d, %v", n, 251+4+1, err)
		}
		same(both)
		if n, err := both.Rekey(ctx); err != nil || n != 0 {
			t.Errorf("moved %d rows the second time, %v", n, err)
		}
		same(over(t, db, secret("two")))
		_, _, err := old.PersonByUserID(ctx, "mitid", "anna")
		wantErr(t, "the old secret alone", err, authn.ErrNotFound)
	})
}
