package main

import (
	"context"
	"crypto"
	"io"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/protocols/oidc"
)

// counted is the key, counting what it signs.
func (m *metrics) counted(key oidc.Key) oidc.Key {
	if m != nil && key.Signer != nil { // a key without one is refused by who takes it
		key.Signer = countedSigner{key.Signer, m.signatures.WithLabelValues(string(key.Algorithm))}
	}
	return key
}

type countedSigner struct {
	crypto.Signer
	made prometheus.Counter
}

// Sign implements crypto.Signer.
func (s countedSigner) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	s.made.Inc()
	return s.Signer.Sign(random, digest, o)
}

// roundTrips counts what a client of Redis sends.
type roundTrips struct{ made prometheus.Counter }

var _ redis.Hook = roundTrips{}

// DialHook implements redis.Hook.
func (roundTrips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

// ProcessHook implements redis.Hook.
func (t roundTrips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, c redis.Cmder) error { t.made.Inc(); return next(ctx, c) }
}

// ProcessPipelineHook implements redis.Hook.
func (t roundTrips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error { t.made.Inc(); return next(ctx, all) }
}

// watchDB reports what is written to the database that is in use.
func (m *metrics) watchDB(db func() *sqldb.DB) {
	of := func(name, help string, value func(sqldb.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(db().Stats())) })
	}
	m.registry.MustRegister(
		of("tillid_writes_total", "Changes that were made durable.", func(s sqldb.Stats) uint64 { return s.Writes }),
		of("tillid_commits_total", "Commits that made them durable, many of them together.", func(s sqldb.Stats) uint64 { return s.Commits }))
}
