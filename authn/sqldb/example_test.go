package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/tillid/tillid/authn/sqldb"
)

func ExampleDB_Write() {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	schema := fstest.MapFS{"0001_used.sql": {Data: []byte("CREATE TABLE used (code TEXT PRIMARY KEY)")}}
	if err := db.Migrate(ctx, "example", schema); err != nil {
		fmt.Println(err)
		return
	}

	errUsed := errors.New("used before")
	use := func(code string) error {
		return db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			n, err := tx.Exec(ctx, "INSERT INTO used (code) VALUES (?) ON CONFLICT DO NOTHING", code)
			if err == nil && n == 0 {
				err = errUsed
			}
			return err
		})
	}
	fmt.Println(use("123456"))
	fmt.Println(use("123456"))
	// Output:
	// <nil>
	// used before
}
