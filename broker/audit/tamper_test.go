package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

// history is a log with all that can be in one: three writers, one of which crashed and one of which was still running
// when the next began, several checkpoints of each, and erased lines.
func history(t testing.TB, b *bench) (crashed, overlapping, last *Log) {
	t.Helper()
	ctx := t.Context()
	lines := func(l *Log, n int) {
		for i := range n {
			must(t, l.Record(ctx, broker.Line{Event: "decided", Party: "demo", Person: "p1", Outcome: fmt.Sprint(i)}))
		}
	}
	crashed = b.open()
	lines(crashed, 5)
	must(t, crashed.checkpoint(ctx, false))
	lines(crashed, 3) // and no last checkpoint
	overlapping = b.open()
	lines(overlapping, 4)
	must(t, overlapping.checkpoint(ctx, false))
	last = b.open()
	lines(last, 3)
	lines(overlapping, 3)
	must(t, overlapping.Close(ctx))
	b.clock.add(time.Hour)
	lines(last, 2)
	if _, err := last.Erase(ctx, b.clock.Now().Add(-30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	lines(last, 2)
	must(t, last.Close(ctx))
	return crashed, overlapping, last
}

// An export is tampered with at random, 10,000 times. The checkpoint to compare with is the newest one.
func TestEveryTamperingOfAnExportIsFound(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	history(t, b)
	genuine := b.export()
	report, err := VerifyExport(t.Context(), bytes.NewReader(genuine), b.check())
	must(t, err)
	if report.Erased == 0 || report.Chains != 3 || report.Checkpoints < 4 {
		t.Fatalf("the log to tamper with is too plain: %+v", report)
	}
	check := b.check(report.Anchors...)
	lines := bytes.SplitAfter(genuine, []byte("\n"))
	lines = lines[:len(lines)-1]
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 10000
	if testing.Short() {
		rounds = 500
	}
	ways := map[string]func() []byte{
		"changed byte": func() []byte {
			out := slices.Clone(genuine)
			out[r.IntN(len(out))] ^= byte(1 + r.IntN(255))
			return out
		},
		"removed": func() []byte {
			i := r.IntN(len(lines))
			return bytes.Join(slices.Delete(slices.Clone(lines), i, i+1+r.IntN(min(3, len(lines)-i))), nil)
		},
		"swapped": func() []byte {
			out := slices.Clone(lines)
			i, j := r.IntN(len(out)), r.IntN(len(out))
			out[i], out[j] = out[j], out[i]
			return bytes.Join(out, nil)
		},
		"inserted": func() []byte {
			return bytes.Join(slices.Insert(slices.Clone(lines), r.IntN(len(lines)+1), lines[r.IntN(len(lines))]), nil)
		},
		"truncated": func() []byte { return genuine[:r.IntN(len(genuine))] },
		"cut at a line, with an end that fits": func() []byte {
			n := r.IntN(len(lines) - 1)
			out := bytes.Join(lines[:n], nil)
			var sum end
			for _, l := range lines[:n] {
				switch rec, err := parse(l[:len(l)-1]); {
				case err != nil:
					t.Fatal(err)
				case rec.Checkpoint != nil:
					sum.Checkpoints++
				case rec.Entry != nil && rec.Entry.Seq == 1:
					sum.Chains++
					fallthrough
				case rec.Entry != nil:
					sum.Lines++
				}
			}
			return fmt.Appendf(out, `{"end":{"chains":%d,"lines":%d,"checkpoints":%d}}`+"\n", sum.Chains, sum.Lines, sum.Checkpoints)
		},
	}
	names := make([]string, 0, len(ways))
	for name := range ways {
		names = append(names, name)
	}
	slices.Sort(names)
	found := map[string]int{}
	for i := range rounds {
		name := names[i%len(names)]
		forged := ways[name]()
		for bytes.Equal(forged, genuine) {
			forged = ways[name]()
		}
		var f *Fault
		if _, err := VerifyExport(t.Context(), bytes.NewReader(forged), check); !errors.As(err, &f) {
			t.Fatalf("%s: not found: %v\n%s", name, err, forged)
		}
		found[name]++
	}
	t.Logf("found: %v", found)
	if _, err := VerifyExport(t.Context(), bytes.NewReader(genuine), check); err != nil {
		t.Errorf("the genuine export: %v", err)
	}
}

func TestEveryTamperingOfTheDatabaseIsFound(t *testing.T) {
	type wrong struct {
		name, sql string
		args      []any
		chain     int // whose writer the fault names
		seq       uint64
	}
	const line = `{"time":"2026-11-01T12:00:00Z","event":"decided","outcome":"forged"}`
	forged := contents(make([]byte, saltSize), []byte(line))
	for _, w := range []wrong{
		{"content changed", `UPDATE audit_entries SET line = ? WHERE chain = 3 AND seq = 5`, []any{[]byte(line)}, 3, 5},
		{"content and digest changed", `UPDATE audit_entries SET line = ?, salt = ?, digest = ? WHERE chain = 3 AND seq = 5`,
			[]any{[]byte(line), make([]byte, saltSize), forged[:]}, 3, 5},
		{"content removed", `UPDATE audit_entries SET line = NULL, salt = NULL WHERE chain = 3 AND seq = 6`, nil, 3, 6},
		{"content removed as if erased", `UPDATE audit_entries SET line = NULL, salt = NULL, event = NULL, erasure = 'x' WHERE chain = 3 AND seq = 6`, nil, 3, 6},
		{"content removed under the name of an erasure", `UPDATE audit_entries SET line = NULL, salt = NULL, event = NULL,
			erasure = (SELECT MAX(erasure) FROM audit_entries) WHERE chain = 3 AND seq = 8`, nil, 3, 7},
		{"erasure disowned", `UPDATE audit_entries SET erasure = 'x' WHERE chain = 2 AND seq = 3`, nil, 2, 3},
		{"salt changed", `UPDATE audit_entries SET salt = ? WHERE chain = 3 AND seq = 6`, []any{make([]byte, saltSize)}, 3, 6},
		{"refiled under another event", `UPDATE audit_entries SET event = 'proofed' WHERE chain = 3 AND seq = 6`, nil, 3, 6},
		{"filed under nothing", `UPDATE audit_entries SET event = NULL WHERE chain = 3 AND seq = 6`, nil, 3, 6},
		{"time changed", `UPDATE audit_entries SET at = at + 1 WHERE chain = 1 AND seq = 2`, nil, 1, 2},
		{"hash changed", `UPDATE audit_entries SET hash = digest WHERE chain = 1 AND seq = 2`, nil, 1, 2},
		{"hash cut", `UPDATE audit_entries SET hash = ? WHERE chain = 1 AND seq = 2`, []any{[]byte("x")}, 1, 2},
		{"previous hash changed", `UPDATE audit_entries SET prev = digest WHERE chain = 1 AND seq = 3`, nil, 1, 3},
		{"writer changed", `UPDATE audit_entries SET writer = 'x' WHERE chain = 1 AND seq = 3`, nil, 1, 3},
		{"line removed", `DELETE FROM audit_entries WHERE chain = 1 AND seq = 4`, nil, 1, 4},
		{"opening removed", `DELETE FROM audit_entries WHERE chain = 2 AND seq = 1`, nil, 2, 1},
		{"tail of a crashed writer removed", `DELETE FROM audit_entries WHERE chain = 1 AND seq = 9`, nil, 1, 9},
		{"tail and link removed", `DELETE FROM audit_links WHERE chain = 1; DELETE FROM audit_entries WHERE chain = 1 AND seq = 9`, nil, 1, 9},
		{"tail after the link removed", `DELETE FROM audit_entries WHERE chain = 2 AND seq > 6`, nil, 2, 8},
		{"writer removed", `DELETE FROM audit_entries WHERE chain = 2; DELETE FROM audit_checkpoints WHERE chain = 2; DELETE FROM audit_links WHERE chain = 2`, nil, 3, 1},
		{"first writer removed", `DELETE FROM audit_entries WHERE chain = 1; DELETE FROM audit_checkpoints WHERE chain = 1; DELETE FROM audit_links WHERE chain = 1`, nil, 2, 1},
		{"last writer removed", `DELETE FROM audit_entries WHERE chain = 3; DELETE FROM audit_checkpoints WHERE chain = 3`, nil, 3, 1},
		{"lines swapped", `UPDATE audit_entries SET seq = 99 WHERE chain = 1 AND seq = 3; UPDATE audit_entries SET seq = 3 WHERE chain = 1 AND seq = 4;
			UPDATE audit_entries SET seq = 4 WHERE chain = 1 AND seq = 99`, nil, 1, 3},
		{"line inserted after the last", `INSERT INTO audit_entries SELECT chain, seq + 1, writer, at, hash, digest, hash, salt, line, event, erasure
			FROM audit_entries WHERE chain = 3 AND seq = 9`, nil, 3, 10},
		{"link removed", `DELETE FROM audit_links WHERE chain = 1`, nil, 1, 9},
		{"link moved", `UPDATE audit_links SET seq = 5 WHERE chain = 1`, nil, 1, 9},
		{"link claimed by another", `UPDATE audit_links SET opener = 3 WHERE chain = 1`, nil, 1, 9},
		{"checkpoint removed", `DELETE FROM audit_checkpoints WHERE chain = 2 AND count = 1`, nil, 2, 8},
		{"checkpoint changed", `UPDATE audit_checkpoints SET at = at + 1 WHERE chain = 2 AND count = 1`, nil, 2, 5},
		{"checkpoint by somebody else", `UPDATE audit_checkpoints SET key_id = 'x' WHERE chain = 2 AND count = 1`, nil, 2, 5},
		{"last checkpoint removed", `DELETE FROM audit_checkpoints WHERE chain = 3`, nil, 3, 9},
	} {
		t.Run(w.name, func(t *testing.T) {
			b := newBench(t, sqltest.Memory)
			crashed, overlapping, last := history(t, b)
			anchors := b.verify().Anchors
			must(t, b.db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
				var changed int64
				for _, stmt := range strings.Split(w.sql, ";") {
					n, err := tx.Exec(ctx, stmt, w.args...)
					if err != nil {
						return err
					}
					changed += n
				}
				if changed == 0 {
					return errors.New("nothing was tampered with")
				}
				return nil
			}))
			_, err := Verify(t.Context(), b.db, b.check(anchors...))
			var f *Fault
			if !errors.As(err, &f) {
				t.Fatalf("not found: %v", err)
			}
			t.Log(f)
			writers := []string{crashed.Writer(), overlapping.Writer(), last.Writer()}
			if f.Writer != writers[w.chain-1] || f.Seq != w.seq {
				t.Errorf("fault at chain %d line %d, want chain %d line %d", slices.Index(writers, f.Writer)+1, f.Seq, w.chain, w.seq)
			}
			var out bytes.Buffer
			err = Export(t.Context(), b.db, &out)
			if err == nil {
				_, err = VerifyExport(t.Context(), &out, b.check(anchors...))
			}
			if !errors.As(err, &f) && !strings.Contains(w.name, "filed") {
				t.Errorf("an export hides it: %v", err)
			}
		})
	}
}

// Somebody who can write to the database recomputes every hash of a chain after a change. Only signatures stop that.
func TestRewrittenChainIsFoundByItsCheckpoint(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	l := b.open()
	for i := range 5 {
		must(t, l.Record(t.Context(), said(fmt.Sprint(i))))
	}
	must(t, l.checkpoint(t.Context(), false))
	must(t, b.db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM audit_entries WHERE seq > 3`); err != nil {
			return err
		}
		forger := &Log{chain: l.chain, writer: l.writer, random: l.random, unsure: true}
		if err := forger.catchUp(ctx, tx); err != nil {
			return err
		}
		lines, err := acceptAll([]broker.Line{said("forged"), said("3"), said("4")}, b.clock.Now())
		if err != nil {
			return err
		}
		return forger.insert(ctx, tx, lines)
	}))
	var f *Fault
	if _, err := Verify(t.Context(), b.db, b.check()); !errors.As(err, &f) || f.Seq != 6 || f.Writer != l.Writer() {
		t.Errorf("not found: %v", err)
	}
}

func TestTailThatNoCheckpointCoversIsReported(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	l := b.open()
	must(t, l.Record(t.Context(), said("1")))
	must(t, l.checkpoint(t.Context(), false))
	must(t, l.Record(t.Context(), said("2"), said("3")))
	if r := b.verify(); r.Unsigned != 2 || len(r.Anchors) != 1 || r.Anchors[0].Seq != 2 {
		t.Errorf("%+v", r)
	}
}
