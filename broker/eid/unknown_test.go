package eid

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

// bytesOf is everything of a turn that reaches a browser; the index stays with the broker.
func bytesOf(t *testing.T, d *talk) string {
	t.Helper()
	turn := d.turn
	if w, ok := turn.(broker.Wait); ok {
		w.Index = ""
		turn = w
	}
	b, err := json.Marshal(turn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%T %s %s %s", turn, b, broker.CodeOf(d.err), broker.TextOf(d.err))
}

// twin finds a user ID that nobody has and that seems to hold what the person holds.
func (w *world) twin(t *testing.T, user string) string {
	t.Helper()
	kinds := func(id string) string {
		s, ok, err := w.identify(t.Context(), broker.Ask{Now: now}, id)
		if err != nil || !ok {
			t.Fatal(id, err)
		}
		var k []string
		for _, h := range s.Held {
			k = append(k, wire(h.Kind))
		}
		slices.Sort(k)
		return strings.Join(k, " ")
	}
	want := kinds(user)
	for i := range 1000 {
		if id := fmt.Sprintf("nobody%d", i); kinds(id) == want {
			return id
		}
	}
	t.Fatalf("no unknown user ID seems to hold %s", want)
	return ""
}

// Whatever a stranger tries, a user ID that exists and one that does not answer with the same octets, and cost the
// registry the same calls, wrong attempts, pauses and all.
func TestUnknownUserIDsCannotBeToldApart(t *testing.T) {
	tries := []struct {
		fields  []string
		advance time.Duration
	}{
		{fields: nil},
		{fields: []string{"use", "code_display"}},
		{fields: []string{"code", "000000"}},
		{fields: []string{"code", "12 34 56"}},
		{fields: []string{"code", "abc"}},
		{fields: []string{"code", "999999"}},
		{fields: []string{"code", "999999"}},
		{fields: []string{"code", "999999"}, advance: time.Minute},
		{fields: []string{"password", "a wrong password"}},
		{fields: []string{"use", "password"}},
		{fields: []string{"password", "a wrong password"}},
		{fields: []string{"use", "app"}},
		{fields: nil},
		{fields: []string{"use", "chip"}},
		{fields: []string{"use", "audio_reader", "code", "111111"}},
		{fields: []string{"code", "111111"}, advance: 24 * time.Hour},
	}
	low, substantial, high := loa(assurance.Low), loa(assurance.Substantial), loa(assurance.High)
	for _, asked := range []broker.Ask{{Want: low}, {Want: substantial}, {Want: high},
		{Want: low, Prefer: []assurance.Minimum{high, substantial, low}}, {Want: low, Prefer: []assurance.Minimum{substantial}}} {
		for _, user := range []string{"anna", "bo", "carla", "david", "emma", "frida", "karl"} {
			t.Run(fmt.Sprintf("%s %v %v", user, asked.Want, asked.Prefer), func(t *testing.T) {
				w := open(t)
				twin := w.twin(t, user)
				walk := func(id string) (shown, calls []string) {
					w.registry.took()
					d := w.start(t, asked).send(t, "user_id", id)
					shown, calls = append(shown, bytesOf(t, d)), append(calls, fmt.Sprint(w.registry.took()))
					for _, try := range tries {
						d.ask.Now = d.ask.Now.Add(try.advance)
						d.err = nil
						d.send(t, try.fields...)
						shown, calls = append(shown, bytesOf(t, d)), append(calls, fmt.Sprint(w.registry.took()))
						// A device of somebody else looks at the code.
						_, err := d.remote(t, map[string]string{"do": "claim", "device": w.people["hanne"].Phone.Apps()[0]})
						shown, calls = append(shown, fmt.Sprint(err)), append(calls, fmt.Sprint(w.registry.took()))
					}
					return shown, calls
				}
				known, cost := walk(user)
				unknown, same := walk(twin)
				for i := range known {
					if known[i] != unknown[i] {
						t.Errorf("turn %d\nknown   %s\nunknown %s", i, known[i], unknown[i])
					}
					if cost[i] != same[i] {
						t.Errorf("turn %d costs %s, and %s for nobody", i, cost[i], same[i])
					}
				}
				for i, b := range unknown {
					if strings.Contains(b, "Proven") {
						t.Fatalf("turn %d proved nobody", i)
					}
				}
			})
		}
	}
}

// A user ID that belongs to somebody who cannot log in here looks like one that nobody has.
func TestWhoHoldsNothingLooksLikeNobody(t *testing.T) {
	w := open(t)
	for _, user := range []string{"ib", "gorm", "nobody at all"} {
		d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: user})
		if d.err != nil {
			t.Fatalf("%s: %v", user, d.err)
		}
		s, err := decode(d.state)
		if err != nil || !s.Unknown || len(s.Held) == 0 {
			t.Errorf("%s: %+v, %v", user, s, err)
		}
	}
}

func TestAnUnknownUserIDHoldsTheSameEveryTimeAndEverywhere(t *testing.T) {
	a, b := open(t), open(t)
	looks := map[string]bool{}
	for i := range 200 {
		id := fmt.Sprintf("stranger %d", i)
		one := bytesOf(t, a.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: id}))
		if two := bytesOf(t, b.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: id})); one != two {
			t.Fatalf("%s: %s, then %s", id, one, two)
		}
		looks[one] = true
	}
	if len(looks) < 4 {
		t.Errorf("unknown user IDs look too much alike: %d ways", len(looks))
	}
	other := open(t, func(c *Config) { c.Secret = make([]byte, 32) })
	differ := 0
	for i := range 200 {
		id := fmt.Sprintf("stranger %d", i)
		if bytesOf(t, a.start(t, broker.Ask{Hint: id, Want: loa(assurance.Substantial)})) != bytesOf(t, other.start(t, broker.Ask{Hint: id, Want: loa(assurance.Substantial)})) {
			differ++
		}
	}
	if differ == 0 {
		t.Error("what an unknown user ID holds does not depend on the secret")
	}
}

// Not even the right secret of an invented authenticator proves anything.
func TestNobodyIsEverProved(t *testing.T) {
	w := open(t)
	twin := w.twin(t, "frida")
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: twin}).expect(t, "code:code_display")
	s, err := decode(d.state)
	if err != nil {
		t.Fatal(err)
	}
	seed, known, err := w.seed(t.Context(), authn.Authenticator{ID: s.of(authn.CodeDisplay)[0]})
	if err != nil || known {
		t.Fatal(known, err)
	}
	d.send(t, "code", seed.At(now)).expect(t, "code:code_display!otp.wrong")
	s.Done = []authn.Use{{Kind: authn.CodeDisplay}, {Kind: authn.Password}}
	if d.state, err = s.encode(); err != nil {
		t.Fatal(err)
	}
	d.send(t, "use", "app").expect(t, "internal")
}

// Who knows a user ID can fill the shared lane; the owner's own browser goes on undisturbed.
func TestAStrangerCannotLockTheOwnerOut(t *testing.T) {
	w := open(t)
	frida := w.people["frida"]
	at := now
	for i := range 1000 {
		d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida", Now: at})
		d.send(t, "code", fmt.Sprintf("%06d", i))
		at = at.Add(time.Minute)
	}
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida", Now: at})
	d.send(t, "code", frida.CodeDisplay.Code(at)).expect(t, "code:code_display!auth.paused")
	if until := d.turn.(broker.Prompt).Args["until"]; until <= at.UTC().Format(time.RFC3339) {
		t.Errorf("paused until %q", until)
	}
	mine := func(person string, _ authn.Kind) authn.Lane {
		if person == string(frida.Person.ID) {
			return "my browser"
		}
		return ""
	}
	d = w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida", Now: at, Lane: mine})
	d.send(t, "code", frida.CodeDisplay.Code(at)).send(t, "password", simulator.Password)
	d.expect(t, "Substantial by code display + password")
}
