package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

type fn = func(context.Context, *sqldb.Tx) error

// onEach runs a test on every database, opened and migrated.
func onEach(t *testing.T, run func(t *testing.T, db *sqldb.DB)) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db := sqltest.Open(t, url)
		migrate(t, db)
		run(t, db)
	})
}

func add(id int) fn {
	return func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO rows (id, n) VALUES (?, 0)", id)
		return err
	}
}

// together makes units share one commit, in order: it keeps the writer busy until all of them wait. It returns their
// errors.
func together(t *testing.T, db *sqldb.DB, units ...fn) []error {
	t.Helper()
	busy, release := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(units))
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
	for i, unit := range units {
		wg.Go(func() { errs[i] = db.Write(t.Context(), unit) })
		for db.Waiting() != i+1 {
			runtime.Gosched()
		}
	}
	close(release)
	wg.Wait()
	return errs
}

func present(t *testing.T, db *sqldb.DB) []int {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT id FROM rows ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	return ids
}

func wantPresent(t *testing.T, db *sqldb.DB, want ...int) {
	t.Helper()
	if got := present(t, db); !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

func TestUnitsThatWaitTogetherShareOneCommit(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		var order []int
		var units []fn
		for i := range 10 {
			units = append(units, func(ctx context.Context, tx *sqldb.Tx) error {
				order = append(order, i)
				// The unit sees those before it, nobody outside does: they are in one transaction.
				var within int
				if err := tx.QueryRow(ctx, "SELECT count(*) FROM rows").Scan(&within); err != nil {
					return err
				}
				if within != i {
					return fmt.Errorf("unit %d sees %d rows", i, within)
				}
				return add(i)(ctx, tx)
			})
		}
		units = append(units, func(ctx context.Context, tx *sqldb.Tx) error {
			if strings.HasSuffix(t.Name(), "sqlite-memory") {
				return nil // a reader would wait for the commit rather than see the state before it
			}
			// With the test's context: with the unit's the read would be refused.
			if ids := present(t, db); len(ids) != 0 {
				return fmt.Errorf("rows %v are visible before the commit", ids)
			}
			return nil
		})
		for i, err := range together(t, db, units...) {
			if err != nil {
				t.Errorf("unit %d: %v", i, err)
			}
		}
		if !slices.IsSorted(order) {
			t.Errorf("units ran in the order %v", order)
		}
		wantPresent(t, db, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	})
}

func TestFailedUnitIsUndoneAlone(t *testing.T) {
	mine := errors.New("mine")
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		insert(t, db, 100)
		var undone []string
		errs := together(t, db,
			func(ctx context.Context, tx *sqldb.Tx) error {
				tx.OnRollback(func() { undone = append(undone, "kept") })
				return add(1)(ctx, tx)
			},
			func(ctx context.Context, tx *sqldb.Tx) error {
				tx.OnRollback(func() { undone = append(undone, "first") })
				tx.OnRollback(func() { undone = append(undone, "second") })
				return errors.Join(add(2)(ctx, tx), mine)
			},
			func(ctx context.Context, tx *sqldb.Tx) error {
				undone = append(undone, "next unit")
				return add(3)(ctx, tx)
			},
			add(100),
			add(4),
		)
		if errs[0] != nil || errs[2] != nil || errs[4] != nil {
			t.Errorf("units that succeeded returned %v, %v, %v", errs[0], errs[2], errs[4])
		}
		if !errors.Is(errs[1], mine) || errors.Is(errs[1], sqldb.ErrUnavailable) {
			t.Errorf("the unit's own error came back as %v", errs[1])
		}
		if !errors.Is(errs[3], sqldb.ErrUnique) {
			t.Errorf("an existing key came back as %v", errs[3])
		}
		if want := []string{"second", "first", "next unit"}; !slices.Equal(undone, want) {
			t.Errorf("undone %v, want %v", undone, want)
		}
		wantPresent(t, db, 1, 3, 4, 100)
	})
}

func TestUnitAloneIsUndoneToo(t *testing.T) {
	mine := errors.New("mine")
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		undone := 0
		err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			tx.OnRollback(func() { undone++ })
			if err := add(1)(ctx, tx); err != nil {
				return err
			}
			return mine
		})
		if err != mine || undone != 1 {
			t.Errorf("Write returned %v, undone %d times", err, undone)
		}
		wantPresent(t, db)
	})
}

func TestSwallowedFailureDoomsTheUnit(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		insert(t, db, 1)
		swallow := func(ctx context.Context, tx *sqldb.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, n) VALUES (?, 0)", 2); err != nil {
				return err
			}
			_, _ = tx.Exec(ctx, "INSERT INTO rows (id, n) VALUES (?, 0)", 1)
			return nil
		}
		if err := db.Write(t.Context(), swallow); !errors.Is(err, sqldb.ErrUnique) {
			t.Errorf("alone: %v", err)
		}
		if errs := together(t, db, swallow, add(3)); !errors.Is(errs[0], sqldb.ErrUnique) || errs[1] != nil {
			t.Errorf("in a batch: %v", errs)
		}
		wantPresent(t, db, 1, 3)
	})
}

func TestNoRowIsNoFailure(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			var n int
			err := tx.QueryRow(ctx, "SELECT n FROM rows WHERE id = ?"+tx.Dialect().ForUpdate(), 9).Scan(&n)
			if !errors.Is(err, sqldb.ErrNoRows) {
				return fmt.Errorf("no row came back as %w", err)
			}
			return add(9)(ctx, tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		wantPresent(t, db, 9)
	})
}

func TestFailedCommitFailsEveryUnit(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		var undone []int
		note := func(id int, unit fn) fn {
			return func(ctx context.Context, tx *sqldb.Tx) error {
				tx.OnRollback(func() { undone = append(undone, id) })
				return unit(ctx, tx)
			}
		}
		mine := errors.New("mine")
		errs := together(t, db,
			note(1, add(1)),
			note(2, func(ctx context.Context, tx *sqldb.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO rows (id, n, parent) VALUES (2, 0, 77)") // checked at the commit
				return err
			}),
			note(3, add(3)),
			note(4, func(context.Context, *sqldb.Tx) error { return mine }),
		)
		for i, err := range errs {
			if !errors.Is(err, sqldb.ErrUnavailable) || errors.Is(err, mine) {
				t.Errorf("unit %d of a failed commit returned %v", i+1, err)
			}
		}
		if want := []int{4, 3, 2, 1}; !slices.Equal(undone, want) {
			t.Errorf("undone in the order %v, want %v", undone, want)
		}
		wantPresent(t, db)
		insert(t, db, 5)
		wantPresent(t, db, 5)
	})
}

func TestUnitMayNotUseTheDatabaseBesideItsTx(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		var late *sqldb.Tx
		err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			late = tx
			if err := db.Write(ctx, add(1)); err == nil {
				t.Error("a Write within a Write went through")
			}
			if _, err := db.Query(ctx, "SELECT 1"); err == nil {
				t.Error("a read outside the unit went through")
			}
			return add(2)(ctx, tx)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.Exec(t.Context(), "INSERT INTO rows (id, n) VALUES (3, 0)"); err == nil {
			t.Error("a Tx worked after its unit")
		}
		wantPresent(t, db, 2)
	})
}

func TestRowsLeftOpenByAUnitDoNoHarm(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		insert(t, db, 1, 2, 3)
		errs := together(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
			rows, err := tx.Query(ctx, "SELECT id FROM rows")
			if err != nil {
				return err
			}
			rows.Next()
			return nil
		}, add(4))
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		wantPresent(t, db, 1, 2, 3, 4)
	})
}

func TestCloseFinishesWhatWaits(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		migrate(t, db)
		busy, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = db.Write(t.Context(), func(context.Context, *sqldb.Tx) error {
				close(busy)
				<-release
				return nil
			})
		})
		<-busy
		wg.Go(func() {
			if err := db.Write(t.Context(), add(1)); err != nil {
				t.Errorf("a write that waited at Close: %v", err)
			}
		})
		for db.Waiting() == 0 {
			runtime.Gosched()
		}
		closed := make(chan error)
		go func() { closed <- db.Close() }()
		close(release)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := db.Write(t.Context(), add(2)); !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a write after Close: %v", err)
		}
		if err := db.Ping(t.Context()); !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a read after Close: %v", err)
		}
	})
}

func TestReadersAndWritersAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		insert(t, db, 1, 2)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 25 {
					// Both rows rise in one unit: a reader must never see one without the other.
					if err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
						_, err := tx.Exec(ctx, "UPDATE rows SET n = n + 1 WHERE id = ?", 1)
						if err == nil {
							_, err = tx.Exec(ctx, "UPDATE rows SET n = n + 1 WHERE id = ?", 2)
						}
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for range 50 {
					var least, most int
					if err := db.QueryRow(t.Context(), "SELECT min(n), max(n) FROM rows").Scan(&least, &most); err != nil {
						t.Error(err)
					} else if least != most {
						t.Errorf("a reader saw half a unit: %d and %d", least, most)
					}
				}
			})
		}
		wg.Wait()
		var n int
		if err := db.QueryRow(t.Context(), "SELECT n FROM rows WHERE id = 1").Scan(&n); err != nil || n != 200 {
			t.Errorf("%d of 200 increments, %v", n, err)
		}
	})
}
