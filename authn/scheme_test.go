package authn

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

func TestCombinationsAreWorthWhatTheGoldenTableSays(t *testing.T) {
	golden, err := os.ReadFile("../testdata/combinations/mitid.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := MitID(MitIDOptions{})
	seen := map[string]bool{}
	for n, line := range strings.Split(strings.TrimSuffix(string(golden), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cols := strings.Split(line, "|")
		if len(cols) != 3 {
			t.Fatalf("line %d has %d columns", n+1, len(cols))
		}
		uses := parseUses(cols[0])
		level, why := s.AAL(uses)
		if got, want := fmt.Sprintf("%v %s", level, why), strings.TrimSpace(cols[1])+" "+strings.TrimSpace(cols[2]); got != want {
			t.Errorf("line %d: %s: got %q, want %q", n+1, strings.TrimSpace(cols[0]), got, want)
		}
		seen[fmt.Sprint(uses)] = true
	}
	for _, c := range s.Combinations {
		if !seen[fmt.Sprint(c.Uses)] {
			t.Errorf("the golden table lacks %v", c.Uses)
		}
	}
}

func parseUses(s string) []Use {
	var uses []Use
	for _, w := range strings.Fields(s) {
		kind, unlocked := strings.CutSuffix(w, "+unlocked")
		uses = append(uses, Use{Kind: Kind(kind), Unlocked: unlocked})
	}
	return uses
}

func TestContradictoryRowsAreConfigurable(t *testing.T) {
	s := MitID(MitIDOptions{AppEnhancedAlone: assurance.High, AppWithChip: assurance.High, UserIDMin: 2})
	for _, uses := range []string{"app_enhanced+unlocked", "app+unlocked chip"} {
		if l, _ := s.AAL(parseUses(uses)); l != assurance.High {
			t.Errorf("%s is %v", uses, l)
		}
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

func TestASchemeThatBreaksNSISIsRefused(t *testing.T) {
	s := MitID(MitIDOptions{})
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	s.Combinations = append(s.Combinations,
		Combination{[]Use{{Kind: CodeDisplay}, {Kind: Chip}}, assurance.Substantial, "two things one has"},
		Combination{[]Use{{Kind: Password, Unlocked: true}}, assurance.Low, "a password has no lock"},
		Combination{[]Use{{Kind: KeyCard}, {Kind: KeyCard}}, assurance.None, "not of this scheme"},
		Combination{nil, assurance.High, "nothing"})
	s.Name, s.Usual, s.Attempts = "", [][]Kind{{"thumb"}}, Limits{Daily: -1}
	err := s.Check()
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) || len(joined.Unwrap()) < 9 {
		t.Fatalf("too few errors: %v", err)
	}
}

// Whatever is used beyond a row never lowers the level.
func TestMoreUsesNeverLowerTheLevel(t *testing.T) {
	s := MitID(MitIDOptions{})
	random := rand.New(rand.NewSource(7))
	all := []Kind{App, AppEnhanced, CodeDisplay, AudioReader, Password, Chip, KeyCard, "thumb"}
	for range 20_000 {
		var uses []Use
		before := assurance.None
		for range 6 {
			uses = append(uses, Use{Kind: all[random.Intn(len(all))], Unlocked: random.Intn(2) == 0})
			random.Shuffle(len(uses), func(i, j int) { uses[i], uses[j] = uses[j], uses[i] })
			after, _ := s.AAL(uses)
			if after < before {
				t.Fatalf("%v lowered %v to %v", uses, before, after)
			}
			before = after
		}
	}
}

func hold(kinds ...Kind) []Authenticator {
	var out []Authenticator
	for i, k := range kinds {
		out = append(out, Authenticator{ID: fmt.Sprint(i), Kind: k, State: Active})
	}
	return out
}

func TestPlanAsksForTheLeast(t *testing.T) {
	s := MitID(MitIDOptions{})
	for _, c := range []struct {
		name string
		want assurance.Level
		held []Kind
		have string
		plan string // what is asked for, cheapest first
	}{
		{"a password suffices for Low", assurance.Low, []Kind{Password, CodeDisplay, App}, "", "password | app"},
		{"None is read as Low", assurance.None, []Kind{Password}, "", "password"},
		{"app first, code before password", assurance.Substantial, []Kind{Password, CodeDisplay, App}, "", "app+unlocked | code_display password"},
		{"audio reader", assurance.Substantial, []Kind{Password, AudioReader}, "", "audio_reader password"},
		{"step-up asks for the code only", assurance.Substantial, []Kind{Password, CodeDisplay, App}, "password", "code_display | app+unlocked"},
		{"a swiped app must be unlocked", assurance.Substantial, []Kind{App}, "app", "app+unlocked"},
		{"High", assurance.High, []Kind{Password, Chip, AppEnhanced}, "", "password chip | app_enhanced+unlocked chip"},
		{"High from an unlocked enhanced app", assurance.High, []Kind{Password, Chip, AppEnhanced}, "app_enhanced+unlocked", "chip"},
		{"enough already", assurance.Substantial, []Kind{Password, CodeDisplay}, "code_display password", ""},
		{"out of reach", assurance.High, []Kind{Password, CodeDisplay, App}, "", "-"},
		{"nothing held", assurance.Low, nil, "", "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var plans []string
			for _, o := range s.Plan(c.want, hold(c.held...), parseUses(c.have)) {
				plans = append(plans, formatUses(o.Ask))
			}
			got := strings.Join(plans, " | ")
			if plans == nil {
				got = "-"
			}
			if got != c.plan {
				t.Errorf("got %q, want %q", got, c.plan)
			}
		})
	}
}

func formatUses(uses []Use) string {
	var parts []string
	for _, u := range uses {
		p := string(u.Kind)
		if u.Unlocked {
			p += "+unlocked"
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, " ")
}

// Every option, carried out, reaches the level; and an authenticator that is not active is never asked for.
func TestEveryOptionReachesTheLevel(t *testing.T) {
	s := MitID(MitIDOptions{})
	random := rand.New(rand.NewSource(3))
	states := []State{Active, Active, Active, Paused, Blocked, Ordered, Replaced, ""}
	for range 5_000 {
		var held []Authenticator
		for _, k := range s.Kinds {
			if random.Intn(2) == 0 {
				held = append(held, Authenticator{Kind: k, State: states[random.Intn(len(states))]})
			}
		}
		var have []Use
		if random.Intn(2) == 0 {
			have = append(have, Use{Kind: s.Kinds[random.Intn(len(s.Kinds))], Unlocked: random.Intn(2) == 0})
		}
		want := assurance.Level(random.Intn(4))
		for _, o := range s.Plan(want, held, have) {
			if got, _ := s.AAL(append(slices.Clone(have), o.Ask...)); got < want {
				t.Fatalf("%v after %v reaches %v, not %v", o.Ask, have, got, want)
			}
			for _, u := range o.Ask {
				if !holds(held, u.Kind) {
					t.Fatalf("%v is not active in %v", u.Kind, held)
				}
			}
		}
		if r := s.Reach(want, held, have); r > want || (r < want && len(s.Plan(want, held, have)) > 0) {
			t.Fatalf("reach %v of %v", r, want)
		}
	}
}

func TestGapsNameWhatToObtain(t *testing.T) {
	s := MitID(MitIDOptions{})
	g := s.Gaps(assurance.High, hold(Password, CodeDisplay, App))
	if len(g) != 2 || g[0].Combination.String() != "password and chip" || !slices.Equal(g[0].Obtain, []Kind{Chip}) ||
		!slices.Equal(g[1].Obtain, []Kind{AppEnhanced, Chip}) {
		t.Errorf("%+v", g)
	}
	if g := s.Gaps(assurance.High, hold(Password, Chip)); len(g[0].Obtain) != 0 {
		t.Errorf("%+v", g)
	}
}

func ExampleScheme_Plan() {
	anna := []Authenticator{{Kind: Password, State: Active}, {Kind: CodeDisplay, State: Active}}
	for _, option := range MitID(MitIDOptions{}).Plan(assurance.Substantial, anna, nil) {
		fmt.Println(option.Combination, "ask:", option.Ask[0].Kind, option.Ask[1].Kind)
	}
	// Output: code display and password ask: code_display password
}

func ExampleScheme_AAL() {
	level, why := MitID(MitIDOptions{}).AAL([]Use{{Kind: Password}, {Kind: Chip}})
	fmt.Printf("%v (%s)\n", level, why)
	// Output: High (password + chip)
}
