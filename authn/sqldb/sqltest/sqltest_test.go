package sqltest_test

import (
	"testing"

	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func TestEachDatabaseAnswersAndIsEmpty(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, url string) {
		if err := sqltest.Open(t, url).Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
