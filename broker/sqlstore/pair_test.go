package sqlstore_test

import (
	"context"
	"sync/atomic"

	"github.com/tillid/tillid/broker"
)

// pair sends every other operation to the other of two stores on one database, as a load balancer does.
type pair struct {
	stores [2]broker.Store
	turn   atomic.Uint64
}

func (p *pair) next() broker.Store { return p.stores[p.turn.Add(1)%2] }

func (p *pair) Create(ctx context.Context, r broker.Record) error { return p.next().Create(ctx, r) }
func (p *pair) Get(ctx context.Context, key string) (broker.Record, error) {
	return p.next().Get(ctx, key)
}
func (p *pair) Update(ctx context.Context, r broker.Record) (uint64, error) {
	return p.next().Update(ctx, r)
}
func (p *pair) Take(ctx context.Context, key string) (broker.Record, error) {
	return p.next().Take(ctx, key)
}
func (p *pair) Find(ctx context.Context, index string) ([]broker.Record, error) {
	return p.next().Find(ctx, index)
}
func (p *pair) Delete(ctx context.Context, key string) error { return p.next().Delete(ctx, key) }
