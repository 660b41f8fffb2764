package main

import (
	"context"
	"errors"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/eid"
)

// storeFailed reports an error that says nothing about a record: the store itself could not answer.
func storeFailed(err error) bool {
	return err != nil && !errors.Is(err, broker.ErrNotFound) && !errors.Is(err, broker.ErrExists) &&
		!errors.Is(err, broker.ErrConflict) && !errors.Is(err, context.Canceled)
}

// meteredStore counts what a store is asked, and what it cannot answer.
type meteredStore struct {
	broker.Store
	metrics *metrics
}

func (s meteredStore) Create(ctx context.Context, r broker.Record) error {
	err := s.Store.Create(ctx, r)
	s.metrics.storeResult("create", err)
	return err
}

func (s meteredStore) Get(ctx context.Context, key string) (broker.Record, error) {
	r, err := s.Store.Get(ctx, key)
	s.metrics.storeResult("get", err)
	return r, err
}

func (s meteredStore) Update(ctx context.Context, r broker.Record) (uint64, error) {
	v, err := s.Store.Update(ctx, r)
	s.metrics.storeResult("update", err)
	return v, err
}

func (s meteredStore) Take(ctx context.Context, key string) (broker.Record, error) {
	r, err := s.Store.Take(ctx, key)
	s.metrics.storeResult("take", err)
	return r, err
}

func (s meteredStore) Find(ctx context.Context, index string) ([]broker.Record, error) {
	r, err := s.Store.Find(ctx, index)
	s.metrics.storeResult("find", err)
	return r, err
}

func (s meteredStore) Delete(ctx context.Context, key string) error {
	err := s.Store.Delete(ctx, key)
	s.metrics.storeResult("delete", err)
	return err
}

// meteredLedger counts what the audit log is told, and what is used twice.
type meteredLedger struct {
	broker.Ledger
	metrics *metrics
}

func (l meteredLedger) Record(ctx context.Context, lines ...broker.Line) error {
	err := l.Ledger.Record(ctx, lines...)
	if err == nil {
		l.metrics.lines(lines)
	}
	return err
}

func (l meteredLedger) Note(ctx context.Context, lines ...broker.Line) error {
	err := l.Ledger.Note(ctx, lines...)
	if err == nil {
		l.metrics.lines(lines)
	}
	return err
}

func (l meteredLedger) RevokeGrant(ctx context.Context, id string, line broker.Line) error {
	if line.Event == "code_replayed" {
		l.metrics.codeReplays.Inc()
	}
	return l.Ledger.RevokeGrant(ctx, id, line)
}

func (l meteredLedger) Rotate(ctx context.Context, id string, generation uint32, now time.Time, grace time.Duration, line broker.Line) (broker.Grant, error) {
	g, err := l.Ledger.Rotate(ctx, id, generation, now, grace, line)
	if errors.Is(err, broker.ErrReused) {
		l.metrics.refreshReuses.Inc()
	}
	return g, err
}

// meteredRegistry counts attempts that met a pause or a block.
type meteredRegistry struct {
	eid.Registry
	metrics *metrics
}

func (r meteredRegistry) Reserve(ctx context.Context, authenticator string, lane authn.Lane, limits authn.Limits, now time.Time) (authn.Attempts, error) {
	a, err := r.Registry.Reserve(ctx, authenticator, lane, limits, now)
	var paused *authn.PausedError
	if errors.As(err, &paused) || errors.Is(err, authn.ErrBlocked) {
		r.metrics.lockouts.Inc()
	}
	return a, err
}
