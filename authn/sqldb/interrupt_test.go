package sqldb_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
)

func TestPanicEndsInItsCaller(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		undone := make(chan struct{}, 1)
		panicking := func(ctx context.Context, tx *sqldb.Tx) error {
			tx.OnRollback(func() { undone <- struct{}{} })
			if err := add(2)(ctx, tx); err != nil {
				return err
			}
			panic("at once")
		}
		recovering := func(unit fn) (caught any) {
			defer func() { caught = recover() }()
			return db.Write(t.Context(), unit)
		}
		if caught := recovering(panicking); caught != "at once" {
			t.Errorf("the caller recovered %v", caught)
		}
		<-undone
		insert(t, db, 1)
		wantPresent(t, db, 1)
	})
}

func TestEndedContextStopsUnitsOnlyBetweenStatements(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		// Before its turn: it does not run.
		busy, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := db.Write(t.Context(), func(context.Context, *sqldb.Tx) error {
				close(busy)
				<-release
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		<-busy
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Write(ctx, add(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("ended before: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		outcome := make(chan error, 1)
		go func() { outcome <- db.Write(ctx, add(2)) }()
		for db.Waiting() == 0 {
			runtime.Gosched()
		}
		cancel()
		if err := <-outcome; !errors.Is(err, context.Canceled) { // while the writer is still busy
			t.Errorf("ended while waiting: %v", err)
		}
		close(release)
		wg.Wait()

		// Within its turn: it is undone, its neighbours are not.
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		errs := together(t, db, add(3), func(_ context.Context, tx *sqldb.Tx) error {
			if err := add(4)(ctx, tx); err != nil {
				return err
			}
			cancel()
			_ = add(5)(ctx, tx) // even if the failure is swallowed
			return nil
		}, add(6))
		if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || errs[2] != nil {
			t.Errorf("ended within: %v", errs)
		}
		wantPresent(t, db, 3, 6)
	})
}
