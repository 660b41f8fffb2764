package sqldb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
)

// Whoever reads until there is no next row must not take the end of a context for the end of the rows.
func TestEndedContextStopsReadingWithAnError(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		for i := range 3 {
			insert(t, db, i)
		}
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := db.Query(ctx, "SELECT id FROM rows ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal("there is no first row")
		}
		cancel()
		for rows.Next() {
		}
		if err := rows.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("Err is %v", err)
		}
		if err := rows.Close(); !errors.Is(err, context.Canceled) {
			t.Errorf("Close returned %v", err)
		}
		if _, err := db.Query(ctx, "SELECT id FROM rows"); !errors.Is(err, context.Canceled) {
			t.Errorf("a query after the end: %v", err)
		}
		if err := db.QueryRow(ctx, "SELECT id FROM rows").Scan(new(int)); !errors.Is(err, context.Canceled) {
			t.Errorf("a query for one row after the end: %v", err)
		}
	})
}
