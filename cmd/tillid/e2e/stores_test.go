package e2e

import (
	"testing"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// TestTheSameLoginOnEveryStore: a browser and a relying party cannot tell where the server keeps what it remembers.
func TestTheSameLoginOnEveryStore(t *testing.T) {
	stores := []struct {
		name  string
		args  func(t *testing.T) []string
		keeps bool // what has been issued outlives the process
	}{
		{"memory", func(*testing.T) []string { return nil }, false},
		{"sqlite", func(t *testing.T) []string { return []string{"--store", database(t)} }, true},
		{"redis", func(t *testing.T) []string { return []string{"--store", redistest.Single(t).URL()} }, false},
		{"redis and sqlite", func(t *testing.T) []string {
			return []string{"--store", redistest.Single(t).URL(), "--registry", database(t)}
		}, true},
		{"sentinel and sqlite", func(t *testing.T) []string {
			return []string{"--store", redistest.Sentinel(t).URL(), "--registry", database(t)}
		}, true},
		{"cluster and sqlite", func(t *testing.T) []string {
			return []string{"--store", redistest.Cluster(t).URL(), "--registry", database(t)}
		}, true},
		{"redis and postgres", func(t *testing.T) []string {
			return []string{"--store", redistest.Single(t).URL(), "--registry", sqltest.PostgreSQL(t)}
		}, true},
		{"memory and postgres", func(t *testing.T) []string { return []string{"--registry", sqltest.PostgreSQL(t)} }, false},
	}
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			s := start(t, settings{args: store.args(t)})
			b := newBrowser(s)
			rp := s.party(t, "demo-web", "offline_access", "profile")
			anna := &somebody{userID: "anna"}
			l, err := rp.logIn(b, anna)
			must(t, err)
			l.reached(t, substantial, substantial, substantial)
			_, err = s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "emma", app: true})
			must(t, err)
			again, err := rp.logIn(b, &somebody{})
			must(t, err)
			if again.id.SID != l.id.SID {
				t.Error("single sign-on has another session")
			}
			refreshed, err := l.refresh()
			must(t, err)
			info, err := refreshed.userinfo()
			must(t, err)
			if info["name"] != "Anna Andersen" {
				t.Errorf("userinfo: %v", info)
			}
			if !store.keeps {
				return
			}

			// A stop and a start are no reason to log in again, nor to accept a code again.
			s.terminate(t)
			must(t, s.run(t))
			afterwards, err := rp.logIn(b, &somebody{}, "prompt", "none")
			must(t, err)
			if afterwards.id.SID != l.id.SID || afterwards.id.Subject != l.id.Subject {
				t.Errorf("after a restart: %+v, before: %+v", afterwards.id, l.id)
			}
			if _, err := refreshed.refresh(); err != nil {
				t.Errorf("a refresh token after a restart: %v", err)
			}
			stranger := newBrowser(s)
			p, err := stranger.get(rp.begin().address)
			must(t, err)
			p, err = stranger.walk(p, &somebody{userID: "anna", code: anna.typed})
			must(t, err)
			if p.leaves || !p.has("problem") {
				t.Errorf("a code that was used before the restart: %v", p)
			}
		})
	}
}
