package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/protocols/oidc"
)

// metrics are what the management listener tells. No label holds what a client or a person chose: its values would have no
// bound, and could name somebody.
type metrics struct {
	registry      *prometheus.Registry
	logins        *prometheus.CounterVec
	steps         *prometheus.HistogramVec
	lockouts      prometheus.Counter
	storeCalls    map[string]prometheus.Counter
	storeTrips    prometheus.Counter
	storeErrors   *prometheus.CounterVec
	signatures    *prometheus.CounterVec
	failovers     prometheus.Counter
	codeReplays   prometheus.Counter
	refreshReuses prometheus.Counter

	storeDown atomic.Bool
}

func newMetrics(dev bool) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tillid_logins_total",
			Help: "Logins by result: authenticated (by a method), answered (with a level), or the code of a refusal."},
			[]string{"method", "result", "loa"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tillid_step_seconds",
			Help: "Time to answer a request, by kind.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}},
			[]string{"step"}),
		lockouts: prometheus.NewCounter(prometheus.CounterOpts{Name: "tillid_lockouts_total",
			Help: "Attempts that met a pause or a block."}),
		storeTrips: prometheus.NewCounter(prometheus.CounterOpts{Name: "tillid_store_round_trips_total",
			Help: "Round trips to a store in Redis; what goes together in one pipeline is one."}),
		signatures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tillid_signatures_total",
			Help: "Signatures made for tokens."}, []string{"algorithm"}),
		storeErrors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tillid_store_errors_total",
			Help: "Operations that the store could not answer."}, []string{"op"}),
		failovers: prometheus.NewCounter(prometheus.CounterOpts{Name: "tillid_store_failovers_total",
			Help: "Times that the store answered again after it could not."}),
		codeReplays: prometheus.NewCounter(prometheus.CounterOpts{Name: "tillid_code_replays_total",
			Help: "Authorization codes that were late or used before."}),
		refreshReuses: prometheus.NewCounter(prometheus.CounterOpts{Name: "tillid_refresh_reuse_total",
			Help: "Refresh tokens that had been replaced before."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tillid_build_dev", Help: "1 in the dev profile: nothing here is real."})
	if dev {
		build.Set(1)
	}
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tillid_store_calls_total",
		Help: "Operations asked of the store."}, []string{"op"})
	m.storeCalls = make(map[string]prometheus.Counter)
	for _, op := range []string{"create", "get", "update", "take", "find", "delete"} {
		m.storeCalls[op] = calls.WithLabelValues(op)
	}
	m.registry.MustRegister(m.logins, m.steps, m.lockouts, calls, m.storeTrips, m.signatures, m.storeErrors, m.failovers, m.codeReplays, m.refreshReuses, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watchKeys reports the age of every current signing key, which made tells for a key's ID.
func (m *metrics) watchKeys(keys *oidc.Keys, made func(id string) time.Time, now func() time.Time) {
	m.registry.MustRegister(keyAges{keys, made, now})
}

type keyAges struct {
	keys *oidc.Keys
	made func(id string) time.Time
	now  func() time.Time
}

var keyAge = prometheus.NewDesc("tillid_key_age_seconds", "Age of the key that signs, by algorithm.", []string{"algorithm"}, nil)

// Describe implements prometheus.Collector.
func (k keyAges) Describe(ch chan<- *prometheus.Desc) { ch <- keyAge }

// Collect implements prometheus.Collector.
func (k keyAges) Collect(ch chan<- prometheus.Metric) {
	for _, key := range k.keys.List() {
		if at := k.made(key.ID); key.State == oidc.CurrentKey && !at.IsZero() {
			ch <- prometheus.MustNewConstMetric(keyAge, prometheus.GaugeValue, k.now().Sub(at).Seconds(), string(key.Algorithm))
		}
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// lines counts what the audit log is told.
func (m *metrics) lines(lines []broker.Line) {
	for _, l := range lines {
		switch l.Event {
		case "authenticated":
			m.logins.WithLabelValues(l.Detail["connector"], "authenticated", l.Outcome).Inc()
		case "answered":
			m.logins.WithLabelValues("", "answered", l.Outcome).Inc()
		case "refused":
			m.logins.WithLabelValues("", l.Outcome, "").Inc()
		}
	}
}

// storeResult counts what the store was asked and could not answer, and when it answers again.
func (m *metrics) storeResult(op string, err error) {
	m.storeCalls[op].Inc()
	if storeFailed(err) {
		m.storeErrors.WithLabelValues(op).Inc()
		m.storeDown.Store(true)
		return
	}
	if m.storeDown.Load() && m.storeDown.CompareAndSwap(true, false) {
		m.failovers.Inc()
	}
}

// time measures requests by kind.
func (m *metrics) time(issuerPath string, next http.Handler) http.Handler {
	kinds := make(map[string]prometheus.Observer)
	for _, k := range []string{"authorize", "token", "userinfo", "introspect", "revoke", "logout", "cpr-match", "par", "login", "other"} {
		kinds[k] = m.steps.WithLabelValues(k)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		next.ServeHTTP(w, r)
		kinds[kindOf(strings.TrimPrefix(r.URL.Path, issuerPath), kinds)].Observe(time.Since(begun).Seconds())
	})
}

func kindOf(path string, kinds map[string]prometheus.Observer) string {
	if strings.HasPrefix(path, "/login/") {
		return "login"
	}
	if rest, ok := strings.CutPrefix(path, "/oidc/"); ok && kinds[rest] != nil && rest != "login" && rest != "other" {
		return rest
	}
	return "other"
}
