package sqldb

import (
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const memoryPath = ":memory:"

// source is a parsed Config.URL.
type source struct {
	dialect Dialect
	path    string // SQLite: the file; "" in memory
	shared  string // SQLite in memory: the name under which the connections of one DB, and no others, share it
	config  *pgx.ConnConfig
}

// parse never repeats the URL in an error, since it may hold a password.
func parse(raw string) (source, error) {
	scheme, rest, found := strings.Cut(raw, ":")
	switch {
	case raw == "":
		return source{}, errors.New(`sqldb: Config.URL is required: "sqlite:PATH", "sqlite::memory:" or "postgres://..."`)
	case found && scheme == "sqlite":
		return parseSQLite(rest)
	case found && (scheme == "postgres" || scheme == "postgresql"):
		config, err := pgx.ParseConfig(raw)
		if err != nil {
			return source{}, errors.New("sqldb: Config.URL: not a PostgreSQL connection URL that can be read")
		}
		return source{dialect: PostgreSQL, config: config}, nil
	}
	return source{}, errors.New(`sqldb: Config.URL: the scheme must be "sqlite" or "postgres"`)
}

func parseSQLite(path string) (source, error) {
	switch {
	case path == "":
		return source{}, errors.New("sqldb: Config.URL: sqlite: needs a path")
	case path == memoryPath:
		// Not from an injected source of randomness: two databases of one process with one name would be one database.
		return source{dialect: SQLite, shared: "tillid-" + rand.Text()}, nil
	case strings.ContainsAny(path, "?#"):
		return source{}, errors.New("sqldb: Config.URL: sqlite: takes a path without options")
	case strings.ContainsRune(path, 0):
		return source{}, errors.New("sqldb: Config.URL: sqlite: the path holds a NUL byte")
	case strings.HasPrefix(path, "//"):
		return source{}, errors.New("sqldb: Config.URL: sqlite: takes a path directly after the colon, without //")
	}
	return source{dialect: SQLite, path: path}, nil
}

// create makes the file before SQLite does, so that nobody but its owner can read it; SQLite gives the files beside it
// the same mode.
func (s source) create() error {
	if s.dialect != SQLite || s.path == "" {
		return nil
	}
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return unavailable(err)
	}
	return f.Close()
}

// dsn is what modernc.org/sqlite opens. The write-ahead log with synchronous=FULL syncs at every commit: what was used
// stays used after a power loss.
func (s source) dsn(writer bool, wait time.Duration) string {
	q := url.Values{}
	if s.path == "" {
		q.Set("mode", "memory")
		q.Set("cache", "shared")
	}
	q.Add("_pragma", "busy_timeout("+strconv.FormatInt(wait.Milliseconds(), 10)+")")
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "trusted_schema(0)")
	q.Add("_pragma", "temp_store(memory)")
	if writer {
		if s.path != "" {
			q.Add("_pragma", "journal_mode(wal)")
		}
		q.Add("_pragma", "synchronous(full)")
		q.Add("_pragma", "cache_size(-512)") // KiB; the operating system holds the file's pages as well
	} else {
		q.Add("_pragma", "query_only(1)")
		// Every commit makes a reader's cache worthless, so it need not hold more than one query touches.
		q.Add("_pragma", "cache_size(-256)")
	}
	name := s.shared
	if s.path != "" {
		name = (&url.URL{Path: s.path}).EscapedPath()
	}
	return "file:" + name + "?" + q.Encode()
}
