package ledger

import (
	"bufio"
	"context"
	"crypto"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
)

// childURL makes the test binary the process that is killed.
const childURL = "TILLID_LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		err := child(url)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child opens and rotates grants for ever and says so after each one that was acknowledged.
func child(url string) error {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Config{URL: url})
	if err != nil {
		return err
	}
	log, err := audit.Open(ctx, audit.Config{DB: db, Signer: signer, CheckpointEvery: 10 * time.Millisecond})
	if err != nil {
		return err
	}
	l, err := New(ctx, Config{DB: db, Audit: log, Secrets: [][]byte{secret}})
	if err != nil {
		return err
	}
	failed := make(chan error)
	said := make(chan string)
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				g := grant(id)
				g.Expires = time.Now().Add(time.Hour)
				if err := l.Note(ctx, broker.Line{Event: "asked", Transaction: id}); err != nil {
					failed <- err
				}
				if err := l.OpenGrant(ctx, g, broker.Line{Event: "issued", Transaction: id}); err != nil {
					failed <- err
				}
				said <- "opened " + id
				if _, err := l.Rotate(ctx, id, 0, time.Now(), time.Second, broker.Line{Event: "refreshed", Transaction: id}); err != nil {
					failed <- err
				}
				said <- "rotated " + id
			}
		}()
	}
	for {
		select {
		case s := <-said:
			if _, err := fmt.Println(s); err != nil {
				return err
			}
		case err := <-failed:
			return err
		}
	}
}

// A process is killed in the middle of its work, many times. What it acknowledged is there, nothing is there without its
// line, and the log verifies, against the checkpoints seen before as well.
func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "tillid.db"), "postgres": ""} {
		t.Run(name, func(t *testing.T) {
			rounds := 12
			if url == "" {
				url = sqltest.PostgreSQL(t)
				rounds = 4
			}
			if testing.Short() {
				rounds = 2
			}
			db := sqltest.Open(t, url)
			must(t, db.Migrate(t.Context(), audit.Component, audit.Migrations()))
			must(t, db.Migrate(t.Context(), Component, Migrations()))
			acknowledged := map[string]bool{} // by id: whether it was rotated, too
			var anchors []audit.Checkpoint
			r := rand.New(rand.NewPCG(3, 4))
			for range rounds {
				killed(t, url, 20+r.IntN(400), acknowledged)
				b := benchOn(t, db)
				report, err := audit.Verify(t.Context(), db, audit.Check{Keys: []crypto.PublicKey{signer.Public()}, Anchors: anchors})
				must(t, err)
				anchors = report.Anchors
				grants := map[string]broker.Grant{} // before the lines: a server may still be at work on a commit
				for id := range acknowledged {
					g, err := b.Grant(t.Context(), id)
					if err != nil {
						t.Errorf("%s was acknowledged: %v", id, err)
					}
					grants[id] = g
				}
				lines := map[string]bool{}
				for _, l := range b.lines(t) {
					lines[l.Event+" "+l.Transaction] = true
				}
				for id, rotated := range acknowledged {
					g := grants[id]
					if !lines["issued "+id] || !lines["asked "+id] {
						t.Errorf("%s was acknowledged: line %v, noted line %v", id, lines["issued "+id], lines["asked "+id])
					}
					if rotated && (g.Generation != 1 || !lines["refreshed "+id]) {
						t.Errorf("%s was rotated: generation %d, line %v", id, g.Generation, lines["refreshed "+id])
					}
					if g.Generation == 1 && !lines["refreshed "+id] {
						t.Errorf("%s was rotated without a line", id)
					}
				}
				var all, issued int
				must(t, db.QueryRow(t.Context(), `SELECT (SELECT COUNT(*) FROM ledger_grants),
					(SELECT COUNT(*) FROM audit_entries WHERE event = 'issued')`).Scan(&all, &issued))
				if all != issued || all == 0 {
					t.Errorf("%d grants and %d lines about them", all, issued)
				}
				must(t, b.audit.Close(t.Context()))
			}
			t.Logf("%d grants were acknowledged", len(acknowledged))
		})
	}
}

// killed runs the child until it has acknowledged n things, kills it, and notes what it acknowledged.
func killed(t *testing.T, url string, n int, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	in := bufio.NewReader(out)
	for i := 0; ; i++ {
		if i == n {
			must(t, cmd.Process.Kill())
		}
		word, err := in.ReadString('\n')
		if err == io.EOF || (err != nil && i >= n) {
			break
		}
		must(t, err)
		if !strings.HasSuffix(word, "\n") {
			break
		}
		what, id, _ := strings.Cut(strings.TrimSpace(word), " ")
		acknowledged[id] = acknowledged[id] || what == "rotated"
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
}
