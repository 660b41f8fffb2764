package sqldb_test

import (
	"strings"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
)

func TestRebind(t *testing.T) {
	for query, want := range map[string]string{
		"":                                    "",
		"SELECT 1":                            "SELECT 1",
		"SELECT ?, ?":                         "SELECT $1, $2",
		"SELECT '?', ?":                       "SELECT '?', $1",
		"SELECT 'it''s ?', ?":                 "SELECT 'it''s ?', $1",
		`SELECT "a?", ?`:                      `SELECT "a?", $1`,
		"SELECT ? -- why?\n, ?":               "SELECT $1 -- why?\n, $2",
		"SELECT /* ? */ ?":                    "SELECT /* ? */ $1",
		"SELECT 'open ?":                      "SELECT 'open ?",
		"SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?": "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10",
	} {
		if got := sqldb.Rebind(query); got != want {
			t.Errorf("%q became %q, want %q", query, got, want)
		}
	}
}

// FuzzRebind holds that nothing but placeholders changes.
func FuzzRebind(f *testing.F) {
	for _, seed := range []string{"SELECT ?", "'?' ? \"?\" -- ?\n? /* ? */ ?", "''?'", "--", "/*/?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsAny(query, "$") {
			return // indistinguishable from a placeholder below
		}
		var back strings.Builder
		digits := false
		for _, c := range sqldb.Rebind(query) {
			switch {
			case c == '$':
				back.WriteByte('?')
				digits = true
			case digits && c >= '0' && c <= '9':
			default:
				back.WriteRune(c)
				digits = false
			}
		}
		if strings.ContainsAny(query, "0123456789") || strings.ToValidUTF8(query, "") != query {
			return // digits behind a placeholder cannot be told from its number
		}
		if back.String() != query {
			t.Errorf("%q became %q", query, sqldb.Rebind(query))
		}
	})
}
