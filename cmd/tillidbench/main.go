// Command tillidbench measures what logins cost a Tillid server, beside what they would cost at least: it starts the server
// as a process of its own on loopback, drives it over HTTP, and measures in the same run what a bare request, a round trip
// to the store, a commit and a signature cost. It is no load generator for other servers, and the server it measures is the
// dev profile, whose phones are simulated in the same process.
//
// It reads processor time from /proc and so runs on Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// options are what can be chosen on the command line.
type options struct {
	binary  string   // the server
	stores  []string // memory, redis
	kinds   []string // empty: all
	scale   float64  // of every number of logins
	logins  int      // before the memory is read; zero leaves that out
	starts  int      // of which the median ready time is taken; zero leaves that out
	profile string   // directory for CPU profiles of the server; empty: none
	strict  bool
	dir     string // for databases: where the product would have them
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == yardstickArgument {
		if err := runYardstick(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, "tillidbench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "tillidbench:", err)
		os.Exit(1)
	}
}

var errMissed = errors.New("a goal was missed")

func run(ctx context.Context) (err error) {
	var o options
	var stores, kinds string
	flag.StringVar(&o.binary, "server", "", "the tillid binary to measure; required")
	flag.StringVar(&stores, "stores", "memory,redis", "stores of sessions and codes to measure with")
	flag.StringVar(&kinds, "kinds", "", "kinds to measure, such as app,sso; empty is all")
	flag.Float64Var(&o.scale, "scale", 1, "factor on every number of logins")
	flag.IntVar(&o.logins, "logins", 10_000, "logins by app before the server's memory is read; 0 leaves it out")
	flag.IntVar(&o.starts, "starts", 9, "starts of which the median ready time is taken; 0 leaves it out")
	flag.StringVar(&o.profile, "profile", "", "directory to write CPU profiles of the server to")
	flag.BoolVar(&o.strict, "strict", false, "fail when a goal is missed")
	flag.Parse()
	o.stores = strings.Split(stores, ",")
	if kinds != "" {
		o.kinds = strings.Split(kinds, ",")
	}
	if o.binary == "" || o.scale <= 0 {
		return errors.New("-server is required, and -scale has to be above zero")
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "tillidbench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	missed := false
	for _, store := range o.stores {
		ok, err := measureStore(ctx, o, store)
		if err != nil {
			return fmt.Errorf("store %s: %w", store, err)
		}
		missed = missed || !ok
	}
	if o.logins > 0 {
		ok, err := measureMemory(ctx, o)
		if err != nil {
			return fmt.Errorf("memory: %w", err)
		}
		missed = missed || !ok
	}
	if o.starts > 0 {
		ok, err := measureReady(ctx, o)
		if err != nil {
			return fmt.Errorf("ready time: %w", err)
		}
		missed = missed || !ok
	}
	if missed && o.strict {
		return errMissed
	}
	return nil
}

// wanted reports whether a kind is to be measured.
func (o options) wanted(kind string) bool { return len(o.kinds) == 0 || slices.Contains(o.kinds, kind) }
