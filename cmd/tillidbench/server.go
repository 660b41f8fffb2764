package main

import (
	"bufio"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// server is a running tillid.
type server struct {
	*process
	issuer     string
	management string       // address of /metrics
	rsaBits    int          // of the key that signs RS256
	ahead      atomic.Int64 // nanoseconds that its clock was moved on by
}

const (
	secret   = "bench-secret-0123456789abcdefghijklmnop"
	callback = "http://127.0.0.1/callback"
)

// clients are those that the bench logs in to, one for each algorithm.
const clients = `clients:
  - {client_id: bench-ES256, client_secret: ` + secret + `, redirect_uris: ["` + callback + `"], organisation: bench, sso: true, claims: [profile]}
  - {client_id: bench-RS256, client_secret: ` + secret + `, redirect_uris: ["` + callback + `"], organisation: bench, sso: true, claims: [profile], id_token_signed_response_alg: RS256}
`

var (
	issuerLine  = regexp.MustCompile(`Ready in \d+ ms: (http://\S+)`)
	metricsLine = regexp.MustCompile(`(http://\S+/metrics)`)
)

// startDev starts `tillid dev` on a new database in a file, with the store of sessions at an address.
func startDev(ctx context.Context, o options, store, profile string) (*server, error) {
	dir, err := os.MkdirTemp(o.dir, "server-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "clients.yaml")
	if err := os.WriteFile(file, []byte(clients), 0o600); err != nil {
		return nil, err
	}
	args := []string{"dev", "--listen", "localhost:0", "--store", store, "--registry", "sqlite:" + filepath.Join(dir, "registry.db"), "--client", file}
	if profile != "" {
		args = append(args, "--cpuprofile", profile)
	}
	cmd := exec.Command(o.binary, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	lines := bufio.NewScanner(out)
	for s.management == "" && lines.Scan() {
		if m := issuerLine.FindStringSubmatch(lines.Text()); m != nil {
			s.issuer = m[1]
		}
		if m := metricsLine.FindStringSubmatch(lines.Text()); m != nil {
			s.management = m[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // so that it never waits for a reader
	if s.management == "" {
		return nil, errors.Join(errors.New("the server does not say where it listens"), s.stop())
	}
	err = poll(ctx, p, func() error { // its RSA keys are made in the background
		return fetch(s.issuer+"/oidc/keys", s.readKeys)
	})
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// readKeys finds out how long the RSA key is, once there is one.
func (s *server) readKeys(body string) error {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		return err
	}
	for _, k := range set.Keys {
		if public, ok := k.Key.(*rsa.PublicKey); ok && k.Algorithm == string(jose.RS256) {
			s.rsaBits = public.N.BitLen()
			return nil
		}
	}
	return errors.New("no RSA key yet")
}

func fetch(address string, use func(body string) error) error {
	answer, err := http.Get(address) //nolint:noctx // on loopback, from a process that is ours
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, answer.Status)
	}
	return use(string(body))
}

// counts is what the server says it has done.
type counts struct{ trips, writes, commits, signatures float64 }

func (a counts) minus(b counts) counts {
	return counts{a.trips - b.trips, a.writes - b.writes, a.commits - b.commits, a.signatures - b.signatures}
}

// counts reads /metrics. A round trip is one to Redis, or else an operation of the store.
func (s *server) counts(store string) (c counts, err error) {
	trips := "tillid_store_calls_total"
	if store != "memory" {
		trips = "tillid_store_round_trips_total"
	}
	err = fetch(s.management, func(body string) error {
		for line := range strings.Lines(body) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			name, _, _ = strings.Cut(name, "{")
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			switch name {
			case trips:
				c.trips += n
			case "tillid_writes_total":
				c.writes += n
			case "tillid_commits_total":
				c.commits += n
			case "tillid_signatures_total":
				c.signatures += n
			}
		}
		return nil
	})
	return c, err
}

// usage is what a server had used and done at an instant.
type usage struct {
	cpu time.Duration
	counts
}

func (s *server) before(store string) (usage, error) {
	c, err := s.counts(store)
	if err != nil {
		return usage{}, err
	}
	cpu, err := s.cpu()
	return usage{cpu, c}, err
}

// since reads the time before the counts, and before reads it after them, so that reading is not measured.
func (s *server) since(store string, u usage) (usage, error) {
	cpu, err := s.cpu()
	if err != nil {
		return usage{}, err
	}
	c, err := s.counts(store)
	return usage{cpu - u.cpu, c.minus(u.counts)}, err
}
