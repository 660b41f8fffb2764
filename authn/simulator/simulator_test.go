package simulator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func people(t *testing.T) map[string]Holder {
	t.Helper()
	all, err := People(now)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]Holder{}
	for _, h := range all {
		m[h.UserID] = h
	}
	return m
}

func TestPeopleAreFictitiousAndConsistent(t *testing.T) {
	uuids, cprs, ids := map[string]bool{}, map[string]bool{}, map[string]bool{}
	rule := authn.MitID(authn.MitIDOptions{UserIDMin: 2})
	if len(people(t)) != 12 {
		t.Fatal("the dev profile has twelve people")
	}
	for name, h := range people(t) {
		p := h.Person
		digits := p.CPR.Reveal("test of seeded people")
		if !p.CPR.Fictitious() || cprs[digits] || ids[string(p.ID)] || (p.UUID != "" && uuids[p.UUID]) {
			t.Errorf("%s: CPR not fictitious, or an identifier twice", name)
		}
		uuids[p.UUID], cprs[digits], ids[string(p.ID)] = true, true, true
		if want := fmt.Sprintf("%02d%02d%02d", p.BirthDate.Day+60, p.BirthDate.Month, p.BirthDate.Year%100); digits[:6] != want {
			t.Errorf("%s: CPR and birth date differ", name)
		}
		if n, err := rule.UserIDs.Normalise(name); err != nil || n != name {
			t.Errorf("%s: %v", name, err)
		}
		if p.Name() == "" || p.State != authn.PersonActive || p.IAL == assurance.None || p.Proofing == "" {
			t.Errorf("%s: %+v", name, p)
		}
		for _, a := range h.Authenticators {
			if a.Person != p.ID || a.State != authn.Active || len(a.Verifier) == 0 || ids[a.ID] {
				t.Errorf("%s: %+v", name, a.Kind)
			}
			ids[a.ID] = true
		}
	}
	m := people(t)
	if m["emma"].Person.BirthDate.Age(now) != 14 || !m["frida"].Person.Protected || m["david"].Person.IAL != assurance.Low ||
		m["bo"].Person.IAL != assurance.High || m["gorm"].Scheme != "nemid" || m["bo"].Chip == nil || len(m["ib"].Authenticators) != 0 {
		t.Error("somebody is not who the dev profile says")
	}
}

func TestPeopleAreTheSameEveryTime(t *testing.T) {
	a, b := people(t), people(t)
	for name := range a {
		x, y := a[name], b[name]
		if x.Person != y.Person || len(x.Authenticators) != len(y.Authenticators) {
			t.Errorf("%s differs", name)
		}
		for i := range x.Authenticators {
			if x.Authenticators[i].ID != y.Authenticators[i].ID || string(x.Authenticators[i].Verifier) != string(y.Authenticators[i].Verifier) {
				t.Errorf("%s: %s differs", name, x.Authenticators[i].Kind)
			}
		}
	}
}

func TestPreparedHashesAreOfThePassword(t *testing.T) {
	p, err := authn.NewPasswords(authn.PasswordConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rule := authn.MitID(authn.MitIDOptions{UserIDMin: 2})
	for name, h := range people(t) {
		a, ok := h.Authenticator(authn.Password)
		if !ok {
			continue
		}
		turn, err := p.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stale, err := turn.Finish(a.Verifier, rule.Passwords.Normalise(Password)); err != nil || stale {
			t.Errorf("%s: stale %v, %v", name, stale, err)
		}
		if err := rule.Passwords.Check(Password, h.UserID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLockedIsPausedForAnHour(t *testing.T) {
	h := people(t)["locked"]
	for hour := range 24 { // whatever the time of day the server starts
		begin := now.Add(time.Duration(hour) * time.Hour)
		h, err := h.at(begin)
		if err != nil {
			t.Fatal(err)
		}
		var a authn.Attempts
		for _, f := range h.Failed {
			if a, err = (authn.Limits{}).Reserve(a, "", f.At); err != nil {
				t.Fatalf("start at %v: %v", begin, err)
			}
		}
		if !a.PausedUntil.Equal(begin.Add(time.Hour)) || a.Blocked {
			t.Errorf("start at %v: %+v", begin, a)
		}
		if _, err := (authn.Limits{}).Reserve(a, "", begin.Add(time.Hour)); err != nil {
			t.Errorf("start at %v, an hour later: %v", begin, err)
		}
	}
}

func (h Holder) at(now time.Time) (Holder, error) {
	all, err := People(now)
	for _, o := range all {
		if o.UserID == h.UserID {
			return o, err
		}
	}
	return Holder{}, errors.New("nobody")
}

func challenge(t *testing.T, h Holder) (authn.Authenticator, authn.Challenge) {
	t.Helper()
	a, ok := h.Authenticator(authn.App)
	if !ok {
		t.Fatal("no app")
	}
	c, err := authn.BeginApproval(rand.Reader, "channel", a.ID, "Demo", "LOG_ON", "")
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestThePhoneSignsWhatItShows(t *testing.T) {
	h := people(t)["anna"]
	a, c := challenge(t, h)
	for _, u := range []authn.Unlock{authn.UnlockPIN, authn.UnlockBiometrics, authn.UnlockNone} {
		answer, err := h.Phone.Approve(c, u, PIN, now)
		if err != nil {
			t.Fatal(err)
		}
		use, err := authn.FinishApproval(a, c, answer)
		if err != nil || use.Unlocked != (u != authn.UnlockNone) {
			t.Fatalf("%s: %+v, %v", u, use, err)
		}
		a.Counter = answer.Counter
	}
	c.Text = "Betal \u202e100"
	if _, err := h.Phone.Approve(c, authn.UnlockPIN, PIN, now); err == nil {
		t.Error("signed what it cannot show")
	}
	c.Text, c.Device = "", "another"
	if _, err := h.Phone.Approve(c, authn.UnlockPIN, PIN, now); !errors.Is(err, ErrNotOnPhone) {
		t.Error(err)
	}
}

func TestWrongPINsAreCountedInThePhone(t *testing.T) {
	h := people(t)["anna"]
	_, c := challenge(t, h)
	for range 3 {
		if _, err := h.Phone.Approve(c, authn.UnlockPIN, "000000", now); !errors.Is(err, ErrPIN) {
			t.Fatal(err)
		}
	}
	var paused *authn.PausedError
	if _, err := h.Phone.Approve(c, authn.UnlockPIN, PIN, now); !errors.As(err, &paused) {
		t.Fatalf("the right PIN during the pause: %v", err)
	}
	if _, err := h.Phone.Approve(c, authn.UnlockPIN, PIN, paused.Until); err != nil {
		t.Fatal(err)
	}
}

func TestASharedPhoneHasNoBiometrics(t *testing.T) {
	m := people(t)
	h := m["anna"]
	_, c := challenge(t, h)
	key := m["bo"].Chip.Key
	h.Phone.Install("second user", key, PIN, 0)
	if _, err := h.Phone.Approve(c, authn.UnlockBiometrics, "", now); !errors.Is(err, ErrNoBiometrics) {
		t.Fatal(err)
	}
	if len(h.Phone.Apps()) != 2 {
		t.Error("two apps")
	}
}

func ExamplePeople() {
	everybody, err := People(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	anna := everybody[0]
	fmt.Println(anna.Person.Name(), anna.Person.CPR, anna.CodeDisplay.Code(time.Unix(1_800_000_000, 0)))
	// Output: Anna Andersen ######-#### 208440
}

func BenchmarkPeople(b *testing.B) {
	for b.Loop() {
		if _, err := People(now); err != nil {
			b.Fatal(err)
		}
	}
}
