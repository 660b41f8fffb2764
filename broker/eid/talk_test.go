package eid

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

// world is a connector, its registry and the people who log in.
type world struct {
	*Connector
	registry *memory
	people   map[string]simulator.Holder
}

func open(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	r, people := seeded(t)
	// The prepared hashes have their own parameters; whatever is hashed for nobody should cost as much.
	passwords, err := authn.NewPasswords(authn.PasswordConfig{Parallel: 64, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Scheme: authn.MitID(authn.MitIDOptions{UserIDMin: 2}), Registry: r, Passwords: passwords,
		Secret: bytes.Repeat([]byte("s"), 32)}
	for _, f := range change {
		f(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &world{e, r, people}
}

// talk is one conversation, as the broker would hold it.
type talk struct {
	w     *world
	ask   broker.Ask
	state []byte
	turn  broker.Turn
	err   error
}

func loa(l assurance.Level) assurance.Minimum { return assurance.Minimum{LoA: l} }

func (w *world) start(t testing.TB, ask broker.Ask) *talk {
	t.Helper()
	if ask.Channel == "" {
		ask.Channel = "the-channel"
	}
	if ask.Party == "" {
		ask.Party = "Demo"
	}
	if ask.Now.IsZero() {
		ask.Now = now
	}
	d := &talk{w: w, ask: ask}
	d.turn, d.state, d.err = w.Start(t.Context(), ask)
	return d
}

// send continues with fields given as name, value, name, value.
func (d *talk) send(t testing.TB, fields ...string) *talk {
	t.Helper()
	in := broker.Input{Fields: map[string]string{}}
	for i := 0; i < len(fields); i += 2 {
		in.Fields[fields[i]] = fields[i+1]
	}
	if turn, state, err := d.w.Continue(t.Context(), d.ask, d.state, in); err != nil {
		d.err = err
	} else {
		d.turn, d.state = turn, state
	}
	return d
}

// remote is a message of a device. As in the broker, a Reply and an error change nothing.
func (d *talk) remote(t testing.TB, fields map[string]string) (broker.Turn, error) {
	t.Helper()
	turn, state, err := d.w.Continue(t.Context(), d.ask, d.state, broker.Input{Fields: fields, Remote: true})
	if _, reply := turn.(broker.Reply); err == nil && !reply {
		d.turn, d.state = turn, state
	}
	return turn, err
}

// approve lets a phone answer.
func (d *talk) approve(t testing.TB, h simulator.Holder, unlock authn.Unlock) error {
	t.Helper()
	turn, err := d.remote(t, map[string]string{"do": "claim", "device": h.Phone.Apps()[0]})
	if err != nil {
		return err
	}
	answer, err := h.Phone.Answer(turn.(broker.Reply).Fields, unlock, simulator.PIN, d.ask.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.remote(t, answer)
	return err
}

func (d *talk) identity(t testing.TB) broker.Identity {
	t.Helper()
	p, ok := d.turn.(broker.Proven)
	if d.err != nil || !ok {
		t.Fatalf("not proven: %#v, %v", d.turn, d.err)
	}
	return p.Identity
}

// shows describes a turn in a line: page, problem, others.
func (d *talk) shows() string {
	if d.err != nil {
		return string(broker.CodeOf(d.err))
	}
	var others []string
	add := func(o []broker.Option) {
		for _, x := range o {
			others = append(others, x.Value)
		}
	}
	line := ""
	switch turn := d.turn.(type) {
	case broker.Prompt:
		line = turn.Name
		if k := turn.Args["kind"]; k != "" {
			line += ":" + k
		}
		if turn.Problem != "" {
			line += "!" + turn.Problem
		}
		add(turn.Others)
	case broker.Wait:
		line = "wait:" + turn.Name
		add(turn.Others)
	case broker.Proven:
		return fmt.Sprintf("%v by %s", turn.Identity.Levels.LoA(), turn.Identity.Used)
	default:
		return fmt.Sprintf("%T", turn)
	}
	if others != nil {
		line += " or " + strings.Join(others, ",")
	}
	return line
}

func (d *talk) expect(t testing.TB, want string) *talk {
	t.Helper()
	if got := d.shows(); got != want {
		t.Fatalf("got %q, want %q (%v)", got, want, d.err)
	}
	return d
}
