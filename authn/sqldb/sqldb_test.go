package sqldb_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/tillid/tillid/authn/sqldb"
)

var files = fstest.MapFS{"0001_rows.sql": {Data: []byte(`
CREATE TABLE rows (id INTEGER PRIMARY KEY, n BIGINT NOT NULL, parent INTEGER REFERENCES rows (id) DEFERRABLE INITIALLY DEFERRED);
`)}}

func migrate(t testing.TB, db *sqldb.DB) {
	t.Helper()
	if err := db.Migrate(t.Context(), "test", files); err != nil {
		t.Fatal(err)
	}
}

func insert(t testing.TB, db *sqldb.DB, ids ...int) {
	t.Helper()
	err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(ctx, "INSERT INTO rows (id, n) VALUES (?, 0)", id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
