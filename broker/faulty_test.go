package broker_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/broker"
)

// faulty is a ledger in which something can happen just before a change, or instead of it.
type faulty struct {
	broker.Ledger
	mu     sync.Mutex
	before map[string]func() error // by event of the line, each once
}

func (f *faulty) on(event string, do func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before == nil {
		f.before = map[string]func() error{}
	}
	f.before[event] = do
}

func (f *faulty) happens(event string) error {
	f.mu.Lock()
	do := f.before[event]
	delete(f.before, event)
	f.mu.Unlock()
	if do == nil {
		return nil
	}
	return do()
}

func (f *faulty) Record(ctx context.Context, lines ...broker.Line) error {
	for _, l := range lines {
		if err := f.happens(l.Event); err != nil {
			return err
		}
	}
	return f.Ledger.Record(ctx, lines...)
}

func (f *faulty) EndSession(ctx context.Context, session string, until time.Time, line broker.Line) error {
	if err := f.happens(line.Event); err != nil {
		return err
	}
	return f.Ledger.EndSession(ctx, session, until, line)
}

func (f *faulty) EndEpoch(ctx context.Context, person string, line broker.Line) error {
	if err := f.happens(line.Event); err != nil {
		return err
	}
	return f.Ledger.EndEpoch(ctx, person, line)
}

var errPlayed = errors.Join(broker.ErrUnavailable, errors.New("played"))

// counting counts calls and plays faults.
type counting struct {
	broker.Store
	calls  atomic.Int64
	down   atomic.Bool
	revive atomic.Bool            // taken and deleted records stay
	refuse atomic.Pointer[string] // the next write of a key with this prefix fails
}

// write fails once for the prefix that is refused.
func (c *counting) write(key string) error {
	if err := c.do(); err != nil {
		return err
	}
	if p := c.refuse.Load(); p != nil && strings.HasPrefix(key, *p) && c.refuse.CompareAndSwap(p, nil) {
		return errPlayed
	}
	return nil
}

func (c *counting) do() error {
	c.calls.Add(1)
	if c.down.Load() {
		return errPlayed
	}
	return nil
}

func (c *counting) Create(ctx context.Context, r broker.Record) error {
	if err := c.write(r.Key); err != nil {
		return err
	}
	return c.Store.Create(ctx, r)
}

func (c *counting) Get(ctx context.Context, key string) (broker.Record, error) {
	if err := c.do(); err != nil {
		return broker.Record{}, err
	}
	return c.Store.Get(ctx, key)
}

func (c *counting) Update(ctx context.Context, r broker.Record) (uint64, error) {
	if err := c.write(r.Key); err != nil {
		return 0, err
	}
	return c.Store.Update(ctx, r)
}

func (c *counting) Take(ctx context.Context, key string) (broker.Record, error) {
	if err := c.do(); err != nil {
		return broker.Record{}, err
	}
	if c.revive.Load() {
		return c.Store.Get(ctx, key)
	}
	return c.Store.Take(ctx, key)
}

func (c *counting) Delete(ctx context.Context, key string) error {
	if err := c.do(); err != nil || c.revive.Load() {
		return err
	}
	return c.Store.Delete(ctx, key)
}

func (c *counting) Find(ctx context.Context, index string) ([]broker.Record, error) {
	if err := c.do(); err != nil {
		return nil, err
	}
	return c.Store.Find(ctx, index)
}
