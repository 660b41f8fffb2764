package eid

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

// parallel runs 64 at once and returns how many said true.
func parallel(run func(i int) bool) int {
	var won atomic.Int64
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range 64 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			if run(i) {
				won.Add(1)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return int(won.Load())
}

// One code typed into 64 browsers at once is good for one of them, whether or not pauses stop some of the others.
func TestOneCodeHasOneWinner(t *testing.T) {
	for name, limits := range map[string]authn.Limits{"default limits": {}, "no limits to speak of": {Free: 1000, Daily: 1000, Block: 1000}} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				w := open(t, func(c *Config) { c.Limits = limits })
				code := w.people["jens"].CodeDisplay.Code(now)
				won := parallel(func(int) bool {
					d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens"})
					p, ok := d.send(t, "code", code).turn.(broker.Prompt)
					return ok && p.Name == "password"
				})
				if won != 1 {
					t.Fatalf("%d winners", won)
				}
			}
		})
	}
}

// 64 guesses at once are counted before they are checked: no more than the limit gets through.
func TestGuessesInParallelAreCountedFirst(t *testing.T) {
	w := open(t)
	checked := parallel(func(i int) bool {
		d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens"})
		p, ok := d.send(t, "code", fmt.Sprintf("%06d", i)).turn.(broker.Prompt)
		return ok && p.Problem == "otp.wrong"
	})
	if checked > 3 {
		t.Fatalf("%d guesses were checked", checked)
	}
}

// One approval sent 64 times at once is good for one.
func TestOneApprovalHasOneWinner(t *testing.T) {
	for range 20 {
		w := open(t)
		emma := w.people["emma"]
		d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "emma"})
		turn, err := d.remote(t, map[string]string{"do": "claim", "device": emma.Phone.Apps()[0]})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := emma.Phone.Answer(turn.(broker.Reply).Fields, authn.UnlockPIN, simulator.PIN, now)
		if err != nil {
			t.Fatal(err)
		}
		won := parallel(func(int) bool {
			_, _, err := w.Continue(t.Context(), d.ask, d.state, broker.Input{Fields: answer, Remote: true})
			return err == nil
		})
		if won != 1 {
			t.Fatalf("%d winners", won)
		}
	}
}

// A server that has no time to check a password does not count the attempt.
func TestAnOverloadedServerCountsNothing(t *testing.T) {
	passwords, err := authn.NewPasswords(authn.PasswordConfig{Parallel: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, func(c *Config) { c.Passwords = passwords })
	turn, err := passwords.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := w.start(t, broker.Ask{Want: loa(assurance.Low), Hint: "anna"})
	w.registry.took()
	d.send(t, "password", simulator.Password).expect(t, "busy")
	if !errors.Is(d.err, authn.ErrBusy) || len(w.registry.took()) != 0 {
		t.Errorf("%v", d.err)
	}
	turn.Abandon()
	d.err = nil
	d.send(t, "password", simulator.Password).expect(t, "Low by password")
}

// Whatever a browser or a device sends, the connector neither panics nor proves anybody who did not log in.
func FuzzContinue(f *testing.F) {
	for _, seed := range [][3]string{{"user_id", "anna", ""}, {"use", "app", ""}, {"code", "123456", ""}, {"password", "x", ""},
		{"do", "claim", "device"}, {"do", "answer", "device"}, {"signature", "AA", "counter"}} {
		f.Add(seed[0], seed[1], seed[2], "1", false)
		f.Add(seed[0], seed[1], seed[2], "1", true)
	}
	w := open(f)
	f.Fuzz(func(t *testing.T, name, value, name2, value2 string, remote bool) {
		for _, user := range []string{"anna", "nobody at all", ""} {
			d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: user})
			for range 2 {
				turn, state, err := w.Continue(t.Context(), d.ask, d.state, broker.Input{Fields: map[string]string{name: value, name2: value2}, Remote: remote})
				if _, proven := turn.(broker.Proven); proven {
					t.Fatal("proved")
				}
				if (err == nil) != (turn != nil && state != nil) {
					t.Fatalf("%v with turn %v", err, turn)
				}
				if err == nil {
					d.state = state
				}
			}
		}
	})
}

// A state of another form is refused, whatever it holds.
func FuzzState(f *testing.F) {
	w := open(f)
	d := w.start(f, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna"})
	f.Add(d.state)
	f.Add([]byte(`{"v":1,"asking":"app"}`))
	f.Add([]byte(`{"v":1,"asking":"chip","aim":"High"}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		for _, in := range []broker.Input{{}, {Fields: map[string]string{"use": "password"}}, {Remote: true, Fields: map[string]string{"device": "x", "do": "claim"}},
			{Fields: map[string]string{"password": "x"}}, {Fields: map[string]string{"code": "1"}}} {
			_, _, _ = w.Continue(t.Context(), d.ask, state, in) // must not panic; the broker seals what it keeps
		}
	})
}
