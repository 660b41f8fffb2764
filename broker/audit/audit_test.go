package audit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
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

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

// clock moves on by a millisecond each time it is read.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is one database with what a log on it needs.
type bench struct {
	t      testing.TB
	db     *sqldb.DB
	clock  *clock
	signer crypto.Signer
}

func newBench(t testing.TB, url string) *bench {
	t.Helper()
	db := sqltest.Open(t, url)
	if err := db.Migrate(t.Context(), Component, Migrations()); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, db: db, clock: &clock{now: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}, signer: key}
}

// config leaves the background at rest, so that a test decides when something is flushed or signed.
func (b *bench) config() Config {
	return Config{
		DB: b.db, Signer: b.signer, Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		FlushAfter: time.Hour, CheckpointEvery: time.Hour,
	}
}

func (b *bench) open() *Log { return b.openWith(b.config()) }

func (b *bench) openWith(c Config) *Log {
	b.t.Helper()
	l, err := Open(b.t.Context(), c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = l.Close(context.Background()) })
	return l
}

func (b *bench) check(anchors ...Checkpoint) Check {
	return Check{Keys: []crypto.PublicKey{b.signer.Public()}, Anchors: anchors}
}

func (b *bench) verify(anchors ...Checkpoint) Report {
	b.t.Helper()
	r, err := Verify(b.t.Context(), b.db, b.check(anchors...))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) export() []byte {
	b.t.Helper()
	var out bytes.Buffer
	if err := Export(b.t.Context(), b.db, &out); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

// outcomes returns what the lines on record say, in order, openings left out.
func (b *bench) outcomes() []string {
	b.t.Helper()
	var out []string
	for _, raw := range bytes.Split(bytes.TrimSpace(b.export()), []byte("\n")) {
		r, err := parse(raw)
		if err != nil {
			b.t.Fatal(err)
		}
		if r.Entry == nil || r.Entry.Seq == 1 || r.Entry.Erasure != "" {
			continue
		}
		var line broker.Line
		if err := json.Unmarshal(r.Entry.Line, &line); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, line.Outcome)
	}
	return out
}

func said(outcome string) broker.Line { return broker.Line{Event: "decided", Outcome: outcome} }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecordedLinesVerify(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		for run := range 3 {
			l := b.open()
			for i := range 20 {
				must(t, l.Record(t.Context(), said(fmt.Sprint(run, i)), broker.Line{Event: "issued", Party: "demo", Detail: map[string]string{"b": "<2>", "a": "1"}}))
			}
			must(t, l.Close(t.Context()))
		}
		r := b.verify()
		if r.Chains != 3 || r.Lines != 3*41 || r.Checkpoints != 3 || r.Unsigned != 0 || len(r.Anchors) != 1 || !r.Anchors[0].Final {
			t.Errorf("%+v", r)
		}
		x, err := VerifyExport(t.Context(), bytes.NewReader(b.export()), b.check(r.Anchors...))
		must(t, err)
		if x.Lines != r.Lines || x.Checkpoints != r.Checkpoints || x.Anchors[0].Hash != r.Anchors[0].Hash {
			t.Errorf("export: %+v, database: %+v", x, r)
		}
	})
}

func TestEveryKeyTypeSigns(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	b := newBench(t, sqltest.Memory)
	b.signer = ed
	l := b.open()
	must(t, l.Record(t.Context(), said("yes")))
	must(t, l.Close(t.Context()))
	if r := b.verify(); r.Checkpoints != 1 {
		t.Errorf("%+v", r)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	var f *Fault
	if _, err := Verify(t.Context(), b.db, Check{Keys: []crypto.PublicKey{other.Public()}}); !errors.As(err, &f) || f.Writer != l.Writer() {
		t.Errorf("a checkpoint by a key that is not trusted: %v", err)
	}
	if _, err := Verify(t.Context(), b.db, Check{}); err == nil || errors.As(err, &f) && f.Seq != 2 {
		t.Errorf("no key at all: %v", err)
	}
}

func TestConfigReportsEveryWrongField(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	_, err = Open(t.Context(), Config{Signer: weak, Notes: -1})
	for _, want := range []string{"Config.DB", "Config.Signer", "Config.Notes"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	b := newBench(t, sqltest.Memory)
	if _, err := Open(t.Context(), Config{DB: sqltest.Open(t, sqltest.Memory), Signer: b.signer}); err == nil || !strings.Contains(err.Error(), "migration") {
		t.Errorf("a database that was not migrated: %v", err)
	}
}

func TestLinesThatAreNotTaken(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	l := b.open()
	for name, line := range map[string]broker.Line{
		"no event":   {Outcome: "x"},
		"an opening": {Event: EventOpened},
		"an erasure": {Event: EventErased},
		"too long":   {Event: "e", Outcome: strings.Repeat("x", maxPayload)},
		"no time":    {Event: "e", Time: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if err := l.Record(t.Context(), said("good"), line); err == nil {
			t.Errorf("%s: recorded", name)
		}
		if err := l.Note(said("good"), line); err == nil {
			t.Errorf("%s: noted", name)
		}
	}
	must(t, l.Close(t.Context()))
	if r := b.verify(); r.Lines != 1 {
		t.Errorf("something was written: %+v", r)
	}
}

func TestNotedLinesGoBeforeTheNextOne(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		l := b.open()
		must(t, l.Note(said("1"), said("2")))
		must(t, l.Note(said("3")))
		if got := b.outcomes(); len(got) != 0 {
			t.Errorf("written without a commit: %q", got)
		}
		must(t, l.Record(t.Context(), said("4")))
		must(t, l.Note(said("5")))
		must(t, l.Close(t.Context()))
		if got, want := b.outcomes(), []string{"1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		b.verify()
	})
}

func TestUnitThatIsUndoneGivesNotedLinesBack(t *testing.T) {
	refused := errors.New("refused")
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		l := b.open()
		must(t, l.Note(said("1"), said("2")))
		for range 3 {
			err := b.db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				must(t, l.Append(ctx, tx, said("never")))
				must(t, l.Note(said("while")))
				return refused
			})
			if !errors.Is(err, refused) {
				t.Fatal(err)
			}
		}
		must(t, l.Record(t.Context(), said("last")))
		if got, want := b.outcomes(), []string{"1", "2", "while", "while", "while", "last"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		b.verify()
	})
}

// In one commit good and bad units alternate, so that the chain is wound back in the midst of it.
func TestUnitsOfOneCommitThatAreUndone(t *testing.T) {
	refused := errors.New("refused")
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		l := b.open()
		var want sync.Map
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 4 {
					name := fmt.Sprint(i, "/", j)
					if j == 0 {
						if err := l.Note(said(name)); err != nil {
							t.Error(err)
						}
						want.Store(name, true)
						continue
					}
					err := b.db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
						if err := l.Append(ctx, tx, said(name), said(name+"+")); err != nil {
							return err
						}
						if (i+j)%3 == 0 {
							return refused
						}
						return nil
					})
					switch {
					case err == nil:
						want.Store(name, true)
						want.Store(name+"+", true)
					case !errors.Is(err, refused):
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		must(t, l.Close(t.Context()))
		got := b.outcomes()
		seen := map[string]bool{}
		for _, o := range got {
			if _, ok := want.Load(o); !ok || seen[o] {
				t.Errorf("%q is on record twice or should not be", o)
			}
			seen[o] = true
		}
		want.Range(func(k, _ any) bool {
			if !seen[k.(string)] {
				t.Errorf("%q is not on record", k)
			}
			return true
		})
		b.verify()
	})
}

// A commit can succeed while its answer is lost. The log then believes in an older end of the chain than there is.
func TestCommitWhoseOutcomeIsUnknown(t *testing.T) {
	for name, want := range map[string][]string{"happened": {"1", "2", "3", "4", "5"}, "did not happen": {"1", "2", "4", "5"}} {
		t.Run(name, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, url string) {
				b := newBench(t, url)
				l := b.open()
				must(t, l.Note(said("1"), said("2")))
				l.mu.Lock()
				seq, hash, notes := l.seq, l.hash, slices.Clone(l.notes)
				l.mu.Unlock()
				if name == "happened" {
					must(t, l.Record(t.Context(), said("3")))
				}
				l.mu.Lock() // what the function for OnRollback does
				for i := range notes {
					notes[i].seq = seq + uint64(i) + 1
				}
				l.seq, l.hash, l.unsure, l.notes = seq, hash, true, notes
				l.mu.Unlock()
				must(t, l.Note(said("4")))
				must(t, l.Record(t.Context(), said("5")))
				if got := b.outcomes(); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				must(t, l.Close(t.Context()))
				b.verify()
			})
		})
	}
}

func TestQueueOfNotedLinesIsBounded(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	c := b.config()
	c.Notes = 3
	l := b.openWith(c)
	must(t, l.Note(said("1")))
	if err := l.Note(said("2"), said("3"), said("4")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("more than fits: %v", err)
	}
	must(t, l.Record(t.Context()))
	must(t, l.Note(said("2"), said("3"), said("4")))
	must(t, l.Close(t.Context()))
	if got, want := b.outcomes(), []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClosedLogTakesNothing(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	l := b.open()
	must(t, l.Close(t.Context()))
	must(t, l.Close(t.Context()))
	if err := l.Record(t.Context(), said("x")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Record: %v", err)
	}
	if err := l.Note(said("x")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Note: %v", err)
	}
	if _, err := l.Erase(t.Context(), b.clock.Now()); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Erase: %v", err)
	}
}
