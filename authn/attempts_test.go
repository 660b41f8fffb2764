package authn

import (
	"errors"
	"math/rand"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func TestWrongAttemptsPauseLongerAndLonger(t *testing.T) {
	var l Limits
	var a Attempts
	now := start
	want := []time.Duration{0, 0, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute,
		16 * time.Minute, 32 * time.Minute, time.Hour}
	for i, pause := range want {
		next, err := l.Reserve(a, "", now)
		if err != nil {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
		a = next
		if pause == 0 {
			if !a.PausedUntil.IsZero() {
				t.Fatalf("attempt %d paused", i+1)
			}
			continue
		}
		if got := a.PausedUntil.Sub(now); got != pause {
			t.Fatalf("attempt %d pauses for %v, want %v", i+1, got, pause)
		}
		var paused *PausedError
		if same, err := l.Reserve(a, "", a.PausedUntil.Add(-time.Nanosecond)); !errors.As(err, &paused) || same != a || !paused.Until.Equal(a.PausedUntil) {
			t.Fatalf("attempt within the pause: %v, %v", same, err)
		}
		now = a.PausedUntil
	}
	var paused *PausedError
	if _, err := l.Reserve(a, "", now); !errors.As(err, &paused) || !paused.Until.Equal(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("eleventh attempt of the day: %v", err)
	}
	if _, err := l.Reserve(a, "", paused.Until); err != nil {
		t.Fatalf("next day: %v", err)
	}
}

func TestAClockSetBackClearsNothing(t *testing.T) {
	a := Attempts{Today: 10, Day: Date{2026, 3, 2}}
	if _, err := (Limits{}).Reserve(a, "", start.AddDate(0, 0, -3)); err == nil {
		t.Fatal("an earlier day cleared the count")
	}
}

func TestSuccessForgetsTheRowButNotOthersOfTheDay(t *testing.T) {
	var l Limits
	var a Attempts
	for range 3 {
		a, _ = l.Reserve(a, "", start)
	}
	if got := l.Success(a); got != (Attempts{Today: 2, Day: Date{2026, 3, 2}}) {
		t.Fatalf("after success: %+v", got)
	}
	// Logging in often is not being wrong often.
	a = Attempts{}
	for i := range 100 {
		next, err := l.Reserve(a, "", start)
		if err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
		a = l.Success(next)
	}
}

// A guesser who tries whenever it is allowed, from parallel browsers or not, gets at most ten guesses a day in the shared
// lane and never blocks it; a lane of its own ends for good after 50.
func TestGuessesInAYearAreBounded(t *testing.T) {
	var l Limits
	for _, lane := range []Lane{"", "known browser"} {
		var a Attempts
		guesses, blocked := 0, false
		random := rand.New(rand.NewSource(1))
		for now := start; now.Before(start.AddDate(1, 0, 0)); now = now.Add(time.Duration(random.Intn(600)) * time.Second) {
			for range 64 {
				next, err := l.Reserve(a, lane, now)
				if err == nil {
					guesses++
				}
				blocked = blocked || errors.Is(err, ErrBlocked) || next.Blocked
				if next.Failures < a.Failures {
					t.Fatal("the count of failures fell")
				}
				a = next
			}
		}
		if lane == "" && (blocked || guesses > 366*10 || float64(guesses)/1e6 >= 1e-2) {
			t.Errorf("shared lane: %d guesses, blocked %v", guesses, blocked)
		}
		if lane != "" && (!blocked || guesses != 50) {
			t.Errorf("own lane: %d guesses, blocked %v", guesses, blocked)
		}
		t.Logf("lane %q: %d guesses in a year", lane, guesses)
	}
}

func TestTheFiftiethAttemptMayStillBeRight(t *testing.T) {
	a, err := Limits{}.Reserve(Attempts{Failures: 49}, "b", start)
	if err != nil || !a.Blocked {
		t.Fatalf("%+v, %v", a, err)
	}
	if (Limits{}).Success(a).Blocked {
		t.Fatal("blocked although right")
	}
}

func TestLimitsThatMakeNoSenseAreReportedAndFailClosed(t *testing.T) {
	bad := Limits{Free: -1, Pause: -1, MaxPause: -1, Daily: -1, Block: -1}
	err := bad.Check()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) != 5 {
		t.Fatalf("want five errors, got %v", err)
	}
	if _, err := bad.Reserve(Attempts{}, "", start); err == nil {
		t.Fatal("negative limits let an attempt through")
	}
	if (Limits{Pause: 2 * time.Hour}).Check() == nil {
		t.Fatal("a first pause beyond the longest is no error")
	}
	if err := (Limits{}).Check(); err != nil {
		t.Fatal(err)
	}
	huge := Limits{Free: 1, Daily: 1 << 20, Block: 1 << 20, MaxPause: 1<<63 - 1}
	if p := huge.withDefaults().pause(200); p != huge.MaxPause {
		t.Fatalf("pause overflows to %v", p)
	}
}
