package audit

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

// Of two writers that run at once neither vouches for the other's end, so both must be kept.
func TestAnchorsCoverEveryChain(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	var logs []*Log
	for range 2 {
		l := b.open()
		logs = append(logs, l)
		must(t, l.Record(t.Context(), said("1")))
		must(t, l.checkpoint(t.Context(), false))
	}
	must(t, logs[0].Record(t.Context(), said("2")))
	must(t, logs[0].Close(t.Context()))
	anchors := b.verify().Anchors
	if len(anchors) != 2 {
		t.Fatalf("%+v", anchors)
	}
	for chain := 1; chain <= 2; chain++ {
		forged := bytes.Buffer{}
		for raw := range bytes.Lines(b.export()) { // the chain without its last line and checkpoint
			r, err := parse(bytes.TrimSuffix(raw, []byte("\n")))
			must(t, err)
			a := anchors[chain-1]
			if r.Entry != nil && r.Entry.Chain == a.Chain && r.Entry.Seq == a.Seq || r.Checkpoint != nil && r.Checkpoint.Chain == a.Chain && r.Checkpoint.Seq == a.Seq {
				continue
			}
			if r.End != nil {
				r.End.Lines--
				r.End.Checkpoints--
				raw = fmt.Appendf(nil, `{"end":{"chains":%d,"lines":%d,"checkpoints":%d}}`+"\n", r.End.Chains, r.End.Lines, r.End.Checkpoints)
			}
			forged.Write(raw)
		}
		var f *Fault
		if _, err := VerifyExport(t.Context(), bytes.NewReader(forged.Bytes()), b.check(anchors...)); !errors.As(err, &f) || f.Writer != logs[chain-1].Writer() {
			t.Errorf("chain %d: %v", chain, err)
		}
		if _, err := VerifyExport(t.Context(), bytes.NewReader(forged.Bytes()), b.check()); err != nil {
			t.Errorf("chain %d: the forgery is so plain that it needs no anchor to be found: %v", chain, err)
		}
	}
	must(t, b.open().Close(t.Context())) // names both ends
	if got := b.verify(anchors...).Anchors; len(got) != 1 || got[0].Chain != 3 {
		t.Errorf("%+v", got)
	}
	must(t, logs[1].Close(t.Context()))
	must(t, b.open().Close(t.Context()))
	if got := b.verify(anchors...).Anchors; len(got) != 1 || got[0].Chain != 4 {
		t.Errorf("chains whose ends are named are still listed: %+v", got)
	}
}

// A log that grows and is erased from meanwhile is seen as it was at one instant.
func TestLogIsVerifiedWhileItGrows(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		c := b.config()
		c.CheckpointEvery = 5 * time.Millisecond
		l := b.openWith(c)
		done := make(chan error, 1)
		go func() {
			var err error
			for i := range 200 {
				err = errors.Join(err, l.Record(t.Context(), said(fmt.Sprint(i)), said("+")))
				if i%50 == 49 {
					_, wrong := l.Erase(t.Context(), b.clock.Now().Add(-20*time.Millisecond))
					err = errors.Join(err, wrong)
				}
			}
			done <- err
		}()
		var anchors []Checkpoint
		for n := 0; ; n++ {
			anchors = b.verify(anchors...).Anchors
			if _, err := VerifyExport(t.Context(), bytes.NewReader(b.export()), b.check(anchors...)); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done:
				must(t, err)
				if n == 0 {
					t.Log("the log did not grow while it was verified")
				}
				return
			default:
			}
		}
	})
}

func TestWritersThatOpenAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		done := make(chan error)
		const writers = 8
		for range writers {
			go func() {
				db := b.db
				if url != sqltest.Memory { // as another process would
					var err error
					if db, err = sqldb.Open(t.Context(), sqldb.Config{URL: url}); err != nil {
						done <- err
						return
					}
				}
				c := b.config()
				c.DB = db
				l, err := Open(t.Context(), c)
				if err == nil {
					for i := range 10 {
						err = errors.Join(err, l.Record(t.Context(), said(fmt.Sprint(i))))
					}
					err = errors.Join(err, l.Close(t.Context()))
				}
				if db != b.db {
					err = errors.Join(err, db.Close())
				}
				done <- err
			}()
		}
		for range writers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if r := b.verify(); r.Chains != writers || r.Lines != writers*11 || r.Unsigned != 0 {
			t.Errorf("%+v", r)
		}
		must(t, b.open().Close(t.Context())) // names every end that nobody has named
		b.verify()
	})
}
