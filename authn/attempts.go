package authn

import (
	"errors"
	"fmt"
	"time"
)

// Lane is whose wrong attempts are counted together: the empty Lane is shared by every browser that is not known to have
// logged the person in before, any other Lane belongs to one browser that has. Knowing a user ID therefore never costs
// the owner access from their own browser.
type Lane string

// Attempts is the record of wrong attempts on one authenticator in one lane. The zero value has none.
type Attempts struct {
	Failures    int       // in a row
	Today       int       // on Day
	Day         Date      // in UTC
	PausedUntil time.Time // zero: not paused
	Blocked     bool      // for good
}

// What a durable registry of persons and authenticators answers with, so that callers need not know which one it is.
var (
	// ErrNotFound says that there is no such person or authenticator.
	ErrNotFound = errors.New("authn: no such person or authenticator")
	// ErrReplayed says that a counter did not rise: the code was used before, or a signature is older than the last one.
	ErrReplayed = errors.New("authn: used before")
	// ErrBlocked says that too many attempts in a row failed in this lane; only replacing the authenticator helps.
	ErrBlocked = errors.New("authn: blocked after too many wrong attempts")
)

// PausedError says that no attempt is accepted in this lane before Until.
type PausedError struct{ Until time.Time }

// Error names the instant in UTC.
func (e *PausedError) Error() string {
	return "authn: paused until " + e.Until.UTC().Format(time.RFC3339)
}

// Limits is how often one may be wrong. In the zero value the third wrong attempt in a row pauses for
// 30 seconds, every further one twice as long as the one before up to an hour, at most ten a day are let through, and 50
// in a row block for good. Nobody publishes the figures of MitID; these keep a guesser below one in a hundred of the space
// of six-digit codes in a year.
type Limits struct {
	Free     int           // the wrong attempt in a row from which each one pauses; zero is the 3rd
	Pause    time.Duration // the first pause; zero is 30 s
	MaxPause time.Duration // the longest pause; zero is 1 h
	Daily    int           // attempts per UTC day that do not succeed; zero is 10
	Block    int           // wrong attempts in a row that block a lane for good, never the shared one; zero is 50
}

// Check reports every field that makes no sense: negative, or a longest pause shorter than the first.
func (l Limits) Check() error {
	var errs []error
	for _, f := range [...]struct {
		name string
		bad  bool
	}{{"Free", l.Free < 0}, {"Pause", l.Pause < 0}, {"MaxPause", l.MaxPause < 0}, {"Daily", l.Daily < 0}, {"Block", l.Block < 0}} {
		if f.bad {
			errs = append(errs, fmt.Errorf("authn: Limits.%s is negative", f.name))
		}
	}
	if d := l.withDefaults(); errs == nil && d.MaxPause < d.Pause {
		errs = append(errs, fmt.Errorf("authn: Limits.MaxPause is shorter than Limits.Pause"))
	}
	return errors.Join(errs...)
}

func (l Limits) withDefaults() Limits {
	if l.Free == 0 {
		l.Free = 3
	}
	// A pause that is not positive would be none at all, whatever Check said of it before.
	if l.Pause <= 0 {
		l.Pause = 30 * time.Second
	}
	if l.MaxPause <= 0 {
		l.MaxPause = time.Hour
	}
	if l.Daily == 0 {
		l.Daily = 10
	}
	if l.Block == 0 {
		l.Block = 50
	}
	return l
}

// Reserve counts one attempt before it is checked, so that attempts made in parallel cannot outrun the count: the caller
// stores the result in one atomic step, then checks, and calls Success only if the check succeeded. An attempt that is
// never checked counts as wrong.
//
// It returns *PausedError or ErrBlocked, with the record unchanged, when the attempt must not be checked at all. The
// shared lane "" is paused but never blocked: anybody who knows a user ID can fill it.
func (l Limits) Reserve(a Attempts, lane Lane, now time.Time) (Attempts, error) {
	l = l.withDefaults()
	if a.Blocked || (lane != "" && a.Failures >= l.Block) {
		return a, ErrBlocked
	}
	if now.Before(a.PausedUntil) {
		return a, &PausedError{Until: a.PausedUntil}
	}
	// Only a later day clears the count: a clock that is set back must not.
	y, m, d := now.UTC().Date()
	if today := (Date{y, m, d}); a.Day.before(today) {
		a.Day, a.Today = today, 0
	}
	if a.Today >= l.Daily {
		return a, &PausedError{Until: time.Date(a.Day.Year, a.Day.Month, a.Day.Day+1, 0, 0, 0, 0, time.UTC)}
	}
	a.Failures++
	a.Today++
	if a.Failures >= l.Free {
		a.PausedUntil = now.Add(l.pause(a.Failures - l.Free))
	}
	if lane != "" && a.Failures >= l.Block {
		a.Blocked = true
	}
	return a, nil
}

// pause doubles the first pause the given number of times.
func (l Limits) pause(doublings int) time.Duration {
	p := l.Pause
	for ; doublings > 0; doublings-- {
		if p >= l.MaxPause/2 {
			return l.MaxPause
		}
		p *= 2
	}
	return min(p, l.MaxPause)
}

// Success returns the record after a reserved attempt turned out right: the row of failures and its pause are forgotten,
// and the attempt itself does not count against the day. Wrong attempts of the day stay counted, because in the shared
// lane they may be a stranger's.
func (l Limits) Success(a Attempts) Attempts {
	return Attempts{Today: max(0, a.Today-1), Day: a.Day}
}
