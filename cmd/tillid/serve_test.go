package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// serving starts the command and returns its addresses, and a function that ends it as SIGTERM does.
func serving(t *testing.T, environ []string, args ...string) (public, management string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan [2]string, 1), make(chan error, 1)
	out := new(syncOut)
	go func() {
		done <- run(&environment{ctx: ctx, stdout: out, stderr: out, environ: environ,
			listening: func(p, m string) { up <- [2]string{p, m} }}, append([]string{"serve"}, args...))
	}()
	var once sync.Once
	var outcome error
	stop = func() error {
		once.Do(func() {
			cancel()
			outcome = <-done
		})
		return outcome
	}
	t.Cleanup(func() { _ = stop() }) // the test has looked at it where it matters
	select {
	case at := <-up:
		return "http://" + at[0], "http://" + at[1], stop
	case err := <-done:
		once.Do(func() { outcome = err })
		t.Fatalf("serve: %v\n%s", err, out)
	case <-time.After(30 * time.Second):
		t.Fatalf("serve does not start\n%s", out)
	}
	return "", "", nil
}

type syncOut struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncOut) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncOut) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func fetch(t *testing.T, address string) (int, string, http.Header) {
	t.Helper()
	response, err := http.Get(address) //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body), response.Header
}

func TestServe(t *testing.T) {
	dir, environ := install(t, "")
	public, management, stop := serving(t, environ)

	status, body, _ := fetch(t, public+"/broker/.well-known/openid-configuration")
	var discovery struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
	}
	if err := json.Unmarshal([]byte(body), &discovery); err != nil || status != http.StatusOK ||
		discovery.Issuer != "https://login.example.dk/broker" || discovery.Token != "https://login.example.dk/broker/oidc/token" {
		t.Errorf("discovery: %d %v %+v", status, err, discovery)
	}
	for path, want := range map[string]int{
		"/broker/oidc/keys":                  200,
		"/oidc/keys":                         404, // outside the issuer's path
		"/":                                  404,
		"/dev":                               404, // the dev profile is another command
		"/dev/api/people":                    404,
		"/sim/phone":                         404,
		"/broker/login/x":                    404,
		"/healthz/live":                      404, // on the management listener only
		"/metrics":                           404,
		"/broker/oidc/authorize?client_id=x": 400,
	} {
		if got, body, _ := fetch(t, public+path); got != want {
			t.Errorf("%s: %d, want %d: %s", path, got, want, body)
		}
	}
	for path, says := range map[string]string{"/healthz/live": "ok", "/healthz/ready": "ok", "/healthz/startup": "ok",
		"/metrics": "tillid_build_dev 0"} {
		if got, body, _ := fetch(t, management+path); got != http.StatusOK || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
	if _, body, _ := fetch(t, management+"/metrics"); !strings.Contains(body, `tillid_key_age_seconds{algorithm="ES256"}`) {
		t.Error("no age of the key")
	}
	if err := stop(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if out, err := tillid(t, nil, "audit", "verify", "--registry", "sqlite:"+filepath.Join(dir, "tillid.db"), "--keys", filepath.Join(dir, "keys")); err != nil {
		t.Errorf("audit verify: %v\n%s", err, out)
	}
}

func TestServeLimitsAnAddress(t *testing.T) {
	_, environ := install(t, "limits: {rate: 0.1, burst: 3}\n")
	public, _, _ := serving(t, environ)
	for range 3 {
		if status, body, _ := fetch(t, public+"/broker/oidc/keys"); status != http.StatusOK {
			t.Fatalf("within the burst: %d %s", status, body)
		}
	}
	if status, _, header := fetch(t, public+"/broker/oidc/keys"); status != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
		t.Errorf("beyond the burst: %d, Retry-After %q", status, header.Get("Retry-After"))
	}
}

// TestDrain lets a request be under way when the server is told to end.
func TestDrain(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	f := front{log: newLogger(io.Discard, 0), drain: 20 * time.Second, delay: 0,
		handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(began)
			<-release
			w.WriteHeader(http.StatusNoContent)
		}),
		metrics: http.NotFoundHandler(), ready: func(context.Context) error { return nil }}
	ctx, cancel := context.WithCancel(t.Context())
	if err := f.listen(ctx, "127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ended, answered := make(chan error, 1), make(chan int, 1)
	go func() { ended <- f.serve(ctx) }()
	go func() {
		response, err := http.Get("http://" + f.public.Addr().String()) //nolint:noctx // a test's own server
		if err != nil {
			answered <- 0
			return
		}
		answered <- response.StatusCode
		_ = response.Body.Close() // nothing was read
	}()
	<-began
	cancel()
	for { // no longer ready while the request is under way
		status, _, _ := fetch(t, "http://"+f.management.Addr().String()+"/healthz/ready")
		if status == http.StatusServiceUnavailable {
			break
		}
	}
	if status, _, _ := fetch(t, "http://"+f.management.Addr().String()+"/healthz/live"); status != http.StatusOK {
		t.Errorf("a server that drains lives: %d", status)
	}
	close(release)
	if status := <-answered; status != http.StatusNoContent {
		t.Errorf("the request under way was answered %d", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}
