package audit

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

func TestErasedLinesAreGoneAndTheLogVerifies(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		l := b.open()
		ctx := t.Context()
		const old = eraseBatch + 20 // more than one commit erases
		for range old / 10 {
			lines := make([]broker.Line, 10)
			for i := range lines {
				lines[i] = broker.Line{Event: "authenticated", Person: "person-that-goes", Outcome: "yes"}
			}
			must(t, l.Record(ctx, lines...))
		}
		must(t, l.Record(ctx, broker.Line{Event: "proofed", Person: "person-that-stays"}))
		b.clock.add(24 * time.Hour)
		limit := b.clock.Now()
		must(t, l.Record(ctx, broker.Line{Event: "authenticated", Person: "person-of-today"}))
		n, err := l.Erase(ctx, limit, "authenticated")
		if err != nil || n != old {
			t.Fatalf("erased %d, %v; want %d", n, err, old)
		}
		out := b.export()
		for person, there := range map[string]bool{"person-that-goes": false, "person-that-stays": true, "person-of-today": true} {
			if bytes.Contains(out, []byte(person)) != there {
				t.Errorf("%s: on record is not %v", person, there)
			}
		}
		if n, err := l.Erase(ctx, limit, "authenticated"); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		if n, err := l.Erase(ctx, b.clock.Now()); n != 2 || err != nil {
			t.Errorf("all that is left, openings and erasures excepted: %d, %v", n, err)
		}
		must(t, l.Close(ctx))
		if r := b.verify(); r.Erased != old+2 {
			t.Errorf("%+v", r)
		}
		if _, err := VerifyExport(ctx, bytes.NewReader(b.export()), b.check()); err != nil {
			t.Error(err)
		}
	})
}

func TestOneLineIsErased(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		l := b.open()
		ctx := t.Context()
		must(t, l.Record(ctx, said("1"), said("2"), said("3")))
		must(t, l.EraseLine(ctx, l.Writer(), 3))
		for name, seq := range map[string]uint64{"erased before": 3, "the opening": 1, "an erasure": 5, "not there": 99} {
			if err := l.EraseLine(ctx, l.Writer(), seq); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := b.outcomes(); len(got) != 3 || got[0] != "1" || got[1] != "3" || got[2] != "" {
			t.Errorf("%q", got)
		}
		if r := b.verify(); r.Erased != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestWhatMayNotBeErased(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	l := b.open()
	for _, event := range []string{EventOpened, EventErased, "", "a,b"} {
		if _, err := l.Erase(t.Context(), b.clock.Now(), event); err == nil {
			t.Errorf("%q was erased", event)
		}
	}
}
