package eid

import (
	"maps"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

func TestHostileDevices(t *testing.T) {
	w := open(t)
	anna, bo := w.people["anna"], w.people["bo"]
	device := anna.Phone.Apps()[0]
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna", Text: "Overførsel af 2.300 kr."})
	claim := func() map[string]string {
		turn, err := d.remote(t, map[string]string{"do": "claim", "device": device})
		if err != nil {
			t.Fatal(err)
		}
		return turn.(broker.Reply).Fields
	}
	good, err := anna.Phone.Answer(claim(), authn.UnlockPIN, simulator.PIN, now)
	if err != nil {
		t.Fatal(err)
	}
	swipe, err := anna.Phone.Answer(claim(), authn.UnlockNone, "", now)
	if err != nil {
		t.Fatal(err)
	}
	spoofed := claim()
	spoofed["text"] = "Overførsel af 2 kr."
	other, err := anna.Phone.Answer(spoofed, authn.UnlockPIN, simulator.PIN, now)
	if err != nil {
		t.Fatal(err)
	}
	with := func(m map[string]string, k, v string) map[string]string {
		m = maps.Clone(m)
		m[k] = v
		return m
	}
	for name, c := range map[string]struct {
		fields map[string]string
		want   broker.Code
	}{
		"another person's app":      {map[string]string{"do": "claim", "device": bo.Phone.Apps()[0]}, broker.Refused},
		"no app at all":             {map[string]string{"do": "claim", "device": anna.CodeDisplay.Authenticator}, broker.Refused},
		"unknown device":            {map[string]string{"do": "claim", "device": "nobody's"}, broker.Refused},
		"no device":                 {map[string]string{"do": "claim"}, broker.InvalidRequest},
		"long device":               {map[string]string{"do": "claim", "device": strings.Repeat("x", 4096)}, broker.InvalidRequest},
		"unknown verb":              {map[string]string{"do": "approve", "device": device}, broker.InvalidRequest},
		"browser fields":            {map[string]string{"user_id": "bo"}, broker.InvalidRequest},
		"swipe where PIN is needed": {swipe, broker.LevelUnmet},
		"swipe called PIN":          {with(swipe, "unlock", "pin"), broker.Refused},
		"other text was shown":      {other, broker.Refused},
		"raised counter":            {with(good, "counter", "99"), broker.Refused},
		"counter not a number":      {with(good, "counter", "-1"), broker.InvalidRequest},
		"signature not base64":      {with(good, "signature", "!"), broker.InvalidRequest},
		"no signature":              {with(good, "signature", ""), broker.Refused},
	} {
		if _, err := d.remote(t, c.fields); broker.CodeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		d.send(t).expect(t, "wait:app or code_display")
	}
	if _, err := d.remote(t, good); err != nil {
		t.Fatalf("benign twin: %v", err)
	}
	d.send(t).expect(t, "Substantial by app + PIN or biometrics")
	// The same answer in another transaction, and the same signature counter anywhere.
	d = w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna", Text: "Overførsel af 2.300 kr."})
	if _, err := d.remote(t, good); broker.CodeOf(err) != broker.Refused {
		t.Errorf("replay: %v", err)
	}
	// Once another authenticator is asked, the app has nothing to answer.
	d.send(t, "use", "code_display")
	if _, err := d.remote(t, map[string]string{"do": "claim", "device": device}); broker.CodeOf(err) != broker.Expired {
		t.Errorf("claim of a code prompt: %v", err)
	}
}

func TestDecliningEndsTheLogin(t *testing.T) {
	w := open(t)
	d := w.start(t, broker.Ask{Want: loa(assurance.Substantial), Hint: "anna"})
	if _, err := d.remote(t, map[string]string{"do": "reject", "device": w.people["bo"].Phone.Apps()[0]}); broker.CodeOf(err) != broker.Refused {
		t.Errorf("a stranger declined: %v", err)
	}
	if _, err := d.remote(t, map[string]string{"do": "reject", "device": w.people["anna"].Phone.Apps()[0]}); err != nil {
		t.Fatal(err)
	}
	if err := d.approve(t, w.people["anna"], authn.UnlockPIN); broker.CodeOf(err) != broker.Expired {
		t.Errorf("approved after declining: %v", err)
	}
	d.send(t).expect(t, "cancelled")
}
