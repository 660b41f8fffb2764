package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/sqlstore"
	"github.com/tillid/tillid/broker/storetest"
)

// open opens a database that is closed with the test, and a store in it.
func open(t testing.TB, url string, now func() time.Time) (*sqldb.DB, *sqlstore.Store) {
	t.Helper()
	db := sqltest.Open(t, url)
	if err := db.Migrate(t.Context(), sqlstore.Component, sqlstore.Migrations()); err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.New(sqlstore.Config{DB: db, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return db, s
}

func TestPromises(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db, _ := open(t, url, nil)
		storetest.Run(t, func(t *testing.T, now func() time.Time) broker.Store {
			return emptied(t, db, now)
		})
	})
}

// Two brokers on one database must be as good as one.
func TestPromisesHoldBetweenProcesses(t *testing.T) {
	url := sqltest.PostgreSQL(t)
	a, _ := open(t, url, nil)
	b, _ := open(t, url, nil)
	storetest.Run(t, func(t *testing.T, now func() time.Time) broker.Store {
		return &pair{stores: [2]broker.Store{emptied(t, a, now), emptied(t, b, now)}}
	})
}

// emptied returns a store with a clock of its own in a database that others used before.
func emptied(t *testing.T, db *sqldb.DB, now func() time.Time) *sqlstore.Store {
	t.Helper()
	if err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM store_records")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s, err := sqlstore.New(sqlstore.Config{DB: db, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkStore(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqltest.File, "postgres": sqltest.PostgreSQL} {
		b.Run(name, func(b *testing.B) {
			storetest.Benchmark(b, func(b *testing.B, now func() time.Time) broker.Store {
				_, s := open(b, url(b), now)
				return s
			})
		})
	}
}

func TestConfig(t *testing.T) {
	if s, err := sqlstore.New(sqlstore.Config{}); err == nil || s != nil {
		t.Errorf("New without a database = %v, %v", s, err)
	}
}

func rows(t *testing.T, db *sqldb.DB) int {
	t.Helper()
	var n int
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM store_records").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Garbage must go away by the traffic alone, without anybody reading the expired keys.
func TestExpiredRowsAreSwept(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		db, s := open(t, url, func() time.Time { return now })
		create := func(i int) {
			t.Helper()
			if err := s.Create(t.Context(), broker.Record{Key: fmt.Sprint(i), Expires: now.Add(time.Second)}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			create(i)
		}
		if got := rows(t, db); got != 100 {
			t.Fatalf("%d rows of 100 live records", got)
		}
		now = now.Add(time.Second)
		for i := range 64 { // each also expires
			now = now.Add(time.Second)
			create(100 + i)
		}
		if got := rows(t, db); got > 16 {
			t.Fatalf("%d rows after the sweeps, of which one is live", got)
		}
	})
}

func TestUnavailableDatabase(t *testing.T) {
	db, s := open(t, sqltest.File(t), nil)
	r := broker.Record{Key: "k", Expires: time.Now().Add(time.Minute)}
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, get := s.Get(t.Context(), "k")
	_, update := s.Update(t.Context(), r)
	_, take := s.Take(t.Context(), "k")
	_, find := s.Find(t.Context(), "i")
	for op, err := range map[string]error{
		"Create": s.Create(t.Context(), r), "Get": get, "Update": update, "Take": take, "Find": find, "Delete": s.Delete(t.Context(), "k"),
	} {
		if !errors.Is(err, broker.ErrUnavailable) || broker.CodeOf(err) != broker.Unavailable {
			t.Errorf("%s on a closed database: %v; want ErrUnavailable", op, err)
		}
	}
}

// An unexpected error must not look like an answer about the record.
func TestMissingTable(t *testing.T) {
	db := sqltest.Open(t, sqltest.File(t))
	s, err := sqlstore.New(sqlstore.Config{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Take(t.Context(), "k")
	if err == nil || errors.Is(err, broker.ErrNotFound) {
		t.Errorf("Take without a table: %v", err)
	}
}

// What was written is there after the database was opened anew, and what was taken is not.
func TestRecordsOutliveTheProcess(t *testing.T) {
	url := sqltest.File(t)
	for round := range 3 {
		db, s := open(t, url, nil)
		if round > 0 {
			if _, err := s.Take(t.Context(), fmt.Sprint("taken", round-1)); !errors.Is(err, broker.ErrNotFound) {
				t.Errorf("taken before the restart: %v; want ErrNotFound", err)
			}
			if _, err := s.Take(t.Context(), fmt.Sprint("kept", round-1)); err != nil {
				t.Errorf("kept over the restart: %v", err)
			}
		}
		for _, key := range []string{"taken", "kept"} {
			if err := s.Create(t.Context(), broker.Record{Key: fmt.Sprint(key, round), Expires: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Take(t.Context(), fmt.Sprint("taken", round)); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A read must not wait for a write, or one slow commit would stop all logins.
func TestReadsDoNotWaitForTheWriter(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		if url == sqltest.Memory {
			return // SQLite in memory has no journal beside which to read
		}
		db, s := open(t, url, nil)
		if err := s.Create(t.Context(), broker.Record{Key: "k", Index: "i", Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		writing, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- db.Write(context.WithoutCancel(t.Context()), func(ctx context.Context, tx *sqldb.Tx) error {
				if _, err := tx.Exec(ctx, "UPDATE store_records SET version = version + 1"); err != nil {
					return err
				}
				close(writing)
				<-release
				return nil
			})
		}()
		<-writing
		_, get := s.Get(t.Context(), "k")
		_, find := s.Find(t.Context(), "i")
		close(release)
		if err := errors.Join(get, find, <-done); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingIsPendingAfterMigrate(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db, _ := open(t, url, nil)
		pending, err := db.Pending(t.Context(), sqlstore.Component, sqlstore.Migrations())
		if err != nil || len(pending) != 0 {
			t.Errorf("pending: %s, %v", strings.Join(pending, ", "), err)
		}
	})
}
