package broker_test

import (
	"slices"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

func (m *model) redeemSome() {
	if len(m.given) == 0 {
		return
	}
	g := pick(m, m.given[max(0, len(m.given)-6):])
	as := g.party
	if m.random.IntN(12) == 0 {
		as = pick(m, visited)
	}
	result, err := m.broker.Redeem(m.ctx, "oidc", as, g.result.Code())
	m.log("redeem %s of %s: %v", as, g.party, err)
	if as != g.party {
		if err == nil {
			m.t.Error("another party redeemed a code")
		}
		return
	}
	same := m.twins(g)
	before := slices.ContainsFunc(same, func(o *gave) bool { return o.taken > 0 })
	for _, o := range same {
		o.taken++
		if before || err != nil { // whatever it gave has ended, or will never be
			o.dead = true
		}
	}
	if err != nil {
		return
	}
	if before {
		m.t.Error("a code was redeemed twice")
	}
	if !m.holdsNow(g) || m.clock.now().Sub(g.at) >= time.Minute {
		m.t.Error("a code was redeemed that stands for nothing any more")
	}
	if result.Levels() != g.proved.levels {
		m.t.Errorf("redeemed %v, proved %v", result.Levels(), g.proved.levels)
	}
	issued := m.lines.issued
	grant, err := m.broker.Grant(m.ctx, result, broker.GrantTerms{Offline: m.random.IntN(2) == 0, Life: time.Hour})
	if err != nil {
		m.t.Error(err)
		return
	}
	if m.lines.issued != issued+1 {
		m.t.Error("issued without a line")
	}
	g.grant = &grant
	if grant.Offline {
		g.tokens = []token{{m.broker.RefreshToken(grant), 0}}
	}
}

// twins are the answers of one login, each of which names the same transaction by its code.
func (m *model) twins(g *gave) []*gave {
	var out []*gave
	for _, o := range m.given {
		if o.result.Twin(g.result) {
			out = append(out, o)
		}
	}
	return out
}

func (m *model) holdsNow(g *gave) bool { return m.holds(g, false) }

func (m *model) useSome() {
	g := m.granted()
	if g == nil {
		return
	}
	as := g.party
	if m.random.IntN(12) == 0 {
		as = pick(m, visited)
	}
	got, err := m.broker.Access(m.ctx, "oidc", as, g.grant.ID, "token")
	m.log("access %s of %s: %v", as, g.party, err)
	life := time.Hour
	if g.grant.Offline {
		life = broker.OfflineLife
	}
	want := as == g.party && m.holds(g, g.grant.Offline) && m.clock.now().Sub(g.grant.Created) < life
	if (err == nil) != want {
		m.t.Errorf("access for %s to what %s was given: %v, and the model says %v (%+v)", as, g.party, err, want, g.proved)
	}
	if err == nil && got.Levels != g.proved.levels {
		m.t.Errorf("access at %v, proved %v", got.Levels, g.proved.levels)
	}
}

func (m *model) granted() *gave {
	var with []*gave
	for _, g := range m.given {
		if g.grant != nil {
			with = append(with, g)
		}
	}
	if len(with) == 0 {
		return nil
	}
	return pick(m, with)
}

func (m *model) refreshSome() {
	g := m.granted()
	if g == nil || !g.grant.Offline {
		return
	}
	if m.random.IntN(15) == 0 {
		if ok, err := m.broker.RevokeRefresh(m.ctx, "oidc", g.party, g.tokens[0].text); !ok || err != nil {
			m.t.Error(ok, err)
		}
		m.log("revoke %s", g.party)
		g.dead = true
		return
	}
	t := g.tokens[len(g.tokens)-1]
	if m.random.IntN(5) == 0 {
		t = pick(m, g.tokens)
	}
	now := m.clock.now()
	alive, current := m.holds(g, true), t.generation == g.grant.Generation
	graced := t.generation+1 == g.grant.Generation && now.Sub(g.grant.Rotated) <= 10*time.Second
	got, err := m.broker.Refresh(m.ctx, "oidc", g.party, t.text)
	m.log("refresh %s %d of %d: %v", g.party, t.generation, g.grant.Generation, err)
	if (err == nil) != (alive && (current || graced)) {
		m.t.Errorf("refresh of generation %d while %d is current, alive %v, graced %v: %v", t.generation, g.grant.Generation, alive, graced, err)
		return
	}
	if err != nil {
		g.dead = g.dead || alive // reuse ends the family
		return
	}
	if got.Levels != g.proved.levels {
		m.t.Errorf("refreshed at %v, proved %v", got.Levels, g.proved.levels)
	}
	if current {
		g.tokens = append(g.tokens, token{m.broker.RefreshToken(got), got.Generation})
	}
	g.grant = &got
}

func (m *model) logout() {
	if len(m.given) == 0 {
		return
	}
	g := pick(m, m.given)
	if m.random.IntN(2) == 0 {
		g = m.given[len(m.given)-1] // whose code is still good
	}
	br := m.browsers[g.browser]
	state := br.open()
	tx, step, err := m.broker.BeginLogout(m.ctx, broker.LogoutRequest{Protocol: "oidc", Party: g.party, SID: g.result.SID()}, state)
	br.close(state)
	m.log("logout %s: %T %v", g.party, step, err)
	if _, ok := step.(broker.Left); err != nil || !ok {
		m.t.Errorf("%v: %T, %v", tx.Logout, step, err)
		return
	}
	m.ended[g.session] = true
}

func (m *model) everywhere() {
	person := pick(m, walkers)
	m.log("everywhere %s", person)
	if err := m.broker.EndSessions(m.ctx, person, "asked"); err != nil {
		m.t.Error(err)
	}
	m.epochs[person]++
}

func (m *model) block() {
	person := pick(m, walkers)
	m.blocked[person] = !m.blocked[person] && m.random.IntN(4) == 0
	m.log("blocked %s %v", person, m.blocked[person])
	state := authn.PersonActive
	if m.blocked[person] {
		state = authn.PersonBlocked
	}
	m.people.set(authn.PersonID(person), state)
}

func (m *model) raiseOrLower() {
	party := pick(m, visited)
	m.floors[party] = pick(m, proofs)
	m.log("floor of %s %v", party, m.floors[party])
	m.parties.raise(party, m.floors[party])
}

// finish compares the whole audit log with what was seen.
func (m *model) finish() {
	answered, issued := m.count("answered"), m.count("issued")
	if answered != m.lines.answered || issued != m.lines.issued {
		m.t.Errorf("%d answers and %d grants in the log, %d and %d were given", answered, issued, m.lines.answered, m.lines.issued)
	}
	m.t.Logf("%d answers and %d grants in %d steps", answered, issued, m.steps)
	if answered < m.steps/40 || issued < m.steps/100 {
		m.t.Errorf("the walk went nowhere: %d answers, %d grants in %d steps", answered, issued, m.steps)
	}
}
