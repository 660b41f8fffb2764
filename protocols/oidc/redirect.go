package oidc

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// maxURI is the greatest length of a URI that a client registers or sends.
const maxURI = 2048

// loopbacks are the address literals whose port may vary (RFC 8252 section 7.3). localhost is not among them: it is a name,
// and names can be made to point elsewhere (section 8.3).
var loopbacks = []string{"http://127.0.0.1", "http://[::1]"}

// redirects reports whether the client may be answered at the URI. The comparison is of bytes (RFC 9700 section 2.1); the
// only exception is the port of a loopback address literal for a public client, which listens where it can.
func (c Client) redirects(uri string) bool {
	if uri == "" || len(uri) > maxURI {
		return false
	}
	for _, registered := range c.RedirectURIs {
		if uri == registered || c.isPublic() && samePortless(uri, registered) {
			return true
		}
	}
	return c.InsecureAnyLoopbackRedirect && onLoopback(uri)
}

// samePortless reports whether both are the same loopback URI but for the port.
func samePortless(a, b string) bool {
	hostA, restA, ok := portless(a)
	if !ok {
		return false
	}
	hostB, restB, ok := portless(b)
	return ok && hostA == hostB && restA == restB
}

// portless splits a loopback URI into what stands before and after its port. It compares text and interprets nothing: a
// parser that understands a URI differently than a browser does is how redirects are stolen.
func portless(uri string) (host, rest string, ok bool) {
	for _, h := range loopbacks {
		after, found := strings.CutPrefix(uri, h)
		if !found {
			continue
		}
		if digits, has := strings.CutPrefix(after, ":"); has {
			end := strings.IndexAny(digits, "/?")
			if end < 0 {
				end = len(digits)
			}
			port, err := strconv.ParseUint(digits[:end], 10, 16)
			if err != nil || port == 0 || strconv.FormatUint(port, 10) != digits[:end] {
				return "", "", false
			}
			after = digits[end:]
		}
		if after != "" && after[0] != '/' && after[0] != '?' {
			return "", "", false
		}
		return h, after, true
	}
	return "", "", false
}

// onLoopback reports whether the URI is an ordinary http or https address of this very machine.
func onLoopback(uri string) bool {
	u, err := plainURI(uri)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && loopbackName(u.Hostname())
}

func loopbackName(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// plainURI parses a URI that means the same to every parser: printable ASCII, written as a parser would write it, without
// user information, fragment or anything that invites a second reading.
func plainURI(uri string) (*url.URL, error) {
	if uri == "" || len(uri) > maxURI {
		return nil, errors.New("is empty or too long")
	}
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c > '~' || strings.IndexByte(`"<>\^{|}`+"`", c) >= 0 {
			return nil, errors.New("holds characters that a URI cannot hold")
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return nil, errors.New("is not a URI")
	case u.User != nil:
		return nil, errors.New("holds user information")
	case strings.Contains(uri, "#"):
		return nil, errors.New("holds a fragment")
	case u.String() != uri:
		return nil, errors.New("is not written plainly")
	case u.Host != "" && !plainPort(u):
		return nil, errors.New("has a port that is not one")
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if bare, _, _ := strings.Cut(segment, ";"); bare == "." || bare == ".." {
			return nil, errors.New("walks up its path")
		}
	}
	return u, nil
}

func plainPort(u *url.URL) bool {
	p := u.Port()
	if p == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(p, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == p
}

// webURI checks an address that this server may call or send browsers to: https, or http on loopback.
func webURI(uri string) error {
	u, err := plainURI(uri)
	if err != nil {
		return err
	}
	switch {
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case u.Scheme == "http" && loopbackName(u.Hostname()):
		return nil
	}
	return errors.New("is neither https nor http on loopback")
}

// redirectURI checks a registered redirect URI: webURI, or for a public client a scheme of its own, which by RFC 8252
// section 7.1 is a reversed domain name and therefore has a dot; javascript: and data: have none.
func redirectURI(uri string, public bool) error {
	if webURI(uri) == nil {
		return nil
	}
	u, err := plainURI(uri)
	if err != nil {
		return err
	}
	if public && strings.Contains(u.Scheme, ".") && u.Host == "" {
		return nil
	}
	return webURI(uri)
}
