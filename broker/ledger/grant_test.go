package ledger

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
)

func TestGrantComesBackAsItWasWritten(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		g := grant("g")
		g.Epoch, g.Offline, g.Generation = 3, true, 1
		must(t, b.OpenGrant(ctx, g, line("issued")))
		got, err := b.Grant(ctx, "g")
		must(t, err)
		g.Used = g.Created
		if !reflect.DeepEqual(got, g) {
			t.Errorf("got  %+v\nwant %+v", got, g)
		}
		if _, err := b.Grant(ctx, "other"); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("a grant that is not there: %v", err)
		}
		if err := b.OpenGrant(ctx, grant("g"), line("issued")); !errors.Is(err, broker.ErrExists) {
			t.Errorf("the same ID again: %v", err)
		}
		if n := b.count(t, "issued", ""); n != 1 {
			t.Errorf("%d lines for one grant", n)
		}
	})
}

func TestGrantThatIsNotTaken(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	for name, change := range map[string]func(*broker.Grant){
		"no ID":      func(g *broker.Grant) { g.ID = "" },
		"no party":   func(g *broker.Grant) { g.Party = "" },
		"no person":  func(g *broker.Grant) { g.Person = "" },
		"no end":     func(g *broker.Grant) { g.Expires = time.Time{} },
		"revoked":    func(g *broker.Grant) { g.Revoked = true },
		"too long":   func(g *broker.Grant) { g.Data = make([]byte, maxGrantData+1) },
		"no level":   func(g *broker.Grant) { g.Levels.AAL = 17 },
		"no line":    nil,
		"wrong line": nil,
	} {
		g, l := grant("g"), line("issued")
		switch {
		case change != nil:
			change(&g)
		case name == "no line":
			l = broker.Line{}
		default:
			l.Event = audit.EventErased
		}
		if err := b.OpenGrant(t.Context(), g, l); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := b.Grant(t.Context(), "g"); !errors.Is(err, broker.ErrNotFound) {
		t.Errorf("something was written: %v", err)
	}
}

// Redemption of one code by many at once.
func TestOneOfManyOpensAGrant(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		for round := range 5 {
			won := race(64, func(int) error { return b.OpenGrant(t.Context(), grant(fmt.Sprint("g", round)), line("issued")) })
			if n := count(won, nil); n != 1 {
				t.Errorf("round %d: %d winners", round, n)
			}
			if n := count(won, broker.ErrExists); n != 63 {
				t.Errorf("round %d: %d were told that it exists: %v", round, n, won)
			}
		}
		if n := b.count(t, "issued", ""); n != 5 {
			t.Errorf("%d lines for 5 grants", n)
		}
	})
}

func TestRotationOfTheCurrentGeneration(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
		for i := range uint32(3) {
			at := start.Add(time.Duration(i+1) * time.Minute)
			g, err := b.Rotate(ctx, "g", i, at, 10*time.Second, line("refreshed"))
			must(t, err)
			want := grant("g")
			want.Generation, want.Rotated, want.Used = i+1, at, at
			if !reflect.DeepEqual(g, want) {
				t.Errorf("got  %+v\nwant %+v", g, want)
			}
			if kept, err := b.Grant(ctx, "g"); err != nil || !reflect.DeepEqual(kept, want) {
				t.Errorf("kept %+v, %v", kept, err)
			}
		}
		if n := b.count(t, "refreshed", ""); n != 3 {
			t.Errorf("%d lines", n)
		}
	})
}

func TestRotationOfAnOlderGeneration(t *testing.T) {
	const grace = 10 * time.Second
	for _, c := range []struct {
		name       string
		generation uint32 // the current one is 2, since start
		after      time.Duration
		reused     bool
	}{
		{"at once", 1, 0, false},
		{"at the end of grace", 1, grace, false},
		{"after grace", 1, grace + time.Microsecond, true},
		{"two before", 0, 0, true},
		{"never issued", 3, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, url string) {
				b := newBench(t, url)
				ctx := t.Context()
				must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
				for i := range uint32(2) {
					_, err := b.Rotate(ctx, "g", i, start, grace, line("refreshed"))
					must(t, err)
				}
				g, err := b.Rotate(ctx, "g", c.generation, start.Add(c.after), grace, line("refreshed"))
				if g.Generation != 2 || !g.Rotated.Equal(start) {
					t.Errorf("%+v", g)
				}
				kept, keptErr := b.Grant(ctx, "g")
				must(t, keptErr)
				if !c.reused {
					if err != nil || g.Revoked || kept.Revoked || kept.Generation != 2 {
						t.Errorf("%v; kept: %+v", err, kept)
					}
					if n := b.count(t, "refreshed", ""); n != 3 {
						t.Errorf("%d lines", n)
					}
					return
				}
				if !errors.Is(err, broker.ErrReused) || !g.Revoked || !kept.Revoked {
					t.Errorf("%v; kept: %+v", err, kept)
				}
				if n := b.count(t, "refused", "revoked"); n != 1 {
					t.Errorf("%d lines about the reuse: %v", n, b.lines(t))
				}
				if _, err := b.Rotate(ctx, "g", 2, start, grace, line("refreshed")); !errors.Is(err, broker.ErrNotFound) {
					t.Errorf("the current generation of a revoked grant: %v", err)
				}
			})
		})
	}
}

func TestOneOfManyRotates(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		other := b
		if url != sqltest.Memory {
			other = newBench(t, url) // as another process would
		}
		ctx := t.Context()
		must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
		for round := range uint32(5) {
			got := make([]broker.Grant, 32)
			errs := race(32, func(i int) (err error) {
				on := b
				if i%2 == 1 {
					on = other
				}
				got[i], err = on.Rotate(ctx, "g", round, start, time.Second, line("refreshed"))
				return err
			})
			if n := count(errs, nil); n != 32 {
				t.Fatalf("%d of 32 succeeded: %v", n, errs)
			}
			for _, g := range got {
				if g.Generation != round+1 {
					t.Errorf("round %d: a successor of generation %d", round, g.Generation)
				}
			}
		}
		late := race(32, func(i int) error {
			_, err := b.Rotate(ctx, "g", 4, start.Add(time.Minute), time.Second, line("refreshed"))
			return err
		})
		if reused, gone := count(late, broker.ErrReused), count(late, broker.ErrNotFound); reused != 1 || gone != 31 {
			t.Errorf("after grace %d were told of reuse and %d that it is gone: %v", reused, gone, late)
		}
		b.lines(t)
	})
}

func TestRotationOfADeadGrant(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		offline := grant("offline")
		offline.Offline = true
		later := grant("later")
		later.Session, later.Epoch = "session-2", 0
		must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
		must(t, b.OpenGrant(ctx, offline, line("issued")))
		rotate := func(id string, now time.Time) error {
			g, err := b.Grant(ctx, id)
			must(t, err)
			_, err = b.Rotate(ctx, id, g.Generation, now, time.Second, line("refreshed"))
			return err
		}
		if err := rotate("g", start.Add(time.Hour)); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("expired: %v", err)
		}
		must(t, b.EndSession(ctx, "session-1", start.Add(time.Hour), line("logged_out")))
		if err := rotate("g", start); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("its session ended: %v", err)
		}
		must(t, rotate("offline", start))
		// Opened by a redemption that lost the race against the logout.
		must(t, b.OpenGrant(ctx, grant("late"), line("issued")))
		if err := rotate("late", start); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("opened after its session had ended: %v", err)
		}
		must(t, b.EndEpoch(ctx, "person-1", line("blocked")))
		if err := rotate("offline", start); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("its epoch ended: %v", err)
		}
		must(t, b.OpenGrant(ctx, later, line("issued")))
		if err := rotate("later", start); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("opened for an epoch that had ended: %v", err)
		}
		if _, err := b.Rotate(ctx, "none", 0, start, time.Second, line("refreshed")); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("not there: %v", err)
		}
		if n := b.count(t, "refreshed", ""); n != 1 {
			t.Errorf("%d lines for one rotation", n)
		}
	})
}

func TestRevokeGrant(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		must(t, b.OpenGrant(ctx, grant("g"), line("issued")))
		for _, id := range []string{"g", "g", "none"} {
			must(t, b.RevokeGrant(ctx, id, line("revoked")))
		}
		if g, err := b.Grant(ctx, "g"); err != nil || !g.Revoked {
			t.Errorf("%+v, %v", g, err)
		}
		if n := b.count(t, "revoked", ""); n != 3 {
			t.Errorf("%d lines", n)
		}
	})
}

// A code that is replayed while it is being redeemed: the revocation may come before what it revokes.
func TestGrantRevokedBeforeItIsOpenedIsBornRevoked(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		b := newBench(t, url)
		ctx := t.Context()
		must(t, b.RevokeGrant(ctx, "g", line("revoked")))
		if _, err := b.Grant(ctx, "g"); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("what was never opened is there: %v", err)
		}
		b.set(start.Add(2 * time.Hour)) // a sweep comes between
		must(t, b.EndEpoch(ctx, "somebody else", line("blocked")))
		late := grant("g")
		late.Expires = start.Add(4 * time.Hour)
		must(t, b.OpenGrant(ctx, late, line("issued")))
		if g, err := b.Grant(ctx, "g"); err != nil || !g.Revoked || g.Person != "person-1" || !g.Expires.Equal(late.Expires) {
			t.Errorf("%+v, %v", g, err)
		}
		if _, err := b.Rotate(ctx, "g", 0, start, time.Second, line("refreshed")); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("rotated: %v", err)
		}
		if err := b.OpenGrant(ctx, late, line("issued")); !errors.Is(err, broker.ErrExists) {
			t.Errorf("opened twice: %v", err)
		}
		other := b
		if url != sqltest.Memory {
			other = newBench(t, url) // as another process would
		}
		for i := range 20 {
			id := fmt.Sprint("raced", i)
			errs := race(8, func(n int) error {
				if n%2 == 0 {
					return other.RevokeGrant(ctx, id, line("revoked"))
				}
				if err := b.OpenGrant(ctx, grant(id), line("issued")); !errors.Is(err, broker.ErrExists) {
					return err
				}
				return nil
			})
			if g, err := b.Grant(ctx, id); err != nil || !g.Revoked || count(errs, nil) != 8 {
				t.Errorf("%s: %+v, %v, %v", id, g, err, errs)
			}
		}
		b.lines(t)
	})
}
