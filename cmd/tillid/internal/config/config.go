// Package config reads what `tillid serve` is told: one YAML file, TILLID_... variables and flags. It opens nothing and
// starts nothing; who may log in where is decided by the packages that the values go to.
//
// Precedence is flag, environment, file, default. Everything that is wrong is reported at once, each fault with the place it
// stands in, and an unknown key with the nearest one that exists.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/tillid/tillid/assurance"
)

// Config is everything that can be set. The tags are the reference: yaml is the key, help what it is for, default the
// value that it has when nobody sets it. A key inside a group is written group.key as a flag and GROUP_KEY in the
// environment.
type Config struct {
	Issuer         string          `yaml:"issuer" help:"the issuer's https URL, as relying parties know it; may have a path; required"`
	Listen         string          `yaml:"listen" default:":8443" help:"address of the public listener"`
	Management     string          `yaml:"management" default:"127.0.0.1:9443" help:"address of the listener for health and metrics; keep it off public networks"`
	TLS            TLS             `yaml:"tls"`
	Store          Reference       `yaml:"store" help:"short-lived records: sqlite:PATH, postgres://, redis://, rediss://, redis-sentinel:// or redis-cluster://; empty is the registry's database"`
	Registry       Reference       `yaml:"registry" default:"sqlite:tillid.db" help:"durable records: sqlite:PATH or postgres://"`
	Replicas       int             `yaml:"replicas" default:"0" help:"Redis replicas that have to confirm a write"`
	Keys           string          `yaml:"keys" default:"keys" help:"directory of the signing keys, see the keys command"`
	Secrets        []Reference     `yaml:"secrets" help:"references to the secrets that seal records and tokens, newest first, at least 32 bytes each; required"`
	Clients        []string        `yaml:"clients" help:"files of registered OpenID Connect clients"`
	FAL            assurance.Level `yaml:"fal" default:"substantial" help:"the NSIS level that this broker is notified at"`
	Language       string          `yaml:"language" default:"da" help:"language of the pages where nobody wished for one: da or en"`
	TrustedProxies []Prefix        `yaml:"trusted_proxies" help:"networks whose X-Forwarded-For counts"`
	Limits         Limits          `yaml:"limits"`
	Lifetimes      Lifetimes       `yaml:"lifetimes"`
	MitID          MitID           `yaml:"mitid"`
	Log            Log             `yaml:"log"`
	DrainDelay     time.Duration   `yaml:"drain_delay" default:"0s" help:"how long to answer on after SIGTERM while no longer ready, for load balancers to notice"`
	Drain          time.Duration   `yaml:"drain" default:"25s" help:"how long requests under way may take to finish after SIGTERM"`
}

// TLS is the certificate of the public listener. Without one it speaks plain http, which is right behind a proxy only.
type TLS struct {
	Cert string `yaml:"cert" help:"PEM file of the certificate chain; empty serves plain http, for a proxy that ends TLS"`
	Key  string `yaml:"key" help:"PEM file of its private key"`
}

// Limits bounds what one client address, an IPv4 address or an IPv6 /64, may ask.
type Limits struct {
	Rate      float64 `yaml:"rate" default:"20" help:"requests a second from one address, in the long run; 0 is no limit"`
	Burst     int     `yaml:"burst" default:"120" help:"requests at once from one address"`
	Addresses int     `yaml:"addresses" default:"100000" help:"addresses remembered; beyond that the one idle longest is forgotten"`
}

// Lifetimes are those of broker.Lifetimes.
type Lifetimes struct {
	Transaction time.Duration `yaml:"transaction" default:"10m" help:"from a request to its answer"`
	Code        time.Duration `yaml:"code" default:"60s" help:"of an authorization code"`
	SessionIdle time.Duration `yaml:"session_idle" default:"30m" help:"of a session without use"`
	Session     time.Duration `yaml:"session" default:"4h30m" help:"of a session in all"`
	RefreshIdle time.Duration `yaml:"refresh_idle" default:"720h" help:"of an offline grant without use"`
	Grace       time.Duration `yaml:"grace" default:"10s" help:"in which a replaced refresh token still gives its successor"`
}

// MitID settles what the sources of the MitID scheme contradict each other about.
type MitID struct {
	AppEnhancedAlone assurance.Level `yaml:"app_enhanced_alone" default:"substantial" help:"what an enhanced app is worth by itself"`
	AppWithChip      assurance.Level `yaml:"app_with_chip" default:"substantial" help:"what an ordinary app and the chip are worth together"`
	Passwords        int             `yaml:"passwords" default:"0" help:"passwords checked at a time; 0 is twice the number of processors"`
}

// Log says what is logged.
type Log struct {
	Level slog.Level `yaml:"level" default:"info" help:"debug, info, warn or error"`
}

// Prefix is a network in CIDR notation; a single address is a network of its own.
type Prefix struct{ netip.Prefix }

// UnmarshalText accepts 192.0.2.0/24 and 192.0.2.1.
func (p *Prefix) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		p.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	parsed, err := netip.ParsePrefix(string(text))
	p.Prefix = parsed.Masked()
	return err
}
