package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

// model is what the ledger promises about grants, in a few maps.
type model struct {
	grants map[string]*broker.Grant
	doomed map[string]bool // revoked before they were opened
	ended  map[string]bool
	epochs map[string]uint64
}

func (m *model) dead(g *broker.Grant, now time.Time) bool {
	return g == nil || g.Revoked || !now.Before(g.Expires) || g.Epoch < m.epochs[g.Person] || (!g.Offline && m.ended[g.Session])
}

func (m *model) rotate(id string, generation uint32, now time.Time, grace time.Duration) (uint32, error) {
	g := m.grants[id]
	switch {
	case m.dead(g, now):
		return 0, broker.ErrNotFound
	case g.Generation == generation:
		g.Generation, g.Rotated, g.Used = generation+1, now, now
		return g.Generation, nil
	case g.Generation == generation+1 && now.Sub(g.Rotated) <= grace:
		return g.Generation, nil
	}
	g.Revoked = true
	return g.Generation, broker.ErrReused
}

func (m *model) revoke(match func(*broker.Grant) bool) {
	for _, g := range m.grants {
		if match(g) {
			g.Revoked = true
		}
	}
}

// Random histories of everything that touches grants end as the model says, and each step that was answered left a line.
func TestLedgerBehavesAsItsModel(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, url string) { followsModel(t, url, seed) })
		})
	}
}

func followsModel(t *testing.T, url string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 5))
	b := newBench(t, url)
	ctx := t.Context()
	m := model{grants: map[string]*broker.Grant{}, doomed: map[string]bool{}, ended: map[string]bool{}, epochs: map[string]uint64{}}
	now, lines := start, 0
	for step := range 300 {
		now = now.Add(time.Duration(r.IntN(8)) * time.Second)
		id, session, person := fmt.Sprint("g", r.IntN(12)), fmt.Sprint("s", r.IntN(6)), fmt.Sprint("p", r.IntN(4))
		var got, want error
		var generation, expected uint32
		switch r.IntN(20) {
		case 0, 1, 2, 3:
			g := grant(id)
			g.Session, g.Person, g.Offline, g.Created = session, person, r.IntN(3) == 0, now
			g.Epoch = m.epochs[person] - min(m.epochs[person], uint64(r.IntN(2)))
			g.Expires = now.Add(time.Duration(60+r.IntN(600)) * time.Second)
			if m.grants[id] != nil {
				want = broker.ErrExists
			} else {
				born := g
				born.Revoked = m.doomed[id]
				m.grants[id] = &born
			}
			got = b.OpenGrant(ctx, g, line("step"))
		case 4:
			m.ended[session] = true
			m.revoke(func(g *broker.Grant) bool { return g.Session == session && !g.Offline })
			got = b.EndSession(ctx, session, now.Add(time.Hour), line("step"))
		case 5:
			m.epochs[person]++
			m.revoke(func(g *broker.Grant) bool { return g.Person == person })
			got = b.EndEpoch(ctx, person, line("step"))
		case 6:
			m.doomed[id] = true
			m.revoke(func(g *broker.Grant) bool { return g.ID == id })
			got = b.RevokeGrant(ctx, id, line("step"))
		default:
			old := uint32(0)
			if g := m.grants[id]; g != nil {
				old = g.Generation - min(g.Generation, uint32(r.IntN(3)))
			}
			expected, want = m.rotate(id, old, now, 10*time.Second)
			var g broker.Grant
			g, got = b.Rotate(ctx, id, old, now, 10*time.Second, line("step"))
			generation = g.Generation
		}
		if !errors.Is(got, want) || generation != expected {
			t.Fatalf("seed %d, step %d: %d, %v; the model says %d, %v", seed, step, generation, got, expected, want)
		}
		if want == nil || errors.Is(want, broker.ErrReused) {
			lines++
		}
	}
	for id, want := range m.grants {
		g, err := b.Grant(ctx, id)
		if err != nil || g.Generation != want.Generation || g.Revoked != want.Revoked || !g.Rotated.Equal(want.Rotated) {
			t.Errorf("seed %d: %+v, %v; the model says %+v", seed, g, err, want)
		}
	}
	if n := len(b.lines(t)); n != lines {
		t.Errorf("seed %d: %d lines about %d steps", seed, n, lines)
	}
}
