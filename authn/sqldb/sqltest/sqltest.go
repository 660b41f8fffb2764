// Package sqltest runs a test on every database that Tillid supports: SQLite in a file, SQLite in memory, and a real
// PostgreSQL server that it starts. It is for tests only and mocks nothing.
package sqltest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillid/tillid/authn/sqldb"
)

// RequireServers is the environment variable that, when it is not empty, makes a missing server a failure. When it is
// empty, tests that need one are skipped.
const RequireServers = "TILLID_REQUIRE_SERVERS"

// Memory is the URL of a database in memory, a new one at every Open.
const Memory = "sqlite::memory:"

// Each runs the test as the subtests "sqlite-file", "sqlite-memory" and "postgres", each with the URL of a database of its
// own that is empty.
func Each(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite-file", func(t *testing.T) { run(t, File(t)) })
	t.Run("sqlite-memory", func(t *testing.T) { run(t, Memory) })
	t.Run("postgres", func(t *testing.T) { run(t, PostgreSQL(t)) })
}

// File is the URL of a SQLite database in a directory that is removed after the test. The file does not exist yet.
func File(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tillid.db")
}

// PostgreSQL is the URL of a new database, dropped after the test, on a server that the first call in a test binary
// starts and that ends with the test binary. Its commits are synced to disk as in production.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	s, err := shared()
	switch {
	case err == nil:
	case isMissing(err) && os.Getenv(RequireServers) == "":
		t.Skipf("%v; set %s to make this a failure", err, RequireServers)
	default:
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	s.admin(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { s.admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return s.url(name)
}

// Open opens a database, and closes it after the test.
func Open(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the database: %v", err)
		}
	})
	return db
}

func (s *server) url(database string) string {
	q := url.Values{"host": {s.dir}, "user": {superuser}}
	return "postgres:///" + database + "?" + q.Encode()
}

// admin runs a statement that may not stand in a transaction.
func (s *server) admin(t testing.TB, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the context of a test has ended in its clean-up
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatalf("connecting to the PostgreSQL server under test: %v", err)
	}
	_, err = conn.Exec(ctx, statement)
	if closing := conn.Close(ctx); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
