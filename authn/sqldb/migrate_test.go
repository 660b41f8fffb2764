package sqldb_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestMigrateAppliesEachOnceInOrder(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.FixedZone("", 7200))
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url, Now: func() time.Time { return at }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		two := fstest.MapFS{
			"0001_a.sql":          file("CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);\n-- and why; not\n"),
			"0002_b.sqlite.sql":   file("INSERT INTO a VALUES (2)"),
			"0002_b.postgres.sql": file("INSERT INTO a VALUES (2);"),
		}
		three := fstest.MapFS{"0003_c.sql": file("INSERT INTO a SELECT max(x) + 1 FROM a")}
		for name, f := range two {
			three[name] = f
		}
		second := "0002_b." + db.Dialect().String() + ".sql"
		pending := func(files fstest.MapFS, want ...string) {
			t.Helper()
			got, err := db.Pending(t.Context(), "test", files)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("pending %v, %v, want %v", got, err, want)
			}
		}
		pending(two, "0001_a.sql", second)
		for range 2 {
			if err := db.Migrate(t.Context(), "test", two); err != nil {
				t.Fatal(err)
			}
		}
		pending(two)
		pending(three, "0003_c.sql")
		if err := db.Migrate(t.Context(), "test", three); err != nil {
			t.Fatal(err)
		}
		var rows, sum int
		if err := db.QueryRow(t.Context(), "SELECT count(*), CAST(sum(x) AS INTEGER) FROM a").Scan(&rows, &sum); err != nil || rows != 3 || sum != 6 {
			t.Errorf("%d rows with sum %d, want 3 with 6, %v", rows, sum, err)
		}
		var applied string
		if err := db.QueryRow(t.Context(), "SELECT applied FROM tillid_migrations WHERE version = 3").Scan(&applied); err != nil || applied != "2026-05-04T01:02:01Z" {
			t.Errorf("applied at %q, %v", applied, err)
		}
		if err := db.Migrate(t.Context(), "other", fstest.MapFS{"0001_a.sql": file("CREATE TABLE other (x INTEGER)")}); err != nil {
			t.Errorf("another component: %v", err)
		}

		// A program older than the database must not go on.
		if err := db.Migrate(t.Context(), "test", two); err == nil || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("an unknown migration: %v", err)
		}
		three["0001_a.sql"] = file("CREATE TABLE a (x INTEGER)")
		if _, err := db.Pending(t.Context(), "test", three); err == nil || !strings.Contains(err.Error(), "0001_a.sql") {
			t.Errorf("a changed migration: %v", err)
		}
		if err := db.Migrate(t.Context(), "test", three); err == nil {
			t.Error("a changed migration was applied")
		}
	})
}

func TestFailedMigrationLeavesNothing(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		db := sqltest.Open(t, url)
		bad := fstest.MapFS{
			"0001_a.sql": file("CREATE TABLE a (x INTEGER)"),
			"0002_b.sql": file("CREATE TABLE b (x INTEGER); CREATE TABLE b (x INTEGER)"),
		}
		if err := db.Migrate(t.Context(), "test", bad); err == nil || !strings.Contains(err.Error(), "0002_b.sql") {
			t.Errorf("a faulty migration: %v", err)
		}
		if got, err := db.Pending(t.Context(), "test", bad); err != nil || !slices.Equal(got, []string{"0002_b.sql"}) {
			t.Errorf("pending %v, %v", got, err)
		}
		bad["0002_b.sql"] = file("CREATE TABLE b (x INTEGER)")
		if err := db.Migrate(t.Context(), "test", bad); err != nil {
			t.Errorf("the mended migration: %v", err)
		}
	})
}

func TestMigrateRefusesFilesThatMakeNoSequence(t *testing.T) {
	db := sqltest.Open(t, sqltest.Memory)
	for name, files := range map[string]fstest.MapFS{
		"none":             {},
		"gap":              {"0001_a.sql": file(""), "0003_c.sql": file("")},
		"start":            {"0002_a.sql": file("")},
		"twice":            {"0001_a.sql": file(""), "0001_b.sql": file("")},
		"name":             {"0001_a.sql": file(""), "2.sql": file("")},
		"upper case":       {"0001_A.sql": file("")},
		"dialect unknown":  {"0001_a.mysql.sql": file("")},
		"dialect missing":  {"0001_a.postgres.sql": file("")},
		"dialect and both": {"0001_a.sqlite.sql": file(""), "0001_a.sql": file("")},
	} {
		if err := db.Migrate(t.Context(), "test", files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := db.Migrate(t.Context(), "", files); err == nil {
		t.Error("no component: accepted")
	}
}

func TestProcessesThatStartAtOnceMigrateOnce(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite-file": sqltest.File, "postgres": sqltest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			raw := url(t)
			many := fstest.MapFS{
				"0001_a.sql": file("CREATE TABLE a (x INTEGER)"),
				"0002_b.sql": file("INSERT INTO a VALUES (1)"),
				"0003_c.sql": file("INSERT INTO a VALUES (2)"),
			}
			var wg sync.WaitGroup
			for range 4 {
				db := sqltest.Open(t, raw)
				wg.Go(func() {
					if err := db.Migrate(t.Context(), "test", many); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			var n int
			if err := sqltest.Open(t, raw).QueryRow(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil || n != 2 {
				t.Errorf("%d rows, want 2, %v", n, err)
			}
		})
	}
}
