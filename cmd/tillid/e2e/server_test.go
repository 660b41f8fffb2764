package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take that is waited for. It is long because machines that test many things at once
// are slow; what comes earlier is used at once.
const patience = 30 * time.Second

// settings say how a server is to be started.
type settings struct {
	path string     // of the issuer; empty: none
	tls  *authority // whose certificate https is served with; nil: http
	args []string   // further arguments
}

// server is a running `tillid dev`.
type server struct {
	issuer   string
	origin   string // the issuer without its path
	settings settings
	listen   string
	dir      string
	client   *http.Client // trusts the server, keeps no cookies, follows no redirects

	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	log  *transcript
}

// start starts a server that ends with the test.
func start(t testing.TB, s settings) *server {
	t.Helper()
	// Between finding a free port and its use another process can take it, hence more than one try.
	var last error
	for range 5 {
		port := freePort(t)
		scheme := "http"
		if s.tls != nil {
			scheme = "https"
		}
		listen := fmt.Sprintf("localhost:%d", port)
		srv := &server{listen: listen, origin: scheme + "://" + listen, issuer: scheme + "://" + listen + s.path, settings: s,
			dir: t.TempDir(), log: new(transcript)}
		srv.client = srv.newClient()
		if last = srv.run(t); last == nil {
			t.Cleanup(func() { srv.terminate(t) })
			return srv
		}
		srv.kill()
		if !strings.Contains(srv.log.String(), "address already in use") {
			break
		}
	}
	t.Fatal(last)
	return nil
}

func (s *server) newClient() *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	if s.settings.tls != nil {
		tr.TLSClientConfig = &tls.Config{RootCAs: s.settings.tls.pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: tr, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// run starts the process, anew after kill, and waits until it answers.
func (s *server) run(t testing.TB) error {
	t.Helper()
	args := append([]string{"dev", "--listen", s.listen, "--issuer", s.issuer}, s.settings.args...)
	env := os.Environ()
	if s.settings.tls != nil {
		args = append(args, "--tls-cert", s.settings.tls.certFile, "--tls-key", s.settings.tls.keyFile)
		env = append(env, "SSL_CERT_FILE="+s.settings.tls.caFile)
	}
	s.cmd = exec.Command(binary, args...)
	s.cmd.Dir, s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.dir, env, s.log, s.log
	s.cmd.SysProcAttr = dieWithParent()
	s.done = make(chan struct{})
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(done)
	}(s.cmd, s.done)
	return s.answers(s.issuer + "/.well-known/openid-configuration")
}

// answers waits until an address gives 200.
func (s *server) answers(address string) error {
	return poll(s.done, s.log.String, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		answer, err := s.client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close() //nolint:errcheck // nothing of it is used
		_, _ = io.Copy(io.Discard, answer.Body)
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", answer.StatusCode)
		}
		return nil
	})
}

// poll asks again and again until ready returns nil, ended is closed or patience is over.
func poll(ended <-chan struct{}, log func() string, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
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

// kill ends the process as a crash would.
func (s *server) kill() {
	if s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.done
	s.client.CloseIdleConnections()
}

// terminate asks the process to stop, which it has to do without an error.
func (s *server) terminate(t testing.TB) {
	select {
	case <-s.done: // the test has stopped it
		return
	default:
	}
	s.client.CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may be ending
	select {
	case <-s.done:
		if code := s.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the server ended with %v: %s", s.cmd.ProcessState, s.log)
		}
	case <-time.After(patience):
		s.kill()
		t.Errorf("the server did not stop: %s", s.log)
	}
	if t.Failed() {
		t.Logf("the server's log:\n%s", s.log.tail(6000))
	}
}

// api calls the control interface. A nil body is a GET.
func (s *server) api(path string, body, into any) error {
	method, in := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		var err error
		if in, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequest(method, s.origin+"/dev/api/"+path, bytes.NewReader(in))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	out, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return &statusError{answer.StatusCode, strings.TrimSpace(string(out))}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(out, into)
}

// statusError is an answer that was not 2xx.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

func isStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}

// code is what the person's display shows now.
func (s *server) code(person string) (string, error) {
	var shown struct{ Code string }
	err := s.api("people/"+person+"/code", nil, &shown)
	return shown.Code, err
}

// advance moves the server's clock on.
func (s *server) advance(d time.Duration) error {
	return s.api("clock", map[string]int64{"advance_seconds": int64(d / time.Second)}, nil)
}

// tillid runs another command of the binary.
func tillid(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("tillid %s: %w: %s", strings.Join(args, " "), err, log.String())
	}
	return out.String(), nil
}

// transcript is what a process has written, safe to read meanwhile.
type transcript struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

func (t *transcript) tail(n int) string {
	s := t.String()
	return s[max(0, len(s)-n):]
}

// freePort finds a port that nobody listens on now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has served its purpose
	return l.Addr().(*net.TCPAddr).Port
}

// needs leaves the test out where a program is missing, unless TILLID_REQUIRE_SERVERS is set: then it fails.
func needs(t testing.TB, program string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, program)
	return ""
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("TILLID_REQUIRE_SERVERS") != "" {
		t.Fatalf("%s is not installed, and TILLID_REQUIRE_SERVERS is set", what)
	}
	t.Skipf("%s is not installed", what)
}

func (s *server) pool() *x509.CertPool {
	if s.settings.tls == nil {
		return nil
	}
	return s.settings.tls.pool
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// database is the address of a SQLite file that goes with the test.
func database(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tillid.db")
}
