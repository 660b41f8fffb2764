package ledger

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
)

var (
	start  = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	signer = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	secret = bytes.Repeat([]byte{9}, minSecret)
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench is a ledger on a database, with a clock that stands still until it is set.
type bench struct {
	*Ledger
	db    *sqldb.DB
	audit *audit.Log
	mu    sync.Mutex
	now   time.Time
}

func (b *bench) time() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) set(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = now
}

func newBench(t testing.TB, url string) *bench {
	t.Helper()
	return benchOn(t, sqltest.Open(t, url))
}

func benchOn(t testing.TB, db *sqldb.DB, secrets ...[]byte) *bench {
	t.Helper()
	b := &bench{db: db, now: start}
	must(t, db.Migrate(t.Context(), audit.Component, audit.Migrations()))
	must(t, db.Migrate(t.Context(), Component, Migrations()))
	var err error
	b.audit, err = audit.Open(t.Context(), audit.Config{DB: db, Signer: signer, Now: b.time, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(t, err)
	t.Cleanup(func() { _ = b.audit.Close(context.Background()) })
	if len(secrets) == 0 {
		secrets = [][]byte{secret}
	}
	b.Ledger, err = New(t.Context(), Config{DB: db, Audit: b.audit, Secrets: secrets, Now: b.time})
	must(t, err)
	return b
}

// lines returns what the audit log holds, openings left out, after checking that it verifies.
func (b *bench) lines(t testing.TB) []broker.Line {
	t.Helper()
	_, err := audit.Verify(t.Context(), b.db, audit.Check{Keys: []crypto.PublicKey{signer.Public()}})
	must(t, err)
	var out bytes.Buffer
	must(t, audit.Export(t.Context(), b.db, &out))
	return linesOf(t, out.Bytes())
}

func linesOf(t testing.TB, export []byte) []broker.Line {
	t.Helper()
	var lines []broker.Line
	for raw := range bytes.Lines(export) {
		var r struct{ Entry *audit.Entry }
		must(t, json.Unmarshal(raw, &r))
		if r.Entry == nil || r.Entry.Seq == 1 {
			continue
		}
		var line broker.Line
		must(t, json.Unmarshal(r.Entry.Line, &line))
		lines = append(lines, line)
	}
	return lines
}

// count is how many lines have an event and an outcome.
func (b *bench) count(t testing.TB, event, outcome string) int {
	n := 0
	for _, l := range b.lines(t) {
		if l.Event == event && l.Outcome == outcome {
			n++
		}
	}
	return n
}

func line(event string) broker.Line { return broker.Line{Event: event} }

func grant(id string) broker.Grant {
	return broker.Grant{
		ID: id, Party: "demo", Person: "person-1", Session: "session-1", Subject: "subject-1",
		Levels: assurance.Levels{IAL: assurance.High, AAL: assurance.Substantial, FAL: assurance.Substantial},
		AMR:    []string{"app", "pin"}, AuthTime: start.Add(-time.Minute), Created: start, Expires: start.Add(time.Hour),
		Data: []byte("openid ssn"),
	}
}

// race runs f n times at once.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = f(i)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

func count(errs []error, target error) int {
	n := 0
	for _, err := range errs {
		if errors.Is(err, target) {
			n++
		}
	}
	return n
}

// What the database holds must not serve whoever reads a copy of it, nor let values change places.
func TestDatabaseHoldsNoSecrets(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	ctx := t.Context()
	g := grant("grant-id-that-is-secret")
	g.Session = "session-id-that-is-secret"
	g.Data = []byte("data-that-is-secret")
	must(t, b.OpenGrant(ctx, g, line("issued")))
	must(t, b.OpenGrant(ctx, grant("other"), line("issued")))
	must(t, b.EndSession(ctx, "ended-session-that-is-secret", start, line("x")))
	must(t, b.RevokeToken(ctx, "token-that-is-secret", start, line("x")))
	must(t, b.PutParty(ctx, "oidc", "p", []byte("registration-that-is-secret"), line("x")))
	for _, table := range []string{"ledger_grants", "ledger_ended_sessions", "ledger_revoked_tokens", "ledger_parties"} {
		var n int
		must(t, b.db.QueryRow(ctx, `SELECT COUNT(*) FROM `+table).Scan(&n))
		if n == 0 {
			t.Errorf("%s is empty", table)
		}
	}
	var dump []byte
	must(t, b.db.QueryRow(ctx, `SELECT CAST(GROUP_CONCAT(id || COALESCE(session, '') || sealed || person, '') AS BLOB) FROM ledger_grants`).Scan(&dump))
	if strings.Contains(string(dump), "that-is-secret") || !strings.Contains(string(dump), "person-1") {
		t.Errorf("%q", dump)
	}
	must(t, b.db.QueryRow(ctx, `SELECT (SELECT session FROM ledger_ended_sessions) || (SELECT token FROM ledger_revoked_tokens) || (SELECT sealed FROM ledger_parties)`).Scan(&dump))
	if strings.Contains(string(dump), "that-is-secret") {
		t.Errorf("%q", dump)
	}
	must(t, b.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE ledger_grants SET sealed = (SELECT sealed FROM ledger_grants WHERE id = ?)`, digest("grant", "other"))
		return err
	}))
	if g, err := b.Grant(ctx, "grant-id-that-is-secret"); err == nil {
		t.Errorf("a grant passes as another: %+v", g)
	}
}

func TestSecretsAreRotated(t *testing.T) {
	ctx := t.Context()
	b := newBench(t, sqltest.Memory)
	must(t, b.OpenGrant(ctx, grant("old"), line("issued")))
	fresh := bytes.Repeat([]byte{10}, minSecret)
	both := benchOn(t, b.db, fresh, secret)
	if _, err := both.Grant(ctx, "old"); err != nil {
		t.Error(err)
	}
	must(t, both.OpenGrant(ctx, grant("new"), line("issued")))
	if _, err := b.Grant(ctx, "new"); err == nil {
		t.Error("the older secret still seals")
	}
	only := benchOn(t, b.db, fresh)
	if _, err := only.Grant(ctx, "old"); err == nil || errors.Is(err, broker.ErrNotFound) {
		t.Errorf("a grant sealed with a secret that is gone: %v", err)
	}
}

func TestExpiredRowsAreSwept(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		rows := func() (n int) {
			must(t, b.db.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM ledger_grants) + (SELECT COUNT(*) FROM ledger_ended_sessions)
				+ (SELECT COUNT(*) FROM ledger_revoked_tokens)`).Scan(&n))
			return n
		}
		const old = 3*sweepBatch + 5
		for i := range old {
			must(t, b.OpenGrant(ctx, grant(fmt.Sprint("g", i)), line("issued")))
		}
		must(t, b.EndSession(ctx, "s", start.Add(time.Hour), line("x")))
		must(t, b.RevokeToken(ctx, "t", start.Add(time.Hour), line("x")))
		b.set(start.Add(2 * time.Hour))
		must(t, b.EndEpoch(ctx, "p", line("x")))
		if n := rows(); n != old {
			t.Errorf("%d rows; grants stay for a day", n)
		}
		if err := b.OpenGrant(ctx, grant("g0"), line("issued")); !errors.Is(err, broker.ErrExists) {
			t.Errorf("an expired grant does not keep its ID: %v", err)
		}
		b.set(start.Add(48 * time.Hour))
		for range 4 {
			must(t, b.EndEpoch(ctx, "p", line("x")))
		}
		if n := rows(); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}

func TestConfigReportsEveryWrongField(t *testing.T) {
	_, err := New(t.Context(), Config{Secrets: [][]byte{secret, make([]byte, 31)}})
	for _, want := range []string{"Config.DB", "Config.Audit", "Config.Secrets[1]"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	b := newBench(t, sqltest.Memory)
	if _, err := New(t.Context(), Config{DB: sqltest.Open(t, sqltest.Memory), Audit: b.audit, Secrets: [][]byte{secret}}); err == nil || !strings.Contains(err.Error(), "migration") {
		t.Errorf("a database that was not migrated: %v", err)
	}
}

func TestDatabaseThatIsGone(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: sqltest.Memory})
	must(t, err)
	b := benchOn(t, db)
	must(t, b.OpenGrant(t.Context(), grant("g"), line("issued")))
	must(t, db.Close())
	ctx := t.Context()
	_, subject := b.Subject(ctx, "s", "p")
	_, standing := b.Standing(ctx, "p", "s")
	_, read := b.Grant(ctx, "g")
	_, rotated := b.Rotate(ctx, "g", 0, start, 0, line("x"))
	_, revoked := b.TokenRevoked(ctx, "t")
	_, consent := b.Consent(ctx, "p", "demo")
	_, parties := b.Parties(ctx, "oidc")
	for name, err := range map[string]error{
		"Record": b.Record(ctx, line("x")), "Rotate": rotated, "OpenGrant": b.OpenGrant(ctx, grant("h"), line("x")),
		"RevokeGrant": b.RevokeGrant(ctx, "g", line("x")), "RevokeToken": b.RevokeToken(ctx, "t", start, line("x")),
		"EndSession": b.EndSession(ctx, "s", start, line("x")), "EndEpoch": b.EndEpoch(ctx, "p", line("x")),
		"SetConsent": b.SetConsent(ctx, "p", "demo", broker.Consent{}, line("x")),
	} {
		if broker.CodeOf(err) != broker.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"Subject": subject, "Standing": standing, "Grant": read, "TokenRevoked": revoked, "Consent": consent, "Parties": parties,
	} {
		if err == nil || errors.Is(err, broker.ErrNotFound) {
			t.Errorf("%s passes for an answer: %v", name, err)
		}
	}
}

func TestNotedLinesGoWithTheNextChange(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	ctx := t.Context()
	must(t, b.Note(ctx, line("asked"), line("decided")))
	must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
	var events []string
	for _, l := range b.lines(t) {
		events = append(events, l.Event)
	}
	if want := []string{"asked", "decided", "issued"}; !slices.Equal(events, want) {
		t.Errorf("%q", events)
	}
}
