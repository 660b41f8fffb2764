package eid

import (
	"bytes"
	"context"
	"errors"
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

func TestCodeDisplayAndPassword(t *testing.T) {
	w := open(t)
	anna := w.people["anna"]
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial)}).expect(t, "identify")
	d.send(t, "user_id", " ANNA ").expect(t, "wait:app or code_display")
	d.send(t, "use", "code_display").expect(t, "code:code_display or app")
	d.send(t, "code", "12345").expect(t, "code:code_display!otp.wrong or app")
	d.send(t, "code", anna.CodeDisplay.Code(now)).expect(t, "password:password or app")
	d.send(t, "password", "forkert").expect(t, "password:password!login.failed or app")
	d.send(t, "password", simulator.Password)
	id := d.identity(t)
	want := assurance.Levels{IAL: assurance.Substantial, AAL: assurance.Substantial, FAL: assurance.High}
	if id.Levels != want || id.Person != string(anna.Person.ID) || id.Connector != "mitid" || id.Used != "code display + password" ||
		id.Proofed == "" || !id.AuthTime.Equal(now) || id.Type != broker.Private {
		t.Errorf("%+v", id)
	}
	// The same code a second time, even after the first login.
	d = w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna"}).send(t, "use", "code_display")
	d.send(t, "code", anna.CodeDisplay.Code(now)).expect(t, "code:code_display!otp.reused or app")
	d.ask.Now = now.Add(authn.CodePeriod)
	d.send(t, "code", anna.CodeDisplay.Code(d.ask.Now)).expect(t, "password:password or app")
}

func TestAppApproval(t *testing.T) {
	w := open(t)
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna", Action: broker.Approve, Text: "Overførsel af 2.300 kr."})
	d.expect(t, "wait:app or code_display")
	shown := d.turn.(broker.Wait)
	if shown.Index != w.Index(w.people["anna"].Person.ID) || shown.Show["channel"] != "the-channel" || len(shown.Show["number"]) != 4 ||
		shown.Action != broker.Approve || shown.Text != "Overførsel af 2.300 kr." || shown.Poll <= 0 {
		t.Errorf("%+v", shown)
	}
	before := bytes.Clone(d.state)
	d.send(t).expect(t, "wait:app or code_display")
	if !bytes.Equal(before, d.state) {
		t.Error("asking again changed the state")
	}
	if err := d.approve(t, w.people["anna"], authn.UnlockPIN); err != nil {
		t.Fatal(err)
	}
	if d.turn.(broker.Wait).Index != "" {
		t.Error("still filed as waiting after the approval")
	}
	if err := d.approve(t, w.people["anna"], authn.UnlockPIN); broker.CodeOf(err) != broker.Expired {
		t.Errorf("approved twice: %v", err)
	}
	d.send(t).expect(t, "Substantial by app + PIN or biometrics")
}

// Requested level by authenticators held: which page comes first, and what is reached in the end.
func TestWhoReachesWhat(t *testing.T) {
	for _, c := range []struct {
		who   string
		want  assurance.Level
		steps string // how the person answers: a=app with PIN, s=app swiped, c=code, r=audio code, p=password
		first string
		last  string
	}{
		{"anna", assurance.Low, "p", "password:password or app", "Low by password"},
		{"david", assurance.Low, "p", "password:password or app", "Low by password"},
		{"carla", assurance.Low, "p", "password:password", "Low by password"},
		{"emma", assurance.Low, "s", "wait:app", "Low by app, swiped"},
		{"emma", assurance.Low, "a", "wait:app", "Substantial by app + PIN or biometrics"},
		{"anna", assurance.Substantial, "a", "wait:app or code_display", "Substantial by app + PIN or biometrics"},
		{"bo", assurance.Substantial, "a", "wait:app", "Substantial by enhanced app + PIN or biometrics"},
		{"carla", assurance.Substantial, "rp", "code:audio_reader", "Substantial by audio code reader + password"},
		{"emma", assurance.Substantial, "a", "wait:app", "Substantial by app + PIN or biometrics"},
		{"frida", assurance.Substantial, "cp", "code:code_display", "Substantial by code display + password"},
		{"hanne", assurance.Substantial, "a", "wait:app", "Substantial by app + PIN or biometrics"},
		{"jens", assurance.Substantial, "cp", "code:code_display", "Substantial by code display + password"},
		{"karl", assurance.Substantial, "a", "wait:app or code_display", "Substantial by app + PIN or biometrics"},
		{"david", assurance.Substantial, "a", "wait:app", "level_unmet"}, // IAL Low
		{"anna", assurance.High, "a", "wait:app or code_display", "level_unmet"},
		{"carla", assurance.High, "rp", "code:audio_reader", "level_unmet"},
		{"bo", assurance.High, "a", "wait:app", "level_unmet"}, // the chip has no ceremony here
		{"locked", assurance.Substantial, "c", "code:code_display", "code:code_display!auth.paused"},
	} {
		t.Run(fmt.Sprintf("%s %v %s", c.who, c.want, c.steps), func(t *testing.T) {
			w := open(t)
			h := w.people[c.who]
			d := w.start(t, broker.Ask{Want: loa(c.want), Hint: c.who}).expect(t, c.first)
			for _, step := range c.steps {
				switch step {
				case 'a', 's':
					unlock := map[rune]authn.Unlock{'a': authn.UnlockPIN, 's': authn.UnlockNone}[step]
					if err := d.approve(t, h, unlock); err != nil {
						t.Fatal(err)
					}
					d.send(t)
				case 'c':
					d.send(t, "code", h.CodeDisplay.Code(now))
				case 'r':
					d.send(t, "code", h.AudioReader.Code(now))
				case 'p':
					d.send(t, "password", simulator.Password)
				}
			}
			d.expect(t, c.last)
		})
	}
}

func TestARefusalSaysWhatIsMissing(t *testing.T) {
	for who, wants := range map[string][]string{
		"anna":  {"AAL High", "{[password chip] [chip] []}"},
		"bo":    {"AAL High", "{[password chip] [] [chip]}"},
		"david": {"IAL Substantial", "Low"},
	} {
		w := open(t)
		level := assurance.High
		if who == "david" {
			level = assurance.Substantial
		}
		d := w.start(t, broker.Ask{Want: loa(level), Hint: who})
		if err := d.approve(t, w.people[who], authn.UnlockBiometrics); err != nil {
			t.Fatal(err)
		}
		d.send(t).expect(t, "level_unmet")
		var e *broker.Error
		if !errors.As(d.err, &e) {
			t.Fatal(d.err)
		}
		for _, part := range wants {
			if said := fmt.Sprint(e.Text, e.Ways); !strings.Contains(said, part) {
				t.Errorf("%s: %q lacks %q", who, said, part)
			}
		}
		// What the person holds is for the person alone.
		for _, kind := range []string{"password", "chip"} {
			if strings.Contains(e.Text, kind) || strings.Contains(e.Error(), kind) {
				t.Errorf("%s: the party or the log is told of a %s: %v", who, kind, e)
			}
		}
	}
}

func TestThePartysPreferenceIsAimedForWhereItCanBeReached(t *testing.T) {
	w := open(t)
	prefer := []assurance.Minimum{loa(assurance.High), loa(assurance.Substantial)}
	w.start(t, broker.Ask{Want: loa(assurance.Low), Prefer: prefer, Hint: "anna"}).expect(t, "wait:app or code_display")
	w.start(t, broker.Ask{Want: loa(assurance.Low), Prefer: prefer, Hint: "david"}).expect(t, "wait:app") // whose IAL is Low, which is nobody's business yet
}

func TestStepUpAsksOnlyForWhatIsMissing(t *testing.T) {
	w := open(t)
	anna := w.people["anna"]
	var refused *broker.Error
	low := w.start(t, broker.Ask{Want: loa(assurance.Low), Hint: "anna"}).send(t, "password", simulator.Password).identity(t)
	ask := broker.Ask{Want: loa(assurance.Substantial), Person: low.Person, Have: &low, Now: now.Add(time.Minute)}
	d := w.start(t, ask).expect(t, "code:code_display or app")
	d.send(t, "code", anna.CodeDisplay.Code(d.ask.Now)).expect(t, "Substantial by code display + password")
	if id := d.identity(t); len(id.Uses) != 2 || !id.AuthTime.Equal(d.ask.Now) {
		t.Errorf("%+v", id)
	}
	// High is out of reach, and the session has proved who asks.
	ask.Want = loa(assurance.High)
	if d := w.start(t, ask).expect(t, "level_unmet"); !errors.As(d.err, &refused) || !slices.Equal(refused.Ways[0].Obtain, []authn.Kind{authn.Chip}) {
		t.Error(d.err)
	}
	// What the session proved counts for nobody else, and not through another connector.
	ask.Want = loa(assurance.Substantial)
	for _, change := range []func(*broker.Identity){
		func(i *broker.Identity) { i.Person = "somebody" },
		func(i *broker.Identity) { i.Connector = "upstream" },
	} {
		other := low
		change(&other)
		ask.Have = &other
		w.start(t, ask).expect(t, "wait:app or code_display")
	}
	// A password that was blocked since counts for nothing.
	a, _ := anna.Authenticator(authn.Password)
	a.State = authn.Blocked
	w.registry.held[a.ID] = a
	ask.Have = &low
	w.start(t, ask).expect(t, "wait:app")
	// Nor does one that was replaced since, by whoever knows the new one.
	a.State, a.Created = authn.Active, low.AuthTime.Add(time.Second)
	w.registry.held[a.ID] = a
	w.start(t, ask).expect(t, "wait:app or code_display")
	a.State = authn.Blocked
	w.registry.held[a.ID] = a
	// Nobody else can take the place of the person.
	d = w.start(t, ask)
	d.send(t, "user_id", "bo").expect(t, "wait:app")
	if err := d.approve(t, w.people["bo"], authn.UnlockPIN); broker.CodeOf(err) != broker.Refused {
		t.Error(err)
	}
	ask.Person = "nobody"
	w.start(t, ask).expect(t, "refused")
}

func TestNothingNewIsProvedWhereTheSessionSuffices(t *testing.T) {
	w := open(t)
	id := w.start(t, broker.Ask{Want: loa(assurance.Low), Hint: "anna"}).send(t, "password", simulator.Password).identity(t)
	again := w.start(t, broker.Ask{Want: loa(assurance.Low), Person: id.Person, Have: &id, Now: now.Add(time.Hour)}).identity(t)
	if !again.AuthTime.Equal(now) {
		t.Errorf("the authentication became younger: %v", again.AuthTime)
	}
}

func TestWhoMayNotLogInLearnsItLast(t *testing.T) {
	for name, change := range map[string]func(*authn.Person){
		"blocked":   func(p *authn.Person) { p.State = authn.PersonBlocked },
		"dead":      func(p *authn.Person) { p.State = authn.PersonDead },
		"half-read": func(p *authn.Person) { p.State = "" },
		"too young": func(p *authn.Person) { p.BirthDate = authn.Date{Year: 2013, Month: 11, Day: 23} },
		"no age":    func(p *authn.Person) { p.BirthDate = authn.Date{} },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.registry.set(w.people["jens"].Person.ID, change)
			d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens"}).expect(t, "code:code_display")
			d.send(t, "code", w.people["jens"].CodeDisplay.Code(now)).expect(t, "password:password")
			d.send(t, "password", "wrong password").expect(t, "password:password!login.failed")
			d.send(t, "password", simulator.Password).expect(t, "refused")
			if broker.TextOf(d.err) != "The person may not log in here." {
				t.Errorf("the refusal tells why: %v", d.err)
			}
		})
	}
	w := open(t)
	w.registry.set(w.people["jens"].Person.ID, func(p *authn.Person) { p.BirthDate = authn.Date{Year: 2013, Month: 11, Day: 22} })
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens"})
	d.send(t, "code", w.people["jens"].CodeDisplay.Code(now)).send(t, "password", simulator.Password).expect(t, "Substantial by code display + password")
}

func TestAnotherUserIDBeginsAnew(t *testing.T) {
	w := open(t)
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida"}).expect(t, "code:code_display")
	d.send(t, "user_id", "Frida", "code", w.people["frida"].CodeDisplay.Code(now)).expect(t, "password:password")
	d.send(t, "user_id", "carla").expect(t, "code:audio_reader")
	d.send(t, "cancel", "1").expect(t, "cancelled")
}

func TestInputThatCannotBeRight(t *testing.T) {
	w := open(t)
	for _, id := range []string{"", "a", "610190-1234", strings.Repeat("a", 4096), "a\x00b", "\u202ebo"} {
		w.start(t, broker.Ask{Want: loa(assurance.Substantial)}).send(t, "user_id", id).expect(t, "identify!login.failed")
	}
	w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "610190-1234"}).expect(t, "identify")
	d := w.start(t, broker.Ask{Want: loa(assurance.Low), Hint: "anna"}).expect(t, "password:password or app")
	w.registry.took()
	for _, p := range []string{"", strings.Repeat("a", 65), strings.Repeat("a", 4096), "\xff\xfe"} {
		d.send(t, "password", p).expect(t, "password:password!login.failed or app")
	}
	d.send(t, "use", "chip").expect(t, "password:password or app")
	if calls := w.registry.took(); len(calls) != 0 {
		t.Errorf("counted what cannot be right: %v", calls)
	}
	for _, ask := range []broker.Ask{{Text: "a\u202eb"}, {Text: strings.Repeat("a", 131)}, {Action: "PAY"}} {
		w.start(t, ask).expect(t, "invalid_request")
	}
}

func TestNewReportsEverythingAtOnce(t *testing.T) {
	_, err := New(Config{Limits: authn.Limits{Daily: -1}, Poll: -1})
	for _, field := range []string{"Scheme:", "Registry", "Usual", "Limits", "Secret", "Poll"} {
		if err == nil || !strings.Contains(err.Error(), "eid: Config."+field) && !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not reported: %v", field, err)
		}
	}
	scheme := authn.MitID(authn.MitIDOptions{})
	scheme.Usual = append(scheme.Usual, []authn.Kind{authn.Chip})
	if _, err := New(Config{Scheme: scheme, Registry: &memory{}, Secret: make([]byte, 32)}); err == nil {
		t.Error("people who hold a chip only stand out: they cannot be played")
	}
}

func TestARegistryThatIsDownDecidesNothing(t *testing.T) {
	w := open(t)
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens"})
	down := errors.New("connection refused")
	w.registry.fail = down
	for _, err := range []error{
		w.start(t, broker.Ask{Want: loa(assurance.Low), Hint: "anna"}).err,
		w.start(t, broker.Ask{Want: loa(assurance.Low), Person: "x"}).err,
		d.send(t, "code", "123456").err,
	} {
		var coded *broker.Error
		if broker.CodeOf(err) != broker.Unavailable || !errors.Is(err, down) || errors.As(err, &coded) {
			t.Errorf("%v", err)
		}
	}
}

// What is blocked between two pages is worth nothing on the second, however right the answer.
func TestAnAuthenticatorBlockedMeanwhileProvesNothing(t *testing.T) {
	for name, change := range map[string]func(*authn.Authenticator){
		"blocked":          func(a *authn.Authenticator) { a.State = authn.Blocked },
		"paused":           func(a *authn.Authenticator) { a.State = authn.Paused },
		"somebody else's":  func(a *authn.Authenticator) { a.Person = "somebody else" },
		"another verifier": func(a *authn.Authenticator) { a.Verifier = []byte("damaged") },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			frida, emma := w.people["frida"], w.people["emma"]
			alter := func(id string) {
				a := w.registry.held[id]
				change(&a)
				w.registry.held[id] = a
			}
			d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida"})
			passed := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida"})
			passed.send(t, "code", frida.CodeDisplay.Code(now)).expect(t, "password:password")
			app := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "emma"})
			for _, h := range []simulator.Holder{frida, emma} {
				for _, a := range h.Authenticators {
					alter(a.ID)
				}
			}
			d.ask.Now = now.Add(authn.CodePeriod)
			d.send(t, "code", frida.CodeDisplay.Code(d.ask.Now)).expect(t, "code:code_display!otp.wrong")
			passed.send(t, "password", simulator.Password).expect(t, "password:password!login.failed")
			if err := app.approve(t, emma, authn.UnlockPIN); broker.CodeOf(err) != broker.Refused {
				t.Errorf("the app approved: %v", err)
			}
		})
	}
}

// Whoever holds two code displays may use either, and the one left in the drawer is not counted as wrong.
func TestTwoCodeDisplays(t *testing.T) {
	w := open(t)
	frida, jens := w.people["frida"], w.people["jens"]
	second := w.registry.held[jens.CodeDisplay.Authenticator]
	second.Person = frida.Person.ID
	w.registry.held[second.ID] = second
	for i := range 20 {
		at := now.Add(time.Duration(i) * time.Minute)
		device := []*simulator.CodeDevice{frida.CodeDisplay, jens.CodeDisplay}[i%2]
		d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "frida", Now: at})
		d.send(t, "code", device.Code(at)).expect(t, "password:password")
	}
}

func Example() {
	people, err := simulator.People(now)
	if err != nil {
		panic(err)
	}
	anna := people[0]
	registry := &memory{users: map[string]authn.PersonID{"mitid/anna": anna.Person.ID},
		people: map[authn.PersonID]authn.Person{anna.Person.ID: anna.Person},
		held:   map[string]authn.Authenticator{}, attempts: map[string]authn.Attempts{}}
	for _, a := range anna.Authenticators {
		registry.held[a.ID] = a
	}
	mitid, err := New(Config{Scheme: authn.MitID(authn.MitIDOptions{UserIDMin: 2}), Registry: registry, Secret: make([]byte, 32)})
	if err != nil {
		panic(err)
	}
	ask := broker.Ask{Want: assurance.Minimum{LoA: assurance.Substantial}, Party: "Demo", Channel: "c", Now: now}
	turn, state, err := mitid.Start(context.Background(), ask)
	for _, fields := range []map[string]string{
		{"user_id": "anna"},
		{"use": "code_display"},
		{"code": anna.CodeDisplay.Code(now)},
		{"password": simulator.Password},
	} {
		fmt.Printf("%T\n", turn)
		turn, state, err = mitid.Continue(context.Background(), ask, state, broker.Input{Fields: fields})
		if err != nil {
			panic(err)
		}
	}
	fmt.Println(turn.(broker.Proven).Identity.Used)
	// Output:
	// broker.Prompt
	// broker.Wait
	// broker.Prompt
	// broker.Prompt
	// code display + password
}
