package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tillid/tillid/authn/simulator"
)

const password = simulator.Password

// result is what one of a kind costs.
type result struct {
	kind
	cpu      time.Duration // of the server
	requests float64
	counts
	p50, p95 time.Duration
}

// costs are what the yardsticks took.
type costs map[string]time.Duration

// bound is what one of a kind costs at least, made of what it consists of.
func (c costs) bound(r result) time.Duration {
	sum := r.requests*float64(c["request"]) + r.trips*float64(c["trip"]) + r.commits*float64(c["commit"])
	for name, times := range r.work {
		sum += times * float64(c[name])
	}
	return time.Duration(sum)
}

// measureStore measures all kinds with one store, prints them, and reports whether every goal was met.
func measureStore(ctx context.Context, o options, store string) (_ bool, err error) {
	address := store
	if store == "redis" {
		p, at, err := redisServer(ctx, o.dir)
		if err != nil {
			return false, err
		}
		defer func() { _ = p.stop() }() // it holds nothing
		address = at
	}
	profile := ""
	if o.profile != "" {
		if profile, err = filepath.Abs(filepath.Join(o.profile, store+".pprof")); err != nil {
			return false, err
		}
	}
	s, err := startDev(ctx, o, address, profile)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	costs, err := measureCosts(ctx, o, s, store, address)
	if err != nil {
		return false, err
	}
	var results []result
	for _, k := range kinds() {
		short, _, _ := strings.Cut(k.name, " ")
		if !o.wanted(short) && !o.wanted(k.name) {
			continue
		}
		k.times = max(5*together, int(float64(k.times)*o.scale)/together*together)
		r, err := measureKind(s, store, k)
		if err != nil {
			return false, fmt.Errorf("%s: %w", k.name, err)
		}
		results = append(results, r)
	}
	return printResults(os.Stdout, store, costs, results), nil
}

// measureCosts runs the yardsticks.
func measureCosts(ctx context.Context, o options, s *server, store, address string) (costs, error) {
	c := make(costs)
	bare, err := measureBare(o)
	if err != nil {
		return nil, err
	}
	c["request"] = bare
	for _, y := range []struct {
		as, name, place string
		times           int
	}{
		{"trip", store, address, 8000},
		{"commit", "commit", filepath.Join(o.dir, "yardstick.db"), 2000},
		{"sign ES256", "sign ES256", "", 2000}, {"verify ES256", "verify ES256", "", 2000}, {"sign RS256", "sign RS256", strconv.Itoa(s.rsaBits), 120},
		{"argon2id", "argon2id", "", 40},
	} {
		if c[y.as], err = yardstick(ctx, y.name, y.times, y.place); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// measureBare is the time of a bare request, of a server that is driven by the same client as the one measured.
func measureBare(o options) (took time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, yardstickArgument, "bare")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	p, err := start(cmd)
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.stop() }() // it is ended by the signal
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return 0, err
	}
	var all []*browser
	for range together {
		all = append(all, newBrowser(strings.TrimSpace(line), simulator.Holder{}))
	}
	get := func(b *browser) error {
		_, err := b.visit("/", nil)
		return err
	}
	times := max(1000, int(30000*o.scale))
	if _, err := everybody(all, times/10, get); err != nil {
		return 0, err
	}
	for range repetitions {
		before, err := p.cpu()
		if err != nil {
			return 0, err
		}
		if _, err := everybody(all, times, get); err != nil {
			return 0, err
		}
		after, err := p.cpu()
		if err != nil {
			return 0, err
		}
		if one := (after - before) / time.Duration(times); took == 0 || one < took {
			took = one
		}
	}
	return took, nil
}

// measureKind does one thing many times.
func measureKind(s *server, store string, k kind) (result, error) {
	people, err := simulator.People(time.Now())
	if err != nil {
		return result{}, err
	}
	var all []*browser
	for _, name := range k.people {
		i := slices.IndexFunc(people, func(h simulator.Holder) bool { return h.UserID == name })
		b := newBrowser(s.issuer, people[i])
		b.ahead = &s.ahead
		all = append(all, b)
		defer b.client.CloseIdleConnections()
	}
	if k.prepare != nil {
		if _, err := everybody(all, len(all), func(b *browser) error { return k.prepare(b, k.client) }); err != nil {
			return result{}, err
		}
	}
	if _, err := k.rounds(all, max(len(all), k.times/10)); err != nil {
		return result{}, err
	}
	var best result
	for range repetitions {
		r, err := measureOnce(s, store, k, all)
		if err != nil {
			return result{}, err
		}
		if best.cpu == 0 || r.cpu < best.cpu {
			best = r
		}
	}
	return best, nil
}

// repetitions of everything that is measured. The one that took least counts: whatever else runs on the machine can only
// add to it.
const repetitions = 3

func measureOnce(s *server, store string, k kind, all []*browser) (result, error) {
	requests := sum(all)
	before, err := s.before(store)
	if err != nil {
		return result{}, err
	}
	took, err := k.rounds(all, k.times)
	if err != nil {
		return result{}, err
	}
	u, err := s.since(store, before)
	n := float64(k.times)
	slices.Sort(took)
	return result{kind: k, cpu: u.cpu / time.Duration(k.times), requests: float64(sum(all)-requests) / n,
		counts: counts{u.trips / n, u.writes / n, u.commits / n, u.signatures / n},
		p50:    took[len(took)/2], p95: took[int(math.Ceil(float64(len(took))*.95))-1]}, err
}

func sum(all []*browser) (n int) {
	for _, b := range all {
		n += b.requests
	}
	return n
}

// everybody does something times times in all, each browser in a goroutine of its own, and returns how long each took.
func everybody(all []*browser, times int, do func(*browser) error) ([]time.Duration, error) {
	took := make([][]time.Duration, len(all))
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, b := range all {
		wait.Go(func() {
			for range times / len(all) {
				begun := time.Now()
				if errs[i] = do(b); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(begun))
			}
		})
	}
	wait.Wait()
	return slices.Concat(took...), errors.Join(errs...)
}

// rounds is everybody, one after each other round where the clock has to go on between two.
func (k kind) rounds(all []*browser, times int) ([]time.Duration, error) {
	do := func(b *browser) error { return k.do(b, k.client) }
	if k.step == 0 {
		return everybody(all, times, do)
	}
	var took []time.Duration
	for range times / len(all) {
		if err := all[0].advance(k.step); err != nil { // first: the kind before may have used this step's code
			return nil, err
		}
		more, err := everybody(all, len(all), do)
		if err != nil {
			return nil, err
		}
		took = append(took, more...)
	}
	return took, nil
}
