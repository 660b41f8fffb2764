package audit

import (
	"errors"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

// eventually waits for what the background does, without a guess at how long it takes.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	end := time.After(20 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-end:
			t.Fatalf("%s did not happen", what)
		case <-tick.C:
		}
	}
}

func TestBackgroundFlushesAndSigns(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	c := b.config()
	c.FlushAfter, c.CheckpointEvery = time.Millisecond, 5*time.Millisecond
	l := b.openWith(c)
	must(t, l.Note(said("1")))
	eventually(t, "the flush", func() bool { return len(b.outcomes()) == 1 })
	eventually(t, "the checkpoint", func() bool { r := b.verify(); return r.Unsigned == 0 && r.Checkpoints > 0 })
	before := b.verify().Checkpoints
	must(t, l.Record(t.Context(), said("2")))
	eventually(t, "the next checkpoint", func() bool { r := b.verify(); return r.Unsigned == 0 && r.Checkpoints == before+1 })
}

func TestDatabaseThatIsGone(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: sqltest.Memory})
	must(t, err)
	must(t, db.Migrate(t.Context(), Component, Migrations()))
	c := b.config()
	c.DB, c.FlushAfter = db, time.Millisecond
	l := b.openWith(c)
	must(t, db.Close())
	must(t, l.Note(said("1")))
	eventually(t, "the refusal", func() bool { return errors.Is(l.Note(said("2")), broker.ErrUnavailable) })
	if err := l.Record(t.Context(), said("3")); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Record: %v", err)
	}
	if err := l.Close(t.Context()); err == nil {
		t.Error("closing lost lines without a word")
	}
}
