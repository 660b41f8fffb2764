//go:build !nodev

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a dev server of its own, started as the command starts it, and one browser in front of it.
type world struct {
	t          *testing.T
	origin     string
	management string
	browser    *http.Client
	stop       func() error // ends the server and returns what the command returned
	stderr     *lockedBuffer
}

// lockedBuffer is written by the server while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startTimeout is how long a server may take on a machine that does much else.
const startTimeout = 30 * time.Second

// start runs a command that serves, until the test ends.
func start(t *testing.T, environ []string, args ...string) (public, management string, stop func() error, stdout, stderr *lockedBuffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan [2]string, 1), make(chan error, 1)
	stdout, stderr = new(lockedBuffer), new(lockedBuffer)
	env := &environment{ctx: ctx, stdout: stdout, stderr: stderr, environ: environ,
		listening: func(public, management string) { up <- [2]string{public, management} }}
	go func() { done <- run(env, args) }()
	var once sync.Once
	var outcome error
	stop = func() error {
		once.Do(func() {
			cancel()
			outcome = <-done
		})
		return outcome
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("%v ended with %v\n%s", args, err, stderr)
		}
	})
	select {
	case at := <-up:
		return at[0], at[1], stop, stdout, stderr
	case err := <-done:
		once.Do(func() {}) // it has been received
		t.Fatalf("%v: %v\n%s", args, err, stderr)
	case <-time.After(startTimeout):
		t.Fatalf("%v does not start\n%s", args, stderr)
	}
	return "", "", nil, nil, nil
}

func startDev(t *testing.T, args ...string) *world {
	t.Helper()
	public, management, stop, _, stderr := start(t, nil, append([]string{"dev", "--listen", "localhost:0", "--lang", "en"}, args...)...)
	w := &world{t: t, origin: "http://localhost:" + public[strings.LastIndex(public, ":")+1:], management: "http://" + management,
		stop: stop, stderr: stderr}
	w.browser = w.newBrowser()
	return w
}

func (w *world) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: startTimeout}
	w.t.Cleanup(c.CloseIdleConnections)
	return c
}

// view is a page as the browser has it.
type view struct {
	w      *world
	at     *url.URL
	status int
	header http.Header
	body   string
}

func (w *world) do(r *http.Request) view {
	w.t.Helper()
	response, err := w.browser.Do(r)
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", r.Method, r.URL, err, w.stderr)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return view{w, response.Request.URL, response.StatusCode, response.Header, string(body)}
}

func (w *world) get(path string) view {
	w.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = w.origin + path
	}
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(r)
}

// redirect returns where a request is sent on to, without going there.
func (w *world) redirect(path string) string {
	w.t.Helper()
	still := *w.browser
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := still.Get(w.origin + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing is read
	return response.Header.Get("Location")
}

func (w *world) send(path, kind, body string) view {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodPost, w.origin+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	return w.do(r)
}

// post submits the form of the page with fields as name, value, name, value.
func (v view) post(fields ...string) view {
	v.w.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.w.send(v.at.Path, "application/x-www-form-urlencoded", form.Encode())
}

// has fails the test unless the page holds all of the texts.
func (v view) has(texts ...string) view {
	v.w.t.Helper()
	for _, s := range texts {
		if !strings.Contains(html.UnescapeString(v.body), s) {
			v.w.t.Fatalf("%s (status %d) lacks %q:\n%s\n%s", v.at, v.status, s, v.body, v.w.stderr)
		}
	}
	return v
}

func (v view) lacks(texts ...string) view {
	v.w.t.Helper()
	for _, s := range texts {
		if strings.Contains(html.UnescapeString(v.body), s) {
			v.w.t.Fatalf("%s holds %q:\n%s", v.at, s, v.body)
		}
	}
	return v
}

// asks fails the test unless the page has exactly the inputs named, besides hidden ones.
func (v view) asks(inputs ...string) view {
	v.w.t.Helper()
	for _, name := range []string{"user_id", "code", "password"} {
		want := false
		for _, i := range inputs {
			want = want || i == name
		}
		if got := strings.Contains(v.body, `name="`+name+`"`); got != want {
			v.w.t.Fatalf("%s: input %s there: %v, want %v\n%s", v.at, name, got, want, v.body)
		}
	}
	return v
}

var claimPattern = regexp.MustCompile(`data-claim="([^"]+)">([^<]*)<`)

// claims are those that the demo page shows; the test fails when it shows none.
func (v view) claims() map[string]string {
	v.w.t.Helper()
	out := make(map[string]string)
	for _, m := range claimPattern.FindAllStringSubmatch(v.body, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	if len(out) == 0 {
		v.w.t.Fatalf("%s shows no claims (status %d):\n%s\n%s", v.at, v.status, v.body, v.w.stderr)
	}
	return out
}

// loa fails the test unless the demo shows these levels, and returns the claims.
func (v view) loa(loa string) map[string]string {
	v.w.t.Helper()
	c := v.claims()
	if !strings.HasSuffix(c["loa"], "/"+loa) {
		v.w.t.Fatalf("loa is %q, want %s: %v", c["loa"], loa, c)
	}
	return c
}

// json calls the control interface.
func (w *world) json(method, path, body string, status int, into any) {
	w.t.Helper()
	var v view
	if method == http.MethodGet {
		v = w.get(path)
	} else {
		v = w.send(path, "application/json", body)
	}
	if v.status != status {
		w.t.Fatalf("%s %s: status %d, want %d: %s\n%s", method, path, v.status, status, v.body, w.stderr)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(v.body), into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, v.body)
		}
	}
}

// code is what the person's display shows. The clock is moved on first, so that it is one that was not used.
func (w *world) code(user string) string {
	w.t.Helper()
	w.json(http.MethodPost, "/dev/api/clock", `{"advance_seconds":30}`, http.StatusOK, nil)
	var got struct{ Code string }
	w.json(http.MethodGet, "/dev/api/people/"+user+"/code", "", http.StatusOK, &got)
	return got.Code
}

func (w *world) approve(user, body string) {
	w.t.Helper()
	w.json(http.MethodPost, "/dev/api/people/"+user+"/app/approve", body, http.StatusOK, nil)
}

// metric returns the value of one sample on the management listener.
func (w *world) metric(sample string) string {
	w.t.Helper()
	for line := range strings.SplitSeq(w.get(w.management+"/metrics").body, "\n") {
		if rest, ok := strings.CutPrefix(line, sample+" "); ok {
			return rest
		}
	}
	return fmt.Sprintf("no sample %s", sample)
}
