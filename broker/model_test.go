package broker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// TestRandomWalk takes many steps at random, of browsers, parties, persons and operators, and holds every answer against
// a model that is simple enough to be right: who proved what in which browser, what was ended since, and what a party is
// registered for. The walk is the same for the same seed.
func TestRandomWalk(t *testing.T) {
	steps := 24_000
	if testing.Short() {
		steps = 2_000
	}
	const walks = 6
	for seed := range uint64(walks) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range steps / walks {
				m.step()
				if t.Failed() {
					t.Fatalf("after %d steps, the last ones: %q", m.steps, m.trail)
				}
			}
			m.finish()
		})
	}
}

// proved is one thing that the scripted connector proved in a browser.
type proved struct {
	person string
	levels assurance.Levels
	at     time.Time
	epoch  int // of the person, when it was proved
}

// gave is an answer that a party has been given.
type gave struct {
	party   string
	browser int
	proved  proved
	result  broker.Result
	at      time.Time
	floor   assurance.Level // what had to be reached when it was given
	session string
	taken   int // how often its code was redeemed
	grant   *broker.Grant
	dead    bool // revoked, or its code was replayed
	tokens  []token
}

// token is a refresh token that was given out.
type token struct {
	text       string
	generation uint32
}

// flow is a login under way.
type flow struct {
	tx      string
	browser int
	request broker.Request
	begun   time.Time
	proved  *proved // this flow's own
	settled bool    // the connector is not asked any more
}

type model struct {
	*world
	random   *rand.Rand
	lines    *lines
	browsers []*browser
	flows    []*flow
	given    []*gave
	proofs   [][]proved // by browser, all that was ever proved in it
	epochs   map[string]int
	ended    map[string]bool // sessions, by what a result says of them
	blocked  map[string]bool
	floors   map[string]assurance.Level
	steps    int
	trail    []string
}

// lines counts what is written to the audit log.
type lines struct {
	broker.Ledger
	mu       sync.Mutex
	answered int
	issued   int
	session  string          // of the last answer
	replaced map[string]bool // sessions that somebody else's login took the place of
}

func (l *lines) EndSession(ctx context.Context, session string, until time.Time, line broker.Line) error {
	if line.Check == "other_person" {
		l.replaced[session] = true
	}
	return l.Ledger.EndSession(ctx, session, until, line)
}

func (l *lines) see(all ...broker.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range all {
		switch line.Event {
		case "answered":
			l.answered++
			l.session = line.Session
		case "issued":
			l.issued++
		}
	}
}

func (l *lines) Record(ctx context.Context, all ...broker.Line) error {
	err := l.Ledger.Record(ctx, all...)
	if err == nil {
		l.see(all...)
	}
	return err
}

func (l *lines) OpenGrant(ctx context.Context, g broker.Grant, line broker.Line) error {
	err := l.Ledger.OpenGrant(ctx, g, line)
	if err == nil {
		l.see(line)
	}
	return err
}

var (
	walkers = []string{"anna", "bo", "david"}
	visited = []string{"shop", "shop-app", "bank", "casual", "alone", "asking"}
	proofs  = []assurance.Level{assurance.Low, assurance.Substantial, assurance.Substantial, assurance.High}
	ladder  = []assurance.Level{assurance.Low, assurance.Substantial, assurance.High}
)

func newModel(t *testing.T, seed uint64) *model {
	m := &model{world: newWorld(t), random: rand.New(rand.NewPCG(seed, 14)), epochs: map[string]int{}, ended: map[string]bool{},
		blocked: map[string]bool{}, floors: map[string]assurance.Level{}}
	m.lines = &lines{Ledger: m.config.Ledger, replaced: map[string]bool{}}
	m.broker = m.another(func(c *broker.Config) { c.Ledger = m.lines })
	m.departer.fail.Store(false)
	for _, p := range visited {
		m.floors[p] = assurance.Substantial
	}
	m.floors["casual"] = assurance.Low
	for range 4 {
		m.browsers = append(m.browsers, m.world.browser())
		m.proofs = append(m.proofs, nil)
	}
	return m
}

func pick[T any](m *model, of []T) T { return of[m.random.IntN(len(of))] }

func (m *model) log(format string, args ...any) {
	m.trail = append(m.trail, fmt.Sprintf(format, args...))
	if len(m.trail) > 40 {
		m.trail = m.trail[1:]
	}
}

func (m *model) step() {
	m.steps++
	switch n := m.random.IntN(100); {
	case n < 24:
		m.beginLogin()
	case n < 54:
		m.goOn()
	case n < 68:
		m.redeemSome()
	case n < 76:
		m.useSome()
	case n < 84:
		m.refreshSome()
	case n < 87:
		m.logout()
	case n < 88:
		m.everywhere()
	case n < 90:
		m.block()
	case n < 92:
		m.raiseOrLower()
	case n < 93:
		if err := m.broker.Deliver(m.ctx); err != nil {
			m.t.Error(err)
		}
	default:
		m.clock.advance(pick(m, []time.Duration{time.Second, time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute,
			5 * time.Minute, 20 * time.Minute}))
		if m.random.IntN(40) == 0 {
			m.clock.advance(3 * time.Hour)
		}
	}
}

func (m *model) beginLogin() {
	r := request(pick(m, visited))
	for range max(0, m.random.IntN(6)-3) {
		r.Want = append(r.Want, assurance.Minimum{LoA: pick(m, ladder)})
	}
	r.Comparison = pick(m, []assurance.Comparison{assurance.AtLeast, assurance.AtLeast, assurance.AtLeast, assurance.Exact, assurance.AtMost, assurance.Better})
	switch m.random.IntN(8) {
	case 0, 1, 2:
		r.Passive = true
	case 3:
		r.Force = true
	case 4:
		r.Select = true
	}
	if m.random.IntN(6) == 0 {
		age := pick(m, []time.Duration{0, time.Minute, time.Hour})
		r.MaxAge = &age
	}
	f := &flow{browser: m.random.IntN(len(m.browsers)), request: r, begun: m.clock.now()}
	br := m.browsers[f.browser]
	state := br.open()
	before := m.lines.answered
	tx, step, err := m.broker.Begin(m.ctx, r, state)
	br.close(state)
	m.log("begin %s in %d passive %v force %v want %v %s: %T %v", r.Party, f.browser, r.Passive, r.Force, r.Want, r.Comparison, step, err)
	f.tx = tx.ID
	m.took(f, step, err, before)
}

func (m *model) goOn() {
	if len(m.flows) == 0 {
		return
	}
	f := pick(m, m.flows)
	in := f.browser
	if m.random.IntN(10) == 0 {
		in = m.random.IntN(len(m.browsers))
	}
	fields := map[string]string{}
	var proof *proved
	switch m.random.IntN(12) {
	case 0:
		fields["cancel"] = "1"
	case 1: // a visit
	case 2, 3, 4:
		fields["consent"] = pick(m, []string{"yes", "yes", "no"})
	default:
		person, aal := pick(m, walkers), pick(m, proofs)
		ial := pick(m, proofs)
		fields = map[string]string{"user": person, "level": aal.String(), "ial": ial.String()}
		proof = &proved{person, assurance.Levels{IAL: ial, AAL: aal, FAL: assurance.High}, m.clock.now(), m.epochs[person]}
	}
	br := m.browsers[in]
	state := br.open()
	before := m.lines.answered
	_, step, err := m.broker.Next(m.ctx, f.tx, state, broker.Input{Fields: fields})
	br.close(state)
	m.log("go on %s in %d %v: %T %v", f.request.Party, in, fields, step, err)
	if in != f.browser {
		if c := broker.CodeOf(err); c != broker.WrongBrowser && c != broker.Expired {
			m.t.Errorf("another browser went on: %T, %v", step, err)
		}
		return
	}
	if proof != nil && !f.settled {
		switch step.(type) {
		case broker.Done, broker.Consenting:
			m.proofs[in] = append(m.proofs[in], *proof)
			f.proved = proof
		}
	}
	m.took(f, step, err, before)
}

// took checks what a browser was answered.
func (m *model) took(f *flow, step broker.Step, err error, linesBefore int) {
	keep := false
	switch s := step.(type) {
	case broker.Show, broker.Consenting:
		keep = true
		_, f.settled = step.(broker.Consenting)
		if f.request.Passive {
			m.t.Errorf("something was shown to a passive request: %T", step)
		}
	case broker.Refuse:
		keep = s.Explain
	case broker.Done:
		keep, f.settled = true, true // it can be asked for again
		m.answered(f, s.Result, linesBefore)
	case nil:
		keep = err != nil && broker.CodeOf(err) != broker.Expired
	}
	i := slices.Index(m.flows, f)
	switch {
	case keep && i < 0 && f.tx != "":
		m.flows = append(m.flows, f)
	case !keep && i >= 0:
		m.flows = slices.Delete(m.flows, i, i+1)
	}
	if len(m.flows) > 12 {
		m.flows = m.flows[1:]
	}
}

// answered checks a result against what was proved in the browser.
func (m *model) answered(f *flow, r broker.Result, linesBefore int) {
	if m.lines.answered != linesBefore+1 {
		m.t.Errorf("%d lines about one answer", m.lines.answered-linesBefore)
	}
	person, party := string(r.Person()), f.request.Party
	levels := r.Levels()
	// Somebody proved exactly this, in this browser, since the person was last logged out everywhere.
	i := slices.IndexFunc(m.proofs[f.browser], func(p proved) bool {
		return p.person == person && p.levels == levels && p.at.Equal(r.AuthTime()) && p.epoch == m.epochs[person]
	})
	if i < 0 {
		m.t.Errorf("nobody proved %s at %v at %v", person, levels, r.AuthTime())
		return
	}
	if f.proved != nil && *f.proved != m.proofs[f.browser][i] {
		m.t.Errorf("the answer rests on another proof than the login's own")
	}
	m.reached(party, levels, f.request)
	if m.blocked[person] {
		m.t.Errorf("%s is blocked", person)
	}
	if m.over(m.lines.session) {
		m.t.Error("the answer rests on a session that was ended")
	}
	age := f.begun.Sub(r.AuthTime())
	if f.request.Force && age > 0 || f.request.MaxAge != nil && age > *f.request.MaxAge {
		m.t.Errorf("the authentication is %v old", age)
	}
	if f.request.Select && f.proved == nil || party == "alone" && f.proved == nil {
		m.t.Error("answered from the session")
	}
	m.given = append(m.given, &gave{party: party, browser: f.browser, proved: m.proofs[f.browser][i], result: r, at: m.clock.now(),
		floor: m.floors[party], session: m.lines.session})
	if len(m.given) > 60 {
		m.given = m.given[1:]
	}
}

// reached checks levels against the party's registration and, where there is one, the request.
func (m *model) reached(party string, l assurance.Levels, r broker.Request) {
	loa := min(l.IAL, l.AAL, l.FAL)
	if loa < m.floors[party] {
		m.t.Errorf("%s got %v, its floor is %v", party, loa, m.floors[party])
	}
	if len(r.Want) == 0 {
		return
	}
	some, every := false, true
	for _, w := range r.Want {
		holds := map[assurance.Comparison]bool{assurance.AtLeast: loa >= w.LoA, assurance.Exact: loa == w.LoA,
			assurance.AtMost: loa <= w.LoA, assurance.Better: loa > w.LoA}[r.Comparison]
		some, every = some || holds, every && holds
	}
	if !some || r.Comparison == assurance.Better && !every {
		m.t.Errorf("%s got %v for %q %v", party, loa, r.Comparison, r.Want)
	}
}

func (m *model) over(session string) bool { return m.ended[session] || m.lines.replaced[session] }

// holds says whether what a party was given may still be used; offline grants outlive their session.
func (m *model) holds(g *gave, offline bool) bool {
	return !g.dead && !m.blocked[g.proved.person] && g.proved.epoch == m.epochs[g.proved.person] &&
		(offline || !m.over(g.session)) && g.proved.levels.LoA() >= m.floors[g.party]
}
