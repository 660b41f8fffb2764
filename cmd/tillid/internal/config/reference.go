package config

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
)

// Reference is a value that is, or may hold, a secret: "file:PATH" and "env:NAME" stand for the content of a file and of
// an environment variable. It prints as it was written, and where it was written out it hides any password.
type Reference string

// maxSecret is the largest content of a reference, in octets.
const maxSecret = 64 << 10

// Indirect reports whether r points at its value rather than being it.
func (r Reference) Indirect() bool {
	return strings.HasPrefix(string(r), "file:") || strings.HasPrefix(string(r), "env:")
}

// Resolve returns what r stands for, without a newline at its end. An error names the reference and never its value.
func (r Reference) Resolve(getenv func(string) (string, bool)) (string, error) {
	switch source, name, _ := strings.Cut(string(r), ":"); {
	case !r.Indirect():
		return string(r), nil
	case source == "env":
		value, set := getenv(name)
		if !set || value == "" {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		return value, nil
	default:
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return "", fmt.Errorf("the file cannot be read: %w", err)
		case info.Mode().Perm()&0o077 != 0:
			return "", fmt.Errorf("%s can be read by others (mode %04o); make it 0600", name, info.Mode().Perm())
		case info.Size() > maxSecret:
			return "", fmt.Errorf("%s is larger than %d octets", name, maxSecret)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("the file cannot be read: %w", err)
		}
		content = bytes.TrimRight(content, "\r\n")
		if len(content) == 0 {
			return "", fmt.Errorf("%s is empty", name)
		}
		return string(content), nil
	}
}

// String is r without a password.
func (r Reference) String() string {
	if r.Indirect() || !strings.Contains(string(r), "@") {
		return string(r)
	}
	scheme, rest, _ := strings.Cut(string(r), "//")
	at := strings.LastIndex(rest, "@")
	if at < 0 || !strings.Contains(rest[:at], ":") {
		return string(r)
	}
	return scheme + "//[redacted]" + rest[at:]
}

// GoString, MarshalText and LogValue hide what String hides.
func (r Reference) GoString() string { return r.String() }

// MarshalText is String.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// LogValue is String.
func (r Reference) LogValue() slog.Value { return slog.StringValue(r.String()) }

// errPassword says what to write instead.
var errPassword = errors.New("a password stands in the address; write file:PATH or env:NAME, with the whole address there")

// checkURL refuses addresses of another kind than schemes, and passwords written out.
func (r Reference) checkURL(schemes ...string) error {
	if r.Indirect() {
		return nil
	}
	if r.String() != string(r) {
		return errPassword
	}
	scheme, _, found := strings.Cut(string(r), ":")
	for _, s := range schemes {
		if found && s == scheme {
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", scheme, strings.Join(schemes, ", "))
}

// StoreSchemes and RegistrySchemes are the kinds of address that Store and Registry take.
var (
	StoreSchemes    = []string{"sqlite", "postgres", "postgresql", "redis", "rediss", "redis-sentinel", "redis-cluster"}
	RegistrySchemes = []string{"sqlite", "postgres", "postgresql"}
)

// checkIssuer accepts an https URL without query, fragment, credentials or a slash at its end (OpenID Connect Discovery
// 1.0 section 3).
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return errors.New("required")
	case err != nil || u.Host == "":
		return errors.New("not a URL")
	case u.Scheme != "https":
		return errors.New("must begin with https://")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(issuer, "#"):
		return errors.New("must not have a query or a fragment")
	case u.User != nil:
		return errors.New("must not hold credentials")
	case strings.HasSuffix(issuer, "/"):
		return errors.New("must not end with a slash")
	case u.Path != "" && (u.Path != u.EscapedPath() || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "/.")):
		return errors.New("must have a plain path")
	}
	return nil
}
