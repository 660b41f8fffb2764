package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

func TestOpenReportsEveryWrongField(t *testing.T) {
	_, err := sqldb.Open(t.Context(), sqldb.Config{Readers: -1, Wait: -1})
	for _, field := range []string{"URL", "Readers", "Wait"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("the error does not name %s: %v", field, err)
		}
	}
}

func TestOpenRefusesURLsWithoutRepeatingThem(t *testing.T) {
	for _, url := range []string{
		"hunter2", "mysql://u:hunter2@h/d", "sqlite:", "sqlite:hunter2.db?mode=ro", "sqlite://hunter2.db",
		"sqlite:hunter2#x", "sqlite:hunter2\x00", "postgres://u:hunter2@h:port/d", "postgres://u:hunter2@%zz/d",
		"postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=1&sslmode=disable",
	} {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url})
		if err == nil {
			t.Errorf("%q was opened", url)
			_ = db.Close()
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats the URL: %v", err)
		}
	}
}

func TestFileIsItsOwnersAloneWhateverItsName(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain.db", "with space.db", "per%20cent.db", "æøå.db", "a&b=c.db", ":memory:.db"} {
		path := filepath.Join(dir, name)
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + path})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		migrate(t, db)
		insert(t, db, 1)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if info.Mode().Perm() != 0o600 {
				t.Errorf("%s%s has mode %v", name, suffix, info.Mode())
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		again := sqltest.Open(t, "sqlite:"+path)
		wantPresent(t, again, 1)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := filepath.Base(f); strings.HasPrefix(name, "per cent") {
			t.Errorf("the name was decoded to %s", name)
		}
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	db := sqltest.Open(t, "sqlite:tillid.db")
	migrate(t, db)
	if _, err := os.Stat("tillid.db"); err != nil {
		t.Error(err)
	}
}

func TestFileThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing", "tillid.db"), dir, garbage} {
		if _, err := sqldb.Open(t.Context(), sqldb.Config{URL: "sqlite:" + path}); !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	for name, url := range map[string]string{"sqlite-file": sqltest.File(t), "sqlite-memory": sqltest.Memory} {
		t.Run(name, func(t *testing.T) {
			db := sqltest.Open(t, url)
			migrate(t, db)
			insert(t, db, 1)
			fill := func(ctx context.Context, tx *sqldb.Tx) error {
				var pages int
				if err := tx.QueryRow(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
					return err
				}
				// SQLite's own limit fails as a full disk does.
				if err := tx.QueryRow(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&pages); err != nil {
					return err
				}
				for id := 1000; id < 100_000; id++ {
					if err := add(id)(ctx, tx); err != nil {
						return err
					}
				}
				return nil
			}
			for i, err := range together(t, db, add(2), fill, add(3)) {
				if !errors.Is(err, sqldb.ErrUnavailable) {
					t.Errorf("unit %d on a full disk: %v", i, err)
				}
			}
			wantPresent(t, db, 1)
			insert(t, db, 4)
			wantPresent(t, db, 1, 4)
		})
	}
}

func TestFileLockedByAnotherProcess(t *testing.T) {
	url := sqltest.File(t)
	holder := sqltest.Open(t, url)
	migrate(t, holder)
	db, err := sqldb.Open(t.Context(), sqldb.Config{URL: url, Wait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	err = holder.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
		if err := db.Write(t.Context(), add(1)); !errors.Is(err, sqldb.ErrUnavailable) {
			t.Errorf("a write while another process holds the lock: %v", err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Errorf("a read while another process writes: %v", err)
		}
		return add(2)(ctx, tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, db, 3)
	wantPresent(t, db, 2, 3)
}

func TestMemoryIsPrivate(t *testing.T) {
	a, b := sqltest.Open(t, sqltest.Memory), sqltest.Open(t, sqltest.Memory)
	migrate(t, a)
	migrate(t, b)
	insert(t, a, 1)
	wantPresent(t, b)
	wantPresent(t, a, 1)
}

func TestReadsCannotWrite(t *testing.T) {
	for name, url := range map[string]string{"sqlite-file": sqltest.File(t), "sqlite-memory": sqltest.Memory} {
		t.Run(name, func(t *testing.T) {
			db := sqltest.Open(t, url)
			migrate(t, db)
			var id int
			if err := db.QueryRow(t.Context(), "INSERT INTO rows (id, n) VALUES (1, 1) RETURNING id").Scan(&id); err == nil {
				t.Error("a read wrote")
			}
			wantPresent(t, db)
		})
	}
}

func TestForeignKeysHold(t *testing.T) {
	onEach(t, func(t *testing.T, db *sqldb.DB) {
		err := db.Write(t.Context(), func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO rows (id, n, parent) VALUES (1, 0, 2)")
			return err
		})
		if err == nil {
			t.Error("a row without its parent was kept")
		}
		wantPresent(t, db)
	})
}
