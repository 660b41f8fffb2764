package broker_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// TestLoginIsHonest goes from a request to a grant and finds in it what was proven, nothing more.
func TestLoginIsHonest(t *testing.T) {
	w := newWorld(t)
	result := w.login(w.browser(), request("shop"), "anna", assurance.Substantial)
	if got := result.Levels(); got != (assurance.Levels{IAL: assurance.Substantial, AAL: assurance.Substantial, FAL: assurance.High}) {
		t.Fatalf("levels %v", got)
	}
	grant := w.redeem("shop", result.Code())
	if grant.Levels.LoA() != assurance.Substantial || grant.Person != "anna" || grant.Subject == "anna" || grant.Subject == "" {
		t.Fatalf("grant %+v", grant)
	}
	if _, err := w.broker.Access(w.ctx, "oidc", "shop", grant.ID, "token"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.broker.Access(w.ctx, "oidc", "bank", grant.ID, "token"); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("another party used the grant: %v", err)
	}
	w.mustLog("asked", "authenticated", "answered", "issued")
}

func TestSubjectsArePairwise(t *testing.T) {
	w := newWorld(t)
	subject := func(party string) string {
		return w.redeem(party, w.login(w.browser(), request(party), "anna", assurance.Substantial).Code()).Subject
	}
	if subject("shop") != subject("shop-app") || subject("shop") == subject("bank") {
		t.Error("one organisation knows a person by one subject, another by another")
	}
}

// TestStolenAddressIsWorthless opens every step in a browser that did not begin.
func TestStolenAddressIsWorthless(t *testing.T) {
	w := newWorld(t)
	owner, thief := w.browser(), w.browser()
	for _, stage := range []struct {
		name   string
		fields map[string]string
	}{
		{"at the start", nil},
		{"after the user ID", map[string]string{"user": "anna"}},
		{"at consent", map[string]string{"level": "Substantial"}},
		{"when answered", map[string]string{"consent": "yes"}},
	} {
		t.Run(stage.name, func(t *testing.T) {
			if stage.fields == nil {
				tx, _, err := w.broker.Begin(w.ctx, request("asking"), owner.open())
				if err != nil {
					t.Fatal(err)
				}
				w.tx = tx.ID
			} else if _, _, err := w.next(owner, w.tx, stage.fields); err != nil {
				t.Fatal(err)
			}
			for _, fields := range []map[string]string{nil, {"user": "bo"}, {"cancel": "1"}, {"consent": "yes"}} {
				if _, _, err := w.next(thief, w.tx, fields); broker.CodeOf(err) != broker.WrongBrowser {
					t.Fatalf("%v in another browser: %v", fields, err)
				}
			}
		})
	}
}

func TestSingleSignOnKeepsTheLevel(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	first := w.login(br, request("shop"), "anna", assurance.Substantial)
	w.clock.advance(5 * time.Minute)
	w.store.calls.Store(0)
	r := request("bank")
	tx, step, err := w.broker.Begin(w.ctx, r, br.open())
	done, ok := step.(broker.Done)
	if err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	if tx.Check != "satisfied" || done.Result.Levels() != first.Levels() || !done.Result.AuthTime().Equal(first.AuthTime()) {
		t.Errorf("%s: %v at %v", tx.Check, done.Result.Levels(), done.Result.AuthTime())
	}
	if done.Result.SID() == first.SID() {
		t.Error("two parties know the session by one name")
	}
	w.redeem("bank", done.Result.Code())
	if n := w.store.calls.Load(); n > 6 {
		t.Errorf("%d store round trips, 6 are the limit", n)
	}
	if _, step, err = w.broker.Begin(w.ctx, request("alone"), br.open()); err != nil {
		t.Fatal(err)
	}
	if _, ok := step.(broker.Show); !ok {
		t.Errorf("a party outside single sign-on was answered from the session: %T", step)
	}
}

func TestStepUpAsksOnlyForWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("casual"), "anna", assurance.Low)
	_, step, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := step.(broker.Show); !ok {
		t.Fatalf("%T", step)
	}
	asked := w.connector.last()
	if asked.Person != "anna" || asked.Have == nil || asked.Have.Levels.AAL != assurance.Low || asked.Want.LoA != assurance.Substantial {
		t.Fatalf("the connector was asked %+v", asked)
	}
	// Another person in the middle of it is refused.
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	_, step, err = w.next(br, tx.ID, map[string]string{"user": "bo", "level": "High"})
	if refused, ok := step.(broker.Refuse); err != nil || !ok || refused.Err.Code != broker.Refused {
		t.Fatalf("%#v, %v", step, err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		request func(*broker.Request)
		fields  []map[string]string
		code    broker.Code
		explain bool
	}{
		{"passive and nobody there", func(r *broker.Request) { r.Passive = true }, nil, broker.LoginRequired, false},
		{"cancelled", nil, []map[string]string{{"cancel": "1"}}, broker.Cancelled, false},
		{"level not reached", nil, []map[string]string{{"user": "anna", "level": "Low"}}, broker.LevelUnmet, true},
		{"proofed too weakly", nil, []map[string]string{{"user": "david", "level": "High"}}, broker.LevelUnmet, true},
		{"blocked", nil, []map[string]string{{"user": "blocked", "level": "High"}}, broker.Refused, true},
		{"unknown to the directory", nil, []map[string]string{{"user": "nobody", "level": "High"}}, broker.Refused, true},
		{"refused by the connector", nil, []map[string]string{{"fail": "1"}}, broker.Refused, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			br, r := w.browser(), request("shop")
			if c.request != nil {
				c.request(&r)
			}
			tx, step, err := w.broker.Begin(w.ctx, r, br.open())
			for _, f := range c.fields {
				if err != nil {
					break
				}
				_, step, err = w.next(br, tx.ID, f)
			}
			refused, ok := step.(broker.Refuse)
			if err != nil || !ok || refused.Err.Code != c.code || refused.Explain != c.explain {
				t.Fatalf("%#v, %v", step, err)
			}
			if !c.explain {
				return
			}
			if refused.Err.Text == "" {
				t.Error("nothing is explained")
			}
			if _, step, err = w.next(br, tx.ID, nil); err != nil || !step.(broker.Refuse).Explain {
				t.Errorf("a reload explains nothing: %#v, %v", step, err)
			}
			if _, step, err = w.next(br, tx.ID, map[string]string{"back": "1"}); err != nil || step.(broker.Refuse).Explain {
				t.Errorf("no way back: %#v, %v", step, err)
			}
			if _, _, err = w.next(br, tx.ID, map[string]string{"user": "bo", "level": "High"}); broker.CodeOf(err) != broker.Expired {
				t.Errorf("a refused login went on: %v", err)
			}
		})
	}
	w.mustLog("refused")
}

// TestBeginRefusesWhatIsNotRegistered before anything is stored.
func TestBeginRefusesWhatIsNotRegistered(t *testing.T) {
	w := newWorld(t)
	negative := -time.Second
	for name, c := range map[string]struct {
		change func(*broker.Request)
		code   broker.Code
	}{
		"unknown party":        {func(r *broker.Request) { r.Party = "nobody" }, broker.UnknownParty},
		"other protocol":       {func(r *broker.Request) { r.Protocol = "saml" }, broker.UnknownParty},
		"disabled party":       {func(r *broker.Request) { r.Party = "disabled" }, broker.UnknownParty},
		"claim not registered": {func(r *broker.Request) { r.Claims = []string{"mitid"} }, broker.NotAllowed},
		"CPR without a basis":  {func(r *broker.Request) { r.Party, r.Claims = "no-basis", []string{"ssn"} }, broker.NotAllowed},
		"unknown connector":    {func(r *broker.Request) { r.Connector = "bankid" }, broker.NotAllowed},
		"passive and forced":   {func(r *broker.Request) { r.Passive, r.Force = true, true }, broker.InvalidRequest},
		"negative age":         {func(r *broker.Request) { r.MaxAge = &negative }, broker.InvalidRequest},
		"text too long":        {func(r *broker.Request) { r.Text = strings.Repeat("ø", broker.MaxText+1) }, broker.InvalidRequest},
		"not a level":          {func(r *broker.Request) { r.Want = []assurance.Minimum{{LoA: 9}} }, broker.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w.store.calls.Store(0)
			r := request("shop")
			c.change(&r)
			if _, _, err := w.broker.Begin(w.ctx, r, w.browser().open()); broker.CodeOf(err) != c.code {
				t.Fatalf("%v, want %s", err, c.code)
			}
			if w.store.calls.Load() != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestEverythingEnds(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(10 * time.Minute)
	if _, _, err := w.next(br, tx.ID, nil); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a transaction outlived its ten minutes: %v", err)
	}
	result := w.login(br, request("shop"), "anna", assurance.Substantial)
	w.clock.advance(time.Minute)
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", result.Code()); broker.CodeOf(err) != broker.Expired {
		t.Errorf("a code outlived its minute: %v", err)
	}
	for range 10 { // used again and again, a session still ends after four and a half hours
		w.clock.advance(28 * time.Minute)
		if _, step, err := w.broker.Begin(w.ctx, request("bank"), br.open()); err != nil {
			t.Fatal(err)
		} else if _, ok := step.(broker.Done); !ok {
			if _, ok := step.(broker.Show); !ok || w.clock.now().Sub(result.AuthTime()) < 4*time.Hour {
				t.Fatalf("%T after %v", step, w.clock.now().Sub(result.AuthTime()))
			}
			return
		}
	}
	t.Fatal("the session outlived its absolute life")
}

func TestStoreDownFailsClosed(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	code := w.login(br, request("shop"), "anna", assurance.Substantial).Code()
	w.store.down.Store(true)
	passive := request("bank")
	passive.Passive = true
	if _, step, err := w.broker.Begin(w.ctx, passive, br.open()); broker.CodeOf(err) != broker.Unavailable {
		t.Errorf("silence was read as nobody being logged in: %T, %v", step, err)
	}
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code); broker.CodeOf(err) != broker.Unavailable {
		t.Errorf("redeemed without a store: %v", err)
	}
	w.store.down.Store(false)
	if _, err := w.broker.Redeem(w.ctx, "oidc", "shop", code); err != nil {
		t.Errorf("the code was lost: %v", err)
	}
}

func TestConsentIsAskedOnceAndKept(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("asking"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	_, step, err := w.next(br, tx.ID, map[string]string{"user": "anna", "level": "Substantial"})
	if c, ok := step.(broker.Consenting); err != nil || !ok || !slices.Equal(c.Claims, []string{"profile"}) {
		t.Fatalf("%#v, %v", step, err)
	}
	if _, step, err = w.next(br, tx.ID, map[string]string{"consent": "yes"}); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Done); !ok {
		t.Fatalf("%T", step)
	}
	if _, step, err = w.broker.Begin(w.ctx, request("asking"), br.open()); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Done); !ok {
		t.Fatalf("asked again: %T", step)
	}
	tx, _, err = w.broker.Begin(w.ctx, request("asking"), w.browser().open())
	if err != nil {
		t.Fatal(err)
	}
}

func TestKnownBrowserHasALaneOfItsOwn(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	if w.login(br, request("shop"), "anna", assurance.Substantial); w.connector.last().Lane("anna", authn.Password) != "" {
		t.Error("a stranger's browser had a lane before its first login")
	}
	w.login(br, request("alone"), "anna", assurance.Substantial)
	ask := w.connector.last()
	if ask.Lane("anna", authn.Password) == "" || ask.Lane("bo", authn.Password) != "" {
		t.Error("a browser is known for the person who logged in from it, and for nobody else")
	}
	if ask.Lane("anna", authn.CodeDisplay) != "" {
		t.Error("a password opened a lane in which codes can be guessed")
	}
}

func TestRemoteDevice(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	tx, _, err := w.broker.Begin(w.ctx, request("shop"), br.open())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.next(br, tx.ID, map[string]string{"wait": "anna"}); err != nil {
		t.Fatal(err)
	}
	waiting, err := w.broker.WaitingFor(w.ctx, "waiting-anna")
	if err != nil || len(waiting) != 1 || waiting[0].Party != "Shop" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	reply, ticket, err := w.broker.Remote(w.ctx, waiting[0].Channel, broker.Input{Fields: map[string]string{"do": "claim"}})
	if _, ok := reply.(broker.Reply); err != nil || !ok {
		t.Fatalf("%#v, %v", reply, err)
	}
	if _, step, err := w.next(br, tx.ID, nil); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("a claim alone logged in: %T", step)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, _, err := w.broker.Remote(w.ctx, ticket, broker.Input{Fields: map[string]string{"do": "answer"}}); err == nil {
				won.Add(1)
			} else if broker.CodeOf(err) != broker.Expired {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d answers were taken", won.Load())
	}
	_, step, err := w.next(br, tx.ID, nil)
	if _, ok := step.(broker.Done); err != nil || !ok {
		t.Fatalf("%T, %v", step, err)
	}
	if _, _, err := w.broker.Remote(w.ctx, waiting[0].Channel, broker.Input{}); broker.CodeOf(err) != broker.Expired {
		t.Fatalf("a login that is over was claimed: %v", err)
	}
	for _, ref := range []string{"", "x", ticket[:len(ticket)-4], strings.Repeat("a", 100)} {
		if _, _, err := w.broker.Remote(w.ctx, ref, broker.Input{}); broker.CodeOf(err) != broker.Expired {
			t.Fatalf("%.10q: %v", ref, err)
		}
	}
}

func TestNewReportsEveryFaultAtOnce(t *testing.T) {
	_, err := broker.New(broker.Config{FAL: 7, Secrets: [][]byte{[]byte("short")}, Lifetimes: broker.Lifetimes{Code: -1}})
	for _, field := range []string{"FAL", "Store", "Ledger", "Directory", "RelyingParties", "Connectors", "Secrets", "Lifetimes"} {
		if err == nil || !strings.Contains(err.Error(), "broker.Config."+field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}

func TestCookies(t *testing.T) {
	w := newWorld(t)
	br := w.browser()
	w.login(br, request("shop"), "anna", assurance.Substantial)
	if len(br.jar) != 3 {
		t.Fatalf("%d cookies", len(br.jar))
	}
	for _, c := range br.jar {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%v", c)
		}
	}
	// Nonsense in a cookie is as good as none.
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range br.jar {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: "x" + c.Value})
	}
	if _, step, err := w.broker.Begin(w.ctx, request("bank"), w.broker.Browser(r)); err != nil {
		t.Fatal(err)
	} else if _, ok := step.(broker.Show); !ok {
		t.Fatalf("%T", step)
	}
}

var testSecret = bytes.Repeat([]byte("s"), broker.MinimumSecret)
