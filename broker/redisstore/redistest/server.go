// Package redistest starts real Redis servers for tests: one, a set behind Sentinel, or a Cluster of three. They listen on
// loopback only, keep nothing on disk and end with the test; it is not for running Redis anywhere else.
package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long a server may take to be ready. It is long because machines that test many things at once are slow;
// a server that is ready earlier is used at once.
const patience = 30 * time.Second

// Server is one running redis-server.
type Server struct {
	Addr string // "127.0.0.1:port"
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// URL is the server's address for redisstore.Dial.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Single starts one server. Settings are further lines of its configuration, such as "maxmemory 10mb". The test is left out
// if Redis is not installed, unless the environment variable TILLID_REQUIRE_SERVERS is set: then it fails.
func Single(t testing.TB, settings ...string) *Server {
	t.Helper()
	require(t, "redis-server")
	return start(t, "redis-server", settings)
}

// Kill ends the process at once, as a crash would. It is no error to kill it twice.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.done
}

// Client returns a client of the server that is closed with the test, for looking at it from outside.
func (s *Server) Client(t testing.TB) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func require(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err == nil {
			continue
		}
		if os.Getenv("TILLID_REQUIRE_SERVERS") != "" {
			t.Fatalf("%s is not installed, and TILLID_REQUIRE_SERVERS is set", p)
		}
		t.Skipf("%s is not installed", p)
	}
}

// start starts a program of Redis on a free port and waits until it answers.
func start(t testing.TB, program string, settings []string) *Server {
	t.Helper()
	// Between finding a free port and its use another process can take it, hence more than one try.
	var last error
	for range 5 {
		s, err := launch(t, program, settings)
		if err != nil {
			t.Fatal(err)
		}
		if last = s.answers(t); last == nil {
			return s
		}
		s.Kill()
	}
	t.Fatalf("%s does not start: %v", program, last)
	return nil
}

func launch(t testing.TB, program string, settings []string) (*Server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: fmt.Sprintf("127.0.0.1:%d", ports[0]), dir: t.TempDir(), done: make(chan struct{})}
	lines := []string{
		fmt.Sprintf("port %d", ports[0]), "bind 127.0.0.1", "protected-mode yes", "daemonize no",
		"dir " + s.dir, "logfile " + filepath.Join(s.dir, "log"),
	}
	if program == "redis-server" {
		lines = append(lines, `save ""`, "appendonly no", fmt.Sprintf("cluster-port %d", ports[1]))
	}
	config := filepath.Join(s.dir, "config")
	if err := os.WriteFile(config, []byte(strings.Join(append(lines, settings...), "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, config)
	s.cmd.SysProcAttr = dieWithParent()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.cmd.Wait() // it is killed, so how it ended tells nothing
		close(s.done)
	}()
	t.Cleanup(s.Kill)
	return s, nil
}

// answers waits until the server answers PING; it returns an error when the process ends before.
func (s *Server) answers(t testing.TB) error {
	c := s.Client(t)
	return poll(s.done, func(ctx context.Context) error { return c.Ping(ctx).Err() }, s.log)
}

func (s *Server) log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(b, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}

// poll asks again and again until ready returns nil, ended is closed or patience is over.
func poll(ended <-chan struct{}, ready func(context.Context) error, log func() string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("the process ended: %s", log())
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w\n%s", patience, err, log())
		case <-tick.C:
		}
	}
}

// freePorts finds ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	var errs []error
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { errs = append(errs, l.Close()) }() // only when all are found, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, errors.Join(errs...)
}
