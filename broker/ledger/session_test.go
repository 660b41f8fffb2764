package ledger

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

func TestEndedSessionsAndEpochs(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		standing := func(person, session string, want broker.Standing) {
			t.Helper()
			if got, err := b.Standing(ctx, person, session); err != nil || got != want {
				t.Errorf("%s, %s: %+v, %v; want %+v", person, session, got, err, want)
			}
		}
		standing("never heard of", "s", broker.Standing{})
		standing("never heard of", "", broker.Standing{})
		must(t, b.EndSession(ctx, "s", start.Add(time.Hour), line("logged_out")))
		must(t, b.EndSession(ctx, "s", start.Add(time.Minute), line("logged_out")))
		standing("p", "s", broker.Standing{Ended: true})
		standing("p", "t", broker.Standing{})
		for range 3 {
			must(t, b.EndEpoch(ctx, "p", line("blocked")))
		}
		standing("p", "s", broker.Standing{Epoch: 3, Ended: true})
		standing("q", "", broker.Standing{})
		if err := count(race(32, func(int) error { return b.EndEpoch(ctx, "q", line("blocked")) }), nil); err != 32 {
			t.Errorf("%d succeeded", err)
		}
		standing("q", "", broker.Standing{Epoch: 32})
		if b.EndSession(ctx, "", start, line("x")) == nil || b.EndEpoch(ctx, "", line("x")) == nil || b.RevokeToken(ctx, "", start, line("x")) == nil {
			t.Error("nothing was ended without an error")
		}
		must(t, b.RevokeToken(ctx, "token", start.Add(time.Hour), line("revoked")))
		for token, want := range map[string]bool{"token": true, "toke": false, "": false} {
			if got, err := b.TokenRevoked(ctx, token); err != nil || got != want {
				t.Errorf("token %q: %v, %v", token, got, err)
			}
		}
	})
}

func TestSubjectIsOnePerSectorAndPerson(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		got := make([]string, 64)
		errs := race(64, func(i int) (err error) {
			got[i], err = b.Subject(ctx, "sector", "person")
			return err
		})
		if count(errs, nil) != 64 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 1 || len(got[0]) != 36 {
			t.Errorf("%q, %v", got, errs)
		}
		seen := map[string]bool{got[0]: true}
		for _, pair := range [][2]string{{"sector", "other"}, {"other", "person"}, {"sectorp", "erson"}} {
			s, err := b.Subject(ctx, pair[0], pair[1])
			if err != nil || seen[s] {
				t.Errorf("%v: %q, %v", pair, s, err)
			}
			seen[s] = true
		}
		if n := b.count(t, "subject", ""); n != 4 {
			t.Errorf("%d lines for 4 subjects", n)
		}
		if _, err := b.Subject(ctx, "", "person"); err == nil {
			t.Error("no sector")
		}
	})
}

func TestConsent(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		for _, claims := range [][]string{{"name", "ssn"}, {"name"}} {
			want := broker.Consent{Claims: claims, Given: start.Add(time.Duration(len(claims)) * time.Second)}
			must(t, b.SetConsent(ctx, "p", "demo", want, line("consented")))
			if got, err := b.Consent(ctx, "p", "demo"); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		}
		if _, err := b.Consent(ctx, "p", "other"); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("another party: %v", err)
		}
		for range 2 {
			must(t, b.SetConsent(ctx, "p", "demo", broker.Consent{}, line("withdrew")))
			if _, err := b.Consent(ctx, "p", "demo"); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("withdrawn: %v", err)
			}
		}
	})
}

func TestParties(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		must(t, b.PutParty(ctx, "oidc", "shop", []byte("old"), line("party_put")))
		must(t, b.PutParty(ctx, "oidc", "bank", []byte("bank"), line("party_put")))
		must(t, b.PutParty(ctx, "saml", "shop", nil, line("party_put")))
		b.set(start.Add(time.Hour))
		must(t, b.PutParty(ctx, "oidc", "shop", []byte("new"), line("party_put")))
		want := []Party{{"bank", []byte("bank"), start}, {"shop", []byte("new"), start.Add(time.Hour)}}
		if got, err := b.Parties(ctx, "oidc"); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		must(t, b.DropParty(ctx, "oidc", "shop", line("party_dropped")))
		if err := b.DropParty(ctx, "oidc", "shop", line("party_dropped")); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("dropped twice: %v", err)
		}
		for protocol, n := range map[string]int{"oidc": 1, "saml": 1, "none": 0} {
			if got, err := b.Parties(ctx, protocol); err != nil || len(got) != n || got == nil {
				t.Errorf("%s: %+v, %v", protocol, got, err)
			}
		}
		if b.PutParty(ctx, "", "x", nil, line("x")) == nil || b.PutParty(ctx, "oidc", "x", make([]byte, maxPartyData+1), line("x")) == nil {
			t.Error("a party that is none was taken")
		}
	})
}
