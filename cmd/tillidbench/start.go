package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/authn/simulator"
)

const (
	mostMemory    = 40 << 10 // KiB
	mostReady     = 60 * time.Millisecond
	mostReadyDev  = 300 * time.Millisecond
	warmedUpAfter = 500
)

// measureMemory logs in by app many times, with sessions in Redis, and reads how much memory the server holds then.
func measureMemory(ctx context.Context, o options) (_ bool, err error) {
	r, address, err := redisServer(ctx, o.dir)
	if err != nil {
		return false, err
	}
	defer func() { _ = r.stop() }() // it holds nothing
	s, err := startDev(ctx, o, address, "")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	people, err := simulator.People(time.Now())
	if err != nil {
		return false, err
	}
	var all []*browser
	for _, name := range holdApp {
		i := slices.IndexFunc(people, func(h simulator.Holder) bool { return h.UserID == name })
		all = append(all, newBrowser(s.issuer, people[i]))
	}
	do := func(b *browser) error { return byApp(b, "bench-ES256") }
	if _, err := everybody(all, warmedUpAfter, do); err != nil {
		return false, err
	}
	early, err := s.rss()
	if err != nil {
		return false, err
	}
	if _, err := everybody(all, max(0, o.logins-warmedUpAfter), do); err != nil {
		return false, err
	}
	late, err := s.rss()
	if err != nil {
		return false, err
	}
	what := fmt.Sprintf("\nMemory (RSS) after %d logins by app, sessions in Redis (after %d: %.1f MiB)", o.logins, warmedUpAfter, float64(early)/1024)
	return printGoal(os.Stdout, what, fmt.Sprintf("%.1f MiB", float64(late)/1024), late <= mostMemory, "40 MiB"), err
}

// measureReady is how long a server takes from its start to its first answer.
func measureReady(ctx context.Context, o options) (bool, error) {
	dir, err := os.MkdirTemp(o.dir, "ready-")
	if err != nil {
		return false, err
	}
	keys := filepath.Join(dir, "keys")
	if err := exec.CommandContext(ctx, o.binary, "keys", "rotate", "--keys", keys).Run(); err != nil {
		return false, fmt.Errorf("keys rotate: %w", err)
	}
	file := filepath.Join(dir, "clients.yaml")
	if err := os.WriteFile(file, []byte(clients), 0o600); err != nil {
		return false, err
	}
	serve, err := ready(ctx, o, func(address string) *exec.Cmd {
		cmd := exec.Command(o.binary, "serve", "--issuer", "https://bench.example", "--listen", address, "--management", "127.0.0.1:0",
			"--registry", "sqlite:"+filepath.Join(dir, "tillid.db"), "--set", "keys="+keys, "--set", "secrets=env:BENCH_SECRET",
			"--set", "clients="+file, "--set", "log.level=error")
		cmd.Env = append(os.Environ(), "BENCH_SECRET="+strings.Repeat("s", 32))
		return cmd
	})
	if err != nil {
		return false, err
	}
	dev, err := ready(ctx, o, func(address string) *exec.Cmd {
		return exec.Command(o.binary, "dev", "--listen", address)
	})
	if err != nil {
		return false, err
	}
	a := printGoal(os.Stdout, "Ready with keys given (median)", millis(serve), serve <= mostReady, "60 ms")
	b := printGoal(os.Stdout, "Ready in the dev profile (median)", millis(dev), dev <= mostReadyDev, "300 ms")
	return a && b, nil
}

// ready is the median time from a start to the first 200.
func ready(ctx context.Context, o options, command func(address string) *exec.Cmd) (time.Duration, error) {
	var took []time.Duration
	for range o.starts {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			return 0, err
		}
		begun := time.Now()
		p, err := start(command(address))
		if err != nil {
			return 0, err
		}
		err = poll(ctx, p, func() error {
			return fetch("http://"+address+"/.well-known/openid-configuration", func(string) error { return nil })
		})
		took = append(took, time.Since(begun))
		http.DefaultClient.CloseIdleConnections()
		if err = errors.Join(err, p.stop()); err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
