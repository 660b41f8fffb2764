package config

import (
	"net"
	"os"

	"github.com/tillid/tillid/assurance"
)

// check finds what single values cannot show.
func (r *reader) check() {
	c := &r.config
	r.rule("issuer", checkIssuer(c.Issuer))
	r.when("listen", !address(c.Listen), "not an address such as :8443 or 127.0.0.1:8443")
	r.when("management", c.Management != "" && !address(c.Management), "not an address such as 127.0.0.1:9443")
	r.when("tls.key", (c.TLS.Cert == "") != (c.TLS.Key == ""), "certificate and key go together")
	if c.Store != "" {
		r.rule("store", c.Store.checkURL(StoreSchemes...))
	}
	r.rule("registry", c.Registry.checkURL(RegistrySchemes...))
	r.when("replicas", c.Replicas < 0, "must not be negative")
	r.when("keys", c.Keys == "", "required")
	r.when("secrets", len(c.Secrets) == 0, "required: at least one reference, file:PATH or env:NAME")
	for _, s := range c.Secrets {
		r.when("secrets", !s.Indirect(), "a secret is written as a reference, file:PATH or env:NAME")
	}
	for _, name := range c.Clients {
		_, err := os.Stat(name)
		r.when("clients", err != nil, "%s cannot be read", name)
	}
	r.when("fal", c.FAL == assurance.None, "must be low, substantial or high")
	r.when("mitid.app_enhanced_alone", c.MitID.AppEnhancedAlone == assurance.None, "must be low, substantial or high")
	r.when("mitid.app_with_chip", c.MitID.AppWithChip == assurance.None, "must be low, substantial or high")
	r.when("mitid.passwords", c.MitID.Passwords < 0, "must not be negative")
	r.when("language", c.Language != "da" && c.Language != "en", "must be da or en")
	r.when("limits.rate", c.Limits.Rate < 0, "must not be negative")
	r.when("limits.burst", c.Limits.Burst < 1, "must be at least 1")
	r.when("limits.addresses", c.Limits.Addresses < 1, "must be at least 1")
	l := c.Lifetimes
	r.when("lifetimes.transaction", l.Transaction <= 0, "must be longer than nothing")
	r.when("lifetimes.code", l.Code <= 0, "must be longer than nothing")
	r.when("lifetimes.session_idle", l.SessionIdle <= 0, "must be longer than nothing")
	r.when("lifetimes.session", l.Session < l.SessionIdle, "must not be shorter than lifetimes.session_idle")
	r.when("lifetimes.refresh_idle", l.RefreshIdle <= 0, "must be longer than nothing")
	r.when("lifetimes.grace", l.Grace < 0, "must not be negative")
	r.when("drain_delay", c.DrainDelay < 0, "must not be negative")
	r.when("drain", c.Drain < 0, "must not be negative")
}

func (r *reader) when(key string, bad bool, format string, args ...any) {
	if bad && !r.broken[key] {
		r.fail(r.where[key], key, format, args...)
	}
}

func (r *reader) rule(key string, err error) {
	if err != nil {
		r.when(key, true, "%v", err)
	}
}

func address(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = net.LookupPort("tcp", port)
	return err == nil
}
