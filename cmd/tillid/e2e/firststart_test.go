package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAKillDuringTheFirstStart: a server that was killed while it wrote its people, secrets and keys is complete when it is
// started again.
func TestAKillDuringTheFirstStart(t *testing.T) {
	seed := uint64(number(t, "TILLID_SEED", int(time.Now().UnixNano()&0xffff_ffff)))
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("TILLID_SEED=%d", seed)
	for range 12 {
		durable := database(t)
		port := freePort(t)
		cmd := exec.Command(binary, "dev", "--listen", fmt.Sprintf("localhost:%d", port), "--store", durable)
		cmd.SysProcAttr = dieWithParent()
		must(t, cmd.Start())
		timer := time.NewTimer(time.Duration(random.IntN(40_000)) * time.Microsecond)
		<-timer.C // the moment is the point
		must(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed

		s := start(t, settings{args: []string{"--store", durable}})
		var people []struct {
			UserID         string `json:"user_id"`
			Authenticators []struct{ Kind string }
		}
		must(t, s.api("people", nil, &people))
		for _, p := range people {
			for _, a := range p.Authenticators {
				who := &somebody{userID: p.UserID, app: a.Kind == "app" || a.Kind == "app_enhanced"}
				client := "demo"
				switch {
				case p.UserID == "locked" || a.Kind == "chip" || a.Kind == "password":
					continue
				case p.UserID == "david": // proofed Low
					client = "demo-low"
				}
				if _, err := s.party(t, client).logIn(newBrowser(s), who); err != nil {
					t.Errorf("%s cannot log in with %s: %.200s", p.UserID, a.Kind, err)
				}
			}
		}
		s.terminate(t)
		must(t, verifyAudit(t.Context(), durable))
		if t.Failed() {
			return
		}
	}
}

// TestStartingAndStopping is what a newcomer sees: a port of the system's choice, an address to open, people, and an end
// without a fuss. What is not loopback is refused.
func TestStartingAndStopping(t *testing.T) {
	out := new(transcript)
	cmd := exec.Command(binary, "dev", "--listen", "localhost:0")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Dir = out, out, dieWithParent(), t.TempDir()
	must(t, cmd.Start())
	s := &server{cmd: cmd, done: make(chan struct{}), log: out}
	s.client = s.newClient()
	go func() {
		_ = cmd.Wait() // terminate looks how it ended
		close(s.done)
	}()
	t.Cleanup(func() { s.terminate(t) })
	address := regexp.MustCompile(`http://localhost:\d+`)
	must(t, poll(s.done, out.String, func(ctx context.Context) error {
		if s.issuer = address.FindString(out.String()); s.issuer == "" {
			return errors.New("no address was printed")
		}
		return nil
	}))
	s.origin = s.issuer
	must(t, s.answers(s.issuer+"/.well-known/openid-configuration"))
	must(t, s.answers(s.issuer+"/dev"))
	_, err := s.party(t, "demo").logIn(newBrowser(s), &somebody{userID: "anna"})
	must(t, err)
	must(t, poll(s.done, out.String, func(context.Context) error {
		if !strings.Contains(out.String(), "anna") {
			return errors.New("no people were printed")
		}
		return nil
	}))
	for _, args := range [][]string{{"--listen", "0.0.0.0:0"}, {"--listen", ":0"}, {"--listen", "192.0.2.1:0"}, {"--issuer", "https://broker.example"},
		{"--store", "sqlserver://x"}, {"--fal", "highest"}, {"--client", "/nonexistent"}, {"--tls-cert", binary}} {
		if _, err := tillid(t.Context(), t.TempDir(), append([]string{"dev", "--listen", "localhost:0"}, args...)...); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
