package registry_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

// endless lets everything through, where a test counts.
var endless = authn.Limits{Free: math.MaxInt32, Daily: math.MaxInt32, Block: math.MaxInt32}

// processes opens n registries on one database: where several processes can share it, each its own DB.
func processes(t *testing.T, url string, n int) []*registry.Registry {
	first, _ := open(t, url)
	all := []*registry.Registry{first}
	for len(all) < n {
		if url == sqltest.Memory {
			all = append(all, first)
			continue
		}
		r, _ := open(t, url)
		all = append(all, r)
	}
	return all
}

func TestReserveDecidesAsLimitsDo(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		holding(t, r)
		random := rand.New(rand.NewPCG(1, 2))
		for _, lane := range []authn.Lane{"", "browser"} {
			var want authn.Attempts
			at := now
			for range 40 {
				if random.IntN(5) == 0 {
					if err := r.Succeed(ctx, "display", lane, 0, at); err != nil {
						t.Fatal(err)
					}
					want = authn.Limits{}.Success(want)
				}
				var wantErr error
				want, wantErr = authn.Limits{}.Reserve(want, lane, at)
				got, err := r.Reserve(ctx, "display", lane, authn.Limits{}, at)
				if (err == nil) != (wantErr == nil) {
					t.Fatalf("lane %q: %v, want %v", lane, err, wantErr)
				}
				var paused, wantPaused *authn.PausedError
				if errors.As(wantErr, &wantPaused) && (!errors.As(err, &paused) || !paused.Until.Equal(wantPaused.Until)) {
					t.Fatalf("lane %q: %v, want %v", lane, err, wantErr)
				}
				if errors.Is(wantErr, authn.ErrBlocked) != errors.Is(err, authn.ErrBlocked) {
					t.Fatalf("lane %q: %v, want %v", lane, err, wantErr)
				}
				stored, err := r.Attempts(ctx, "display", lane)
				if err != nil || !reflect.DeepEqual(stored, want) || !reflect.DeepEqual(got, want) {
					t.Fatalf("lane %q: %+v, stored %+v, want %+v, %v", lane, got, stored, want, err)
				}
				at = at.Add(time.Duration(random.IntN(3)) * time.Minute * time.Duration(1+random.IntN(60)))
			}
		}
	})
}

func TestLanesDoNotTouchEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		holding(t, r)
		for range 3 {
			_, err := r.Reserve(ctx, "display", "", authn.Limits{}, now)
			must(t, err)
		}
		var paused *authn.PausedError
		if _, err := r.Reserve(ctx, "display", "", authn.Limits{}, now); !errors.As(err, &paused) {
			t.Errorf("the shared lane after three: %v", err)
		}
		for _, lane := range []authn.Lane{"mine", "\x00", "mine2"} {
			if a, err := r.Reserve(ctx, "display", lane, authn.Limits{}, now); err != nil || a.Failures != 1 {
				t.Errorf("lane %q: %+v, %v", lane, a, err)
			}
		}
		if a, err := r.Reserve(ctx, "other", "", authn.Limits{}, now); err != nil || a.Failures != 1 {
			t.Errorf("another authenticator: %+v, %v", a, err)
		}
		must(t, r.Succeed(ctx, "display", "mine", 0, now))
		if _, err := r.Reserve(ctx, "display", "", authn.Limits{}, now); !errors.As(err, &paused) {
			t.Errorf("the shared lane after another succeeded: %v", err)
		}
	})
}

func TestOwnLaneCanBeBlockedForGood(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		limits := authn.Limits{Free: math.MaxInt32, Daily: math.MaxInt32, Block: 4}
		for range 4 {
			_, err := r.Reserve(t.Context(), "display", "mine", limits, now)
			must(t, err)
		}
		_, err := r.Reserve(t.Context(), "display", "mine", limits, now.AddDate(10, 0, 0))
		wantErr(t, "after ten years", err, authn.ErrBlocked)
		for i := range 20 {
			if _, err := r.Reserve(t.Context(), "display", "", limits, now); err != nil {
				t.Errorf("attempt %d in the shared lane: %v", i, err)
			}
		}
	})
}

// TestRaceOfAttempts holds that 64 attempts at once get no further than attempts one after the other.
func TestRaceOfAttempts(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		rs := processes(t, url, 2)
		holding(t, rs[0])
		for _, id := range []string{"display", "nobody's"} { // both while the record is made and when it is there
			for round := range 3 {
				at := now.AddDate(0, 0, round) // the counts in a row go on, a new day begins
				var through, paused, other atomic.Int32
				var wg sync.WaitGroup
				for i := range 64 {
					wg.Go(func() {
						var p *authn.PausedError
						switch _, err := rs[i%2].Reserve(t.Context(), id, "", authn.Limits{}, at); {
						case err == nil:
							through.Add(1)
						case errors.As(err, &p):
							paused.Add(1)
						default:
							t.Error(err)
							other.Add(1)
						}
					})
				}
				wg.Wait()
				want := int32(3)
				if round > 0 {
					want = 1 // every further one pauses
				}
				if through.Load() != want || paused.Load() != 64-want {
					t.Errorf("%s, round %d: %d of 64 got through and %d were paused, want %d through", id, round, through.Load(), paused.Load(), want)
				}
			}
		}
	})
}

func TestRaceOfAttemptsCountsEach(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		rs := processes(t, url, 2)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				if _, err := rs[i%2].Reserve(t.Context(), "display", "", endless, now); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if a, err := rs[1].Attempts(t.Context(), "display", ""); err != nil || a.Failures != 64 || a.Today != 64 {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestOneUsePerCode holds that of 64 who come with one code at once exactly one gets in.
func TestOneUsePerCode(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		rs := processes(t, url, 2)
		display := holding(t, rs[0])
		for counter := uint64(1); counter <= 5; counter++ {
			var won, replayed atomic.Int32
			var wg sync.WaitGroup
			for i := range 64 {
				wg.Go(func() {
					switch err := rs[i%2].Succeed(t.Context(), display.ID, "", counter, now); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, authn.ErrReplayed):
						replayed.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || replayed.Load() != 63 {
				t.Errorf("counter %d: %d won and %d were replays", counter, won.Load(), replayed.Load())
			}
		}
	})
}

func TestCounterOnlyRises(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		display := holding(t, r)
		_, err := r.Reserve(ctx, display.ID, "", authn.Limits{}, now)
		must(t, err)
		for _, step := range []struct {
			counter uint64
			fresh   bool
			stored  uint64
		}{{7, true, 7}, {7, false, 7}, {6, false, 7}, {1, false, 7}, {0, true, 7}, {8, true, 8}, {math.MaxInt64, true, math.MaxInt64}, {math.MaxInt64, false, math.MaxInt64}} {
			err := r.Succeed(ctx, display.ID, "", step.counter, now)
			if step.fresh && err != nil || !step.fresh && !errors.Is(err, authn.ErrReplayed) {
				t.Errorf("counter %d: %v", step.counter, err)
			}
			if a, err := r.Authenticator(ctx, display.ID); err != nil || a.Counter != step.stored {
				t.Errorf("counter %d left %d, %v", step.counter, a.Counter, err)
			}
		}
		if err := r.Succeed(ctx, display.ID, "", 1<<63, now); err == nil {
			t.Error("a counter that cannot be stored went through")
		}
	})
}

func TestReplayForgetsNoFailures(t *testing.T) {
	onEach(t, func(t *testing.T, r *registry.Registry) {
		ctx := t.Context()
		display := holding(t, r)
		must(t, r.Succeed(ctx, display.ID, "", 9, now))
		for range 2 {
			_, err := r.Reserve(ctx, display.ID, "", authn.Limits{}, now)
			must(t, err)
		}
		wantErr(t, "replay", r.Succeed(ctx, display.ID, "", 9, now), authn.ErrReplayed)
		if a, err := r.Attempts(ctx, display.ID, ""); err != nil || a.Failures != 2 {
			t.Errorf("after a replay: %+v, %v", a, err)
		}
		must(t, r.Succeed(ctx, display.ID, "", 10, now))
		if a, err := r.Attempts(ctx, display.ID, ""); err != nil || a.Failures != 0 {
			t.Errorf("after a success: %+v, %v", a, err)
		}
	})
}

func TestPauseNeverEndsTooEarly(t *testing.T) {
	r, _ := open(t, sqltest.Memory)
	for i := range 50 {
		at := now.Add(time.Duration(i)*2*time.Hour + time.Duration(i*37))
		limits := authn.Limits{Free: 1, Daily: math.MaxInt32, Block: math.MaxInt32, Pause: time.Minute}
		a, err := r.Reserve(t.Context(), "display", "", limits, at)
		must(t, err)
		stored, err := r.Attempts(t.Context(), "display", "")
		if err != nil || stored.PausedUntil.Before(a.PausedUntil) || stored.PausedUntil.Sub(a.PausedUntil) > time.Microsecond {
			t.Errorf("paused until %v, stored as %v, %v", a.PausedUntil, stored.PausedUntil, err)
		}
	}
}

// TestStrangersCannotFillTheDatabase holds that records of authenticators that do not exist are forgotten, and that those
// that keep somebody out are not.
func TestStrangersCannotFillTheDatabase(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		r, db := open(t, url)
		ctx := t.Context()
		display := holding(t, r)
		_, err := r.Reserve(ctx, display.ID, "mine", authn.Limits{}, now)
		must(t, err)
		for i := range 20 {
			_, err := r.Reserve(ctx, fmt.Sprint("unknown", i), "", authn.Limits{}, now)
			must(t, err)
		}
		later := now.Add(31 * 24 * time.Hour)
		for i := range 15 {
			_, err := r.Reserve(ctx, fmt.Sprint("stranger", i), "", authn.Limits{}, later)
			must(t, err)
		}
		if n := count(t, db); n != 1+15 {
			t.Errorf("%d records, want 16", n)
		}
		if a, err := r.Attempts(ctx, display.ID, "mine"); err != nil || a.Failures != 1 {
			t.Errorf("the record of an authenticator became %+v, %v", a, err)
		}
	})
}

func count(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	must(t, db.QueryRow(t.Context(), "SELECT count(*) FROM registry_attempts").Scan(&n))
	return n
}
