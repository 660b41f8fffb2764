package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker/redisstore/redistest"
)

// defaultKills is how often the server is killed in all where TILLID_KILLS does not say otherwise.
const defaultKills = 200

// TestNothingIsLostOrUsableTwiceAfterKill kills the server at random moments under load and starts it again: what it
// had acknowledged holds, and what was used stays used. TILLID_KILLS is how often, over both stores; TILLID_SEED repeats
// the moments of a run.
func TestNothingIsLostOrUsableTwiceAfterKill(t *testing.T) {
	kills := number(t, "TILLID_KILLS", defaultKills)
	if testing.Short() {
		kills = min(kills, 10)
	}
	seed := number(t, "TILLID_SEED", int(time.Now().UnixNano()&0xffff_ffff))
	for i, store := range []struct {
		name string
		args func(t *testing.T, durable string) []string
	}{
		{"sqlite", func(_ *testing.T, durable string) []string { return []string{"--store", durable} }},
		{"redis and sqlite", func(t *testing.T, durable string) []string {
			return []string{"--store", redistest.Single(t, "appendonly yes", "appendfsync always").URL(), "--registry", durable}
		}},
	} {
		t.Run(store.name, func(t *testing.T) {
			durable := database(t)
			v := &vandal{t: t, durable: durable, random: rand.New(rand.NewPCG(uint64(seed), uint64(i))),
				server: start(t, settings{args: store.args(t, durable)}), grants: make(map[string]bool), counters: make(map[string]int64)}
			v.rp = v.server.party(t, "demo-web", "offline_access")
			v.low = v.server.party(t, "demo-low", "offline_access")
			for _, rp := range []*relyingParty{v.rp, v.low} { // which then have the keys to verify with
				l, err := rp.logIn(newBrowser(v.server), &somebody{userID: "emma", app: true})
				must(t, err)
				v.line(l)
			}
			t.Logf("TILLID_SEED=%d", seed)
			for n := range kills/2 + kills%2*(1-i) {
				v.round(n)
				if t.Failed() {
					t.Fatalf("in round %d of TILLID_SEED=%d", n, seed)
				}
			}
			v.audit()
			slices.Sort(v.restarts)
			t.Logf("%d kills: %+v; restart %v in the middle, %v at most", len(v.restarts), v.seen, v.restarts[len(v.restarts)/2].Round(time.Millisecond), v.restarts[len(v.restarts)-1].Round(time.Millisecond))
			if n := v.seen; len(v.restarts) >= 50 && min(n.Logins, n.Refreshes, n.Unsent, n.Unanswered, n.Redeemed, n.RefreshUnanswered, n.Replaced, n.OneTime, n.OK) == 0 {
				t.Error("something was never put to the test")
			}
			if middle := v.restarts[len(v.restarts)/2]; middle > time.Second {
				t.Errorf("a restart takes %v", middle)
			}
		})
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// vandal kills one server again and again, and remembers what it was told before.
type vandal struct {
	t        *testing.T
	server   *server
	durable  string
	rp, low  *relyingParty
	random   *rand.Rand
	ahead    time.Duration // that the server's clock is to be
	restarts []time.Duration
	seen     tally

	mu       sync.Mutex
	grants   map[string]bool // "issued GRANT" and "refreshed GRANT/GENERATION": lines that have to be in the log
	counters map[string]int64
	wrong    int64 // one-time codes that were called wrong, all of carla's
}

// tally says what a run has come across, so that one that checked nothing is not taken for a good one.
type tally struct {
	Logins, Refreshes                        int // acknowledged
	Unsent, Unanswered, Redeemed             int // codes
	RefreshUnanswered, Replaced, OneTime, OK int
}

// round loads the server, kills it, starts it again and checks.
func (v *vandal) round(n int) {
	v.t.Helper()
	w := v.load(time.Duration(5+v.random.IntN(395)) * time.Millisecond)
	v.look(w)
	begun := time.Now()
	must(v.t, v.server.run(v.t))
	v.restarts = append(v.restarts, time.Since(begun))
	must(v.t, v.server.advance(v.ahead))
	v.check(w)
	if n%10 == 9 {
		must(v.t, verifyAudit(v.t.Context(), v.durable))
	}
	v.wait(31 * time.Second) // another one-time code
	if n%8 == 7 {
		v.wait(24 * time.Hour) // another day's attempts
	}
}

func (v *vandal) wait(d time.Duration) {
	v.t.Helper()
	v.ahead += d
	must(v.t, v.server.advance(d))
}

// look compares counters in the database of the dead server with those before: none may be lower.
func (v *vandal) look(w *work) {
	v.t.Helper()
	db, err := sqldb.Open(v.t.Context(), sqldb.Config{URL: v.durable})
	must(v.t, err)
	defer func() { must(v.t, db.Close()) }()
	rows, err := db.Query(v.t.Context(), "SELECT id, counter FROM registry_authenticators")
	must(v.t, err)
	for rows.Next() {
		var id string
		var counter int64
		must(v.t, rows.Scan(&id, &counter))
		if counter < v.counters[id] {
			v.t.Errorf("the counter of %s fell from %d to %d", id, v.counters[id], counter)
		}
		v.counters[id] = counter
	}
	must(v.t, rows.Err())
	must(v.t, rows.Close())
	v.wrong += int64(w.wrong)
	var failures int64
	must(v.t, db.QueryRow(v.t.Context(), "SELECT coalesce(sum(failures), 0) FROM registry_attempts WHERE authenticator = ?", w.carla).Scan(&failures))
	if failures < v.wrong {
		v.t.Errorf("%d wrong codes were called wrong, %d are counted", v.wrong, failures)
	}
}

// audit checks that the log is whole and holds a line for everything that was issued.
func (v *vandal) audit() {
	v.t.Helper()
	must(v.t, verifyAudit(v.t.Context(), v.durable))
	lines, err := exportAudit(v.t.Context(), v.durable)
	must(v.t, err)
	logged := make(map[string]int)
	for _, l := range lines {
		switch l.Event {
		case "issued":
			logged["issued "+l.Detail["grant"]]++
		case "refreshed":
			logged["refreshed "+l.Detail["grant"]+"/"+l.Detail["from"]]++
		}
	}
	for what := range v.grants {
		if logged[what] == 0 {
			v.t.Errorf("no line for %s", what)
		}
	}
	for what, n := range logged {
		if strings.HasPrefix(what, "issued") && n > 1 {
			v.t.Errorf("%d lines for %s", n, what)
		}
	}
	if len(v.grants) == 0 {
		v.t.Error("nothing was issued at all")
	}
	v.t.Logf("%d lines in the log, %d of them looked for", len(lines), len(v.grants))
}

// line notes that the log has to hold a line for tokens that were handed out. A refresh token names its grant and
// generation.
func (v *vandal) line(l *login) {
	parts := strings.Split(l.token.RefreshToken, ".")
	generation, err := strconv.Atoi(parts[min(1, len(parts)-1)])
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(parts) != 3 || err != nil {
		v.t.Errorf("the refresh token does not name its grant")
		return
	}
	v.grants["issued "+parts[0]] = true
	if generation > 0 {
		v.grants[fmt.Sprintf("refreshed %s/%d", parts[0], generation-1)] = true
	}
}

// load lets eight workers log in and refresh for a while, and kills the server under them.
func (v *vandal) load(d time.Duration) *work {
	v.t.Helper()
	w := &work{v: v}
	var people []struct {
		UserID         string `json:"user_id"`
		Authenticators []struct{ ID, Kind string }
	}
	must(v.t, v.server.api("people", nil, &people))
	for _, p := range people {
		if p.UserID == "carla" {
			i := slices.IndexFunc(p.Authenticators, func(a struct{ ID, Kind string }) bool { return a.Kind == "audio_reader" })
			w.carla = p.Authenticators[i].ID
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var workers sync.WaitGroup
	for _, person := range []string{"anna", "bo", "emma", "hanne", "karl"} {
		workers.Go(func() { w.apps(ctx, v.rp, person) })
	}
	workers.Go(func() { w.apps(ctx, v.low, "david") })
	for _, person := range []string{"frida", "jens"} {
		workers.Go(func() { w.codes(ctx, person) })
	}
	workers.Go(func() { w.wrongs(ctx) })
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C // the moment is the point: there is nothing to wait for
	v.server.kill()
	stop()
	workers.Wait()
	v.seen.Logins += len(w.families)
	return w
}
