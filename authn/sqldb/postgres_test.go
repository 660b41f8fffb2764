package sqldb_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

// other opens a connection to the server's own database, through which a test does to its database what an operator, or
// a failing server, would.
func other(t *testing.T, raw string) (operator *sqldb.DB, name string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	name = strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	return sqltest.Open(t, u.String()), name
}

func do(t *testing.T, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	if err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

const terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ?"

func TestServerThatDropsConnections(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	db := sqltest.Open(t, raw)
	operator, name := other(t, raw)
	migrate(t, db)
	insert(t, db, 1)

	// Between two writes: the next one does not notice.
	do(t, operator, terminate, name)
	insert(t, db, 2)

	// Within a unit: all units of the batch fail, nothing is kept, memory is restored.
	restored := 0
	errs := together(t, db, func(ctx context.Context, tx *sqldb.Tx) error {
		tx.OnRollback(func() { restored++ })
		return add(3)(ctx, tx)
	}, func(ctx context.Context, tx *sqldb.Tx) error {
		do(t, operator, terminate, name)
		return add(4)(ctx, tx)
	}, add(5))
	for i, err := range errs {
		if !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("unit %d: %v", i, err)
		}
	}
	if restored != 1 {
		t.Errorf("restored %d times", restored)
	}
	insert(t, db, 6)
	wantPresent(t, db, 1, 2, 6)
}

func TestServerThatIsDownAndComesBack(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	db := sqltest.Open(t, raw)
	operator, name := other(t, raw)
	migrate(t, db)

	do(t, operator, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	do(t, operator, terminate, name)
	if err := db.Write(t.Context(), add(1)); !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("a write while it is down: %v", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("a read while it is down: %v", err)
	}
	if _, err := sqldb.Open(t.Context(), sqldb.Config{URL: raw}); !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("opening while it is down: %v", err)
	}
	do(t, operator, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	insert(t, db, 2)
	wantPresent(t, db, 2)
}

func TestReadOnlyServer(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	db := sqltest.Open(t, raw)
	operator, name := other(t, raw)
	migrate(t, db)
	do(t, operator, "ALTER DATABASE "+name+" SET default_transaction_read_only = on") // as a standby is
	do(t, operator, terminate, name)
	if err := db.Write(t.Context(), add(1)); !errors.Is(err, sqldb.ErrUnavailable) {
		t.Errorf("a write to a standby: %v", err)
	}
	wantPresent(t, db)
}

func TestCommitsAreDurableWhateverTheServersDefault(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	operator, name := other(t, raw)
	for given, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		do(t, operator, "ALTER DATABASE "+name+" SET synchronous_commit = "+given)
		db := sqltest.Open(t, raw)
		var got string
		if err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			return tx.QueryRow(ctx, "SELECT current_setting('synchronous_commit')").Scan(&got)
		}); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("synchronous_commit %s became %s, want %s", given, got, want)
		}
	}
}

// TestTwoProcesses stands for two servers on one PostgreSQL by two DBs, which share nothing.
func TestTwoProcesses(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	a, b := sqltest.Open(t, raw), sqltest.Open(t, raw)
	migrate(t, a)
	insert(t, a, 1)
	var wg sync.WaitGroup
	for _, db := range []*sqldb.DB{a, b} {
		for range 8 {
			wg.Go(func() {
				for range 10 {
					if err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
						var n int
						if err := tx.QueryRow(ctx, "SELECT n FROM rows WHERE id = 1"+tx.Dialect().ForUpdate()).Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, "UPDATE rows SET n = ? WHERE id = 1", n+1)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	var n int
	if err := a.QueryRow(t.Context(), "SELECT n FROM rows WHERE id = 1").Scan(&n); err != nil || n != 160 {
		t.Errorf("%d of 160 increments were kept, %v", n, err)
	}
}

func TestDeadlockIsTriedOnceMore(t *testing.T) {
	raw := sqltest.PostgreSQL(t)
	a, b := sqltest.Open(t, raw), sqltest.Open(t, raw)
	migrate(t, a)
	insert(t, a, 1, 2)
	lock := func(ctx context.Context, tx *sqldb.Tx, id int) error {
		_, err := tx.Exec(ctx, "UPDATE rows SET n = n + 1 WHERE id = ?", id)
		return err
	}
	runs, restored := make(chan struct{}, 8), make(chan struct{}, 8)
	var both sync.WaitGroup // each has its first row before either asks for its second
	both.Add(2)
	crossing := func(first, second int) fn {
		var met sync.Once
		return func(ctx context.Context, tx *sqldb.Tx) error {
			runs <- struct{}{}
			tx.OnRollback(func() { restored <- struct{}{} })
			if err := lock(ctx, tx, first); err != nil {
				return err
			}
			met.Do(func() { both.Done(); both.Wait() })
			return lock(ctx, tx, second)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.Write(t.Context(), crossing(1, 2)); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if err := b.Write(t.Context(), crossing(2, 1)); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if len(runs) != 3 || len(restored) != 1 {
		t.Errorf("%d runs and %d restorations, want 3 and 1", len(runs), len(restored))
	}
	var sum int
	if err := a.QueryRow(t.Context(), "SELECT CAST(sum(n) AS BIGINT) FROM rows").Scan(&sum); err != nil || sum != 4 {
		t.Errorf("%d increments, want 4, %v", sum, err)
	}
}
