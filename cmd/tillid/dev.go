//go:build !nodev

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime/pprof"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

// devBuild says whether this build has the dev profile.
const devBuild = true

// profiles are the commands that only some builds have.
type profiles struct {
	Dev devCommand `cmd:"" help:"Serve seeded people and simulated devices, on this machine only."`
}

type devCommand struct {
	Listen     string   `help:"Loopback address to listen on; port 0 takes a free one." default:"localhost:8400" placeholder:"HOST:PORT"`
	Management string   `help:"Loopback address for health and metrics; empty for none." default:"127.0.0.1:0" placeholder:"HOST:PORT"`
	Issuer     string   `help:"Issuer; http or https on loopback. Default: http://localhost and the port." placeholder:"URL"`
	TLSCert    string   `help:"PEM file of a certificate chain: serves https." type:"existingfile" name:"tls-cert" placeholder:"FILE"`
	TLSKey     string   `help:"PEM file of its private key." type:"existingfile" name:"tls-key" placeholder:"FILE"`
	Store      string   `help:"Short-lived records: memory, sqlite:PATH (which then holds everything) or redis://..." default:"memory"`
	Registry   string   `help:"Durable records: sqlite:PATH or postgres://... Default: in memory, or with the store." placeholder:"URL"`
	Client     []string `help:"File of OpenID Connect clients (YAML or JSON); repeatable." type:"existingfile" sep:"none" placeholder:"FILE"`
	SP         []string `help:"File of SAML metadata; repeatable." name:"sp" sep:"none" placeholder:"FILE"`
	FAL        string   `help:"The level that the broker is notified at: low, substantial or high." default:"high" name:"fal"`
	Lang       string   `help:"Language where nobody wishes for one: da or en." enum:"da,en" default:"da"`
	Verbose    bool     `help:"Log everything that happens."`
	CPUProfile string   `help:"File to write a CPU profile to, from start to stop." name:"cpuprofile" placeholder:"FILE"`
}

// Run serves until the context ends.
func (c devCommand) Run(env *environment) (err error) {
	begun := time.Now()
	if c.CPUProfile != "" {
		out, err := os.Create(c.CPUProfile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, out.Close())
		}()
	}
	fal, err := c.check()
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelInfo
	}
	f := front{log: newLogger(env.stderr, level), drain: 25 * time.Second}
	if f.tls, err = certificate(config.TLS{Cert: c.TLSCert, Key: c.TLSKey}); err != nil {
		return err
	}
	if err := f.listen(env.ctx, c.Listen, c.Management); err != nil {
		return err
	}
	issuer, err := c.issuer(f.public.Addr())
	if err != nil {
		return errors.Join(err, f.close())
	}
	d, err := newDevServer(env.ctx, c, issuer, fal, f.log)
	if err != nil {
		return errors.Join(err, f.close())
	}
	f.handler, f.metrics, f.ready = d, d.plan.metrics.handler(), d.ready
	c.print(env, f, issuer, d.people, time.Since(begun))
	env.announce(f)
	return errors.Join(f.serve(env.ctx), d.close(context.WithoutCancel(env.ctx)))
}

// check reports every flag that makes no sense.
func (c devCommand) check() (assurance.Level, error) {
	var faults []error
	fault := func(flag, format string, args ...any) {
		faults = append(faults, &config.Fault{Where: "--" + flag, Text: fmt.Sprintf(format, args...)})
	}
	for flag, address := range map[string]string{"listen": c.Listen, "management": c.Management} {
		host, _, err := net.SplitHostPort(address)
		switch {
		case flag == "management" && address == "":
		case err != nil:
			fault(flag, "%q is not HOST:PORT", address)
		case !loopback(host):
			fault(flag, "%q is not loopback: the dev profile serves this machine only", host)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fault("tls-cert", "certificate and key go together")
	}
	if len(c.SP) > 0 {
		fault("sp", "SAML is not built yet")
	}
	fal, err := assurance.ParseLevel(c.FAL)
	if err != nil || fal == assurance.None {
		fault("fal", "%q is not low, substantial or high", c.FAL)
	}
	kept := strings.HasPrefix(c.Store, "sqlite:")
	switch scheme, _, _ := strings.Cut(c.Store, ":"); {
	case c.Store == inMemory, kept, strings.HasPrefix(scheme, "redis"):
	default:
		fault("store", "%q is not memory, sqlite:PATH or redis://...", scheme)
	}
	if kept && c.Registry != "" && c.Registry != c.Store {
		fault("registry", "with --store sqlite:PATH everything is in that file")
	}
	return fal, errors.Join(faults...)
}

// loopback reports whether a host is this machine and nothing else.
func loopback(host string) bool {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return a.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// issuer is the one given, or localhost: browsers refuse WebAuthn on an address.
func (c devCommand) issuer(at net.Addr) (*url.URL, error) {
	given := c.Issuer
	if given == "" {
		_, port, err := net.SplitHostPort(at.String())
		if err != nil {
			return nil, err
		}
		given = "http://localhost:" + port
		if c.TLSCert != "" {
			given = "https://localhost:" + port
		}
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &config.Fault{Where: "--issuer", Text: "not an http or https URL"}
	}
	if !loopback(u.Hostname()) {
		return nil, &config.Fault{Where: "--issuer", Text: fmt.Sprintf("%q is not loopback: the dev profile serves this machine only", u.Hostname())}
	}
	return u, nil
}

// registry is the address of the durable records.
func (c devCommand) registry() string {
	switch {
	case c.Registry != "":
		return c.Registry
	case strings.HasPrefix(c.Store, "sqlite:"):
		return c.Store
	}
	return "sqlite::memory:"
}

// print tells a newcomer what there is.
func (c devCommand) print(env *environment, f front, issuer *url.URL, people []simulator.Holder, took time.Duration) {
	origin := issuer.Scheme + "://" + issuer.Host
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Ready in %d ms: %s  (test environment, not MitID; this machine only)\n", took.Milliseconds(), issuer)
	fmt.Fprintf(w, "  Try it\t%s/dev\tlog in as anna, see the tokens and what each claim means\n", origin)
	fmt.Fprintf(w, "  Phone\t%s/sim/phone\tapprove with the app\n", origin)
	fmt.Fprintf(w, "  Codes\t%s/sim/codedisplay\twhat the code displays show now\n", origin)
	fmt.Fprintf(w, "  OpenID Connect\t%s/.well-known/openid-configuration\tclient demo, any redirect URI on this machine, PKCE S256\n", issuer)
	fmt.Fprintf(w, "  Post tray\t%s/dev/post\tletters, SMS and e-mail that would have been sent\n", origin)
	if f.management != nil {
		fmt.Fprintf(w, "  Health, metrics\thttp://%s/metrics\t\n", f.management.Addr())
	}
	fmt.Fprintf(w, "People (password %s, app PIN %s)\n", simulator.Password, simulator.PIN)
	for _, h := range people {
		var kinds []string
		for _, a := range h.Authenticators {
			kinds = append(kinds, a.Kind.Name())
		}
		fmt.Fprintf(w, "  %s\t%s, IAL %s\t%s\n", h.UserID, h.Person.Name(), h.Person.IAL, strings.Join(kinds, ", "))
	}
	if err := w.Flush(); err != nil {
		f.log.Warn("nothing could be printed", "error", err)
	}
}

// close closes listeners that never served.
func (f front) close() error {
	faults := []error{f.public.Close()}
	if f.management != nil {
		faults = append(faults, f.management.Close())
	}
	return errors.Join(faults...)
}

// readPEM reads a certificate for the server's own calls to itself.
func readPEM(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	return os.ReadFile(name)
}
