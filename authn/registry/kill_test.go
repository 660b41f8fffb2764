package registry_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
)

// victim is the environment variable by which the test binary becomes the process that is killed.
const victim = "TILLID_REGISTRY_VICTIM"

const writers = 8

func TestMain(m *testing.M) {
	if url := os.Getenv(victim); url != "" {
		if err := write(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// write reserves and succeeds without end and tells of each when it has returned, until the process is killed or its
// parent has ended.
func write(url string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		os.Exit(1)
	}()
	db, err := sqldb.Open(context.Background(), sqldb.Config{URL: url})
	if err != nil {
		return err
	}
	r, err := registry.New(registry.Config{DB: db, Secrets: [][]byte{secret("one")}})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range writers {
		go func() { errs <- writeAs(r, w) }()
	}
	return <-errs
}

func writeAs(r *registry.Registry, w int) error {
	ctx, id := context.Background(), fmt.Sprint("display", w)
	a, err := r.Authenticator(ctx, id)
	if err != nil {
		return err
	}
	for counter := a.Counter + 1; ; counter++ {
		attempts, err := r.Reserve(ctx, id, "never succeeds", endless, now)
		if err != nil {
			return err
		}
		if err := r.Succeed(ctx, id, "", counter, now); err != nil {
			return err
		}
		// One write per line: a line is there as a whole or not at all.
		if _, err := fmt.Fprintf(os.Stdout, "%d %d %d\n", w, attempts.Failures, counter); err != nil {
			return err
		}
	}
}

// TestKilledProcessLosesNothing kills a process with SIGKILL at moments it does not choose. What it had been told to be
// stored is there afterwards.
func TestKilledProcessLosesNothing(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite-file": sqltest.File, "postgres": sqltest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			raw := url(t)
			r, _ := open(t, raw)
			holding(t, r)
			for w := range writers {
				_, err := r.AddAuthenticator(t.Context(), authn.Authenticator{ID: fmt.Sprint("display", w), Person: "person-anna", Kind: authn.CodeDisplay, State: authn.Active})
				must(t, err)
			}
			random := rand.New(rand.NewPCG(3, 4))
			for range 10 {
				failures, counters := killed(t, raw, 1+random.IntN(60))
				for w := range writers {
					id := fmt.Sprint("display", w)
					a, err := r.Authenticator(t.Context(), id)
					must(t, err)
					attempts, err := r.Attempts(t.Context(), id, "never succeeds")
					must(t, err)
					if a.Counter < counters[w] || attempts.Failures < failures[w] {
						t.Errorf("%s has counter %d and %d failures, acknowledged were %d and %d", id, a.Counter, attempts.Failures, counters[w], failures[w])
					}
					if counters[w] > 0 {
						wantErr(t, "a code used before the kill", r.Succeed(t.Context(), id, "", counters[w], now), authn.ErrReplayed)
					}
				}
			}
		})
	}
}

// killed runs the victim until it has told of some writes, and returns the last of each writer.
func killed(t *testing.T, url string, lines int) (failures [writers]int, counters [writers]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+url)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var once sync.Once
	kill := func() {
		once.Do(func() {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		})
	}
	defer kill()
	told := 0
	for scanner := bufio.NewScanner(out); scanner.Scan(); { // also what was told between the decision and the kill
		var w, n int
		var counter uint64
		if _, err := fmt.Sscanf(scanner.Text(), "%d %d %d", &w, &n, &counter); err != nil {
			t.Fatalf("%q: %v", scanner.Text(), err)
		}
		failures[w], counters[w] = n, counter
		if told++; told == lines {
			kill()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() || told < lines {
		t.Fatalf("the process ended by itself after %d lines: %v", told, err)
	}
	_ = in.Close() // closed by Wait
	return failures, counters
}
