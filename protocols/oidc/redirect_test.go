package oidc

import (
	"net/url"
	"strings"
	"testing"
)

const registered = "https://rp.example/cb"

// hostileRedirects are what others have accepted for https://rp.example/cb.
func hostileRedirects() []string {
	out := []string{
		"", " ", "/", "/cb", "//rp.example/cb", "cb", "https:", "https://", "https:///cb", "https:/rp.example/cb", "https:rp.example/cb",
		"http://rp.example/cb", "HTTPS://rp.example/cb", "Https://rp.example/cb", "ftp://rp.example/cb", "ws://rp.example/cb",
		"javascript:alert(1)", "javascript://rp.example/cb", "data:text/html,x", "vbscript:x", "file:///cb", "blob:https://rp.example/cb",
		"about:blank", "intent://rp.example/cb", "view-source:https://rp.example/cb",
		"https://RP.example/cb", "https://rp.EXAMPLE/cb", "https://rp.example/CB", "https://rp.example/Cb", "https://rp.example/cb/",
		"https://rp.example/cb//", "https://rp.example//cb", "https://rp.example/./cb", "https://rp.example/x/../cb", "https://rp.example/cb/.",
		"https://rp.example/cb/..", "https://rp.example/cb/../cb", "https://rp.example/cb/../../x", "https://rp.example/..;/cb", "https://rp.example/cb;x",
		"https://rp.example/cb;/../x", "https://rp.example/cb/..;/x", "https://rp.example/cb%2f", "https://rp.example/cb%2F..", "https://rp.example%2fcb",
		"https://rp.example%2Fcb", "https://rp.example/%63b", "https://rp.example/c%62", "https://rp.example/cb%00", "https://rp.example/cb\x00",
		"https://rp.example/cb%0a", "https://rp.example/cb\n", "https://rp.example/cb\r\n", "https://rp.example/cb%0d%0aLocation:x", "https://rp.example/cb\t",
		"https://rp.example/cb ", " https://rp.example/cb", "\thttps://rp.example/cb", "https://rp.example /cb", "https:// rp.example/cb",
		"https://rp.example/cb#", "https://rp.example/cb#x", "https://rp.example/cb%23", "https://rp.example/cb?", "https://rp.example/cb?x", "https://rp.example/cb?x=y",
		"https://rp.example/cb?redirect=https://evil.example", "https://rp.example/cb&x=y", "https://rp.example/cb%3f", "https://rp.example/cb/x",
		"https://rp.example/cbx", "https://rp.example/c", "https://rp.example/", "https://rp.example", "https://rp.example?/cb", "https://rp.example#/cb",
		"https://rp.example:443/cb", "https://rp.example:/cb", "https://rp.example:80/cb", "https://rp.example:8443/cb", "https://rp.example:0443/cb", "https://rp.example:x/cb",
		"https://rp.example./cb", "https://rp.example.evil.example/cb", "https://evil.example/cb", "https://evil.example/https://rp.example/cb",
		"https://evil.example?https://rp.example/cb", "https://evil.example#https://rp.example/cb", "https://evilrp.example/cb", "https://evil-rp.example/cb",
		"https://x.rp.example/cb", "https://.rp.example/cb", "https://rp.example..evil/cb", "https://rp-example/cb", "https://rpxexample/cb", "https://*.example/cb", "https://rp.*/cb",
		"https://*", "*", "https://rp.example/*", "https://rp.example/.*", "https://rp%2eexample/cb", "https://rp。example/cb", "https://rp.exаmple/cb",
		"https://xn--rp.example/cb", "https://rp.example@evil.example/cb", "https://rp.example:x@evil.example/cb", "https://evil.example@rp.example/cb",
		"https://@rp.example/cb", "https://:@rp.example/cb", "https://u:p@rp.example/cb", "https://u@v@rp.example/cb", "https://rp.example%40evil.example/cb",
		"https://rp.example\\@evil.example/cb", "https://evil.example\\@rp.example/cb", "https://evil.example\\.rp.example/cb", "https:\\\\rp.example\\cb",
		"https://rp.example\\cb", "https:/\\rp.example/cb", "https://rp.example/\\cb", "\\\\rp.example\\cb", "/\\rp.example/cb", "https://rp.example/cb\\", "https://rp.example/cb\\..",
		"https://[rp.example]/cb", "https://[::1]/cb", "https://127.0.0.1/cb", "https://localhost/cb", "https://rp.example%00.evil.example/cb",
		"https://rp.example\x00.evil.example/cb", "https://rp.example%0d.evil.example/cb", "https://rp.example,evil.example/cb", "https://rp.example;evil.example/cb",
		"https://rp.example&evil.example/cb", "https://rp.example|evil.example/cb", "https://rp.example$evil.example/cb", "https://rp.example'/cb", "https://rp.example\"/cb",
		"https://rp.example<script>/cb", "https://rp.example/cb<script>", "https://rp.example/cb\"", "https://rp.example/cb'", "https://rp.example/cb`",
		"https://rp.example/cb{}", "https://rp.example/cb|", "https://rp.example/cb^", "https://rp.example/cb~", "https://rp.example/cb!", "https://rp.example/cb$", "https://rp.example/cb,https://evil.example",
		"https://rp.example/cb https://evil.example", "https://rp.example/cb+", "https://rp.example/cb\u200b", "https://rp.example/cb\ufeff", "\ufeffhttps://rp.example/cb", "https://rp.example/cb\u2028",
		"https://rp.example/ｃb", "ｈttps://rp.example/cb", "https：//rp.example/cb", "https:／／rp.example/cb", "https://rp.example／cb",
		"https://rp.example/cb" + strings.Repeat("/", 4096), strings.Repeat("https://rp.example/cb", 2),
	}
	for _, c := range registered { // one byte left out, one doubled, one changed
		i := strings.IndexRune(registered, c)
		out = append(out, registered[:i]+registered[i+1:], registered[:i+1]+registered[i:], registered[:i]+"%"+registered[i+1:])
	}
	return out
}

// Of all variants of a registered redirect URI none is accepted but itself.
func TestRedirectURIIsCompared(t *testing.T) {
	hostile := hostileRedirects()
	if len(hostile) < 150 {
		t.Fatalf("only %d variants", len(hostile))
	}
	for _, c := range []Client{
		{ID: "public", RedirectURIs: []string{registered}},
		{ID: "confidential", RedirectURIs: []string{registered}, SecretDigest: unknownDigest},
	} {
		if !c.redirects(registered) {
			t.Errorf("%s: the registered URI is not accepted", c.ID)
		}
		for _, uri := range hostile {
			if c.redirects(uri) {
				t.Errorf("%s: %q is accepted", c.ID, uri)
			}
		}
	}
}

// Only the port of an address literal may vary, only for public clients (RFC 8252 section 7.3).
func TestLoopbackPortMayVary(t *testing.T) {
	public := Client{RedirectURIs: []string{"http://127.0.0.1/cb", "http://[::1]:8000/cb?x=y"}}
	confidential := Client{RedirectURIs: public.RedirectURIs, SecretDigest: unknownDigest}
	for uri, want := range map[string]bool{
		"http://127.0.0.1/cb": true, "http://127.0.0.1:1/cb": true, "http://127.0.0.1:65535/cb": true, "http://[::1]:9/cb?x=y": true, "http://[::1]/cb?x=y": true,
		"http://127.0.0.1:0/cb": false, "http://127.0.0.1:65536/cb": false, "http://127.0.0.1:080/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:x/cb": false,
		"http://127.0.0.1:+1/cb": false, "http://127.0.0.1:1/cb/": false, "http://127.0.0.1:1/": false, "http://127.0.0.1:1": false, "https://127.0.0.1:1/cb": false,
		"http://127.0.0.1.evil/cb": false, "http://127.0.0.1@evil/cb": false, "http://127.0.0.1:1@evil/cb": false, "http://127.0.0.1:1:2/cb": false, "http://127.0.0.1:1#/cb": false,
		"http://127.0.0.1\\@evil/cb": false, "http://127.1/cb": false, "http://127.0.0.2/cb": false, "http://localhost:1/cb": false, "http://[::1]:9/cb": false, "http://[::]:9/cb?x=y": false,
		"http://[0:0:0:0:0:0:0:1]:9/cb?x=y": false, "http://2130706433/cb": false, "http://0x7f000001/cb": false,
	} {
		if got := public.redirects(uri); got != want {
			t.Errorf("public: %q is %v", uri, got)
		}
		if got := confidential.redirects(uri); got && uri != "http://127.0.0.1/cb" {
			t.Errorf("confidential: %q is accepted", uri)
		}
	}
}

// The dev profile's flag reaches this machine and no other.
func TestAnyLoopbackRedirectStaysOnLoopback(t *testing.T) {
	c := Client{InsecureAnyLoopbackRedirect: true}
	for _, uri := range []string{"http://localhost:3000/cb", "https://localhost/cb?x=y", "http://127.0.0.1:1/", "http://[::1]:5/x"} {
		if !c.redirects(uri) || !c.takesBack(uri) {
			t.Errorf("%q is refused", uri)
		}
	}
	for _, uri := range append(hostileRedirects(), "http://localhost.evil.test/", "http://localhost@evil.test/", "http://evil.test#localhost/",
		"http://127.0.0.1.nip.io/", "http://localhost\\.evil.test/", "http://localhost:1@evil.test/", "ftp://localhost/", "http://localhost/#x") {
		u, err := url.Parse(uri)
		if c.redirects(uri) && (err != nil || !loopbackName(u.Hostname())) {
			t.Errorf("%q is accepted", uri)
		}
	}
}

// Whatever is accepted is registered, or differs from it in a port only, and leads where every parser says it does.
func FuzzRedirects(f *testing.F) {
	for _, s := range append(hostileRedirects(), registered, "http://127.0.0.1:5/cb", "http://localhost:5/cb") {
		f.Add(s)
	}
	c := Client{RedirectURIs: []string{registered, "http://127.0.0.1/cb"}}
	dev := Client{InsecureAnyLoopbackRedirect: true}
	f.Fuzz(func(t *testing.T, uri string) {
		u, err := url.Parse(uri)
		if c.redirects(uri) && uri != registered && (err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.Path != "/cb" ||
			u.User != nil || u.RawQuery != "" || u.Fragment != "") {
			t.Errorf("%q is accepted", uri)
		}
		if dev.redirects(uri) && (err != nil || !loopbackName(u.Hostname()) || u.User != nil || u.Fragment != "") {
			t.Errorf("%q is accepted by the dev profile", uri)
		}
		if err := redirectURI(uri, true); err == nil && (strings.ContainsAny(uri, "\r\n #") || strings.HasPrefix(strings.ToLower(uri), "javascript:")) {
			t.Errorf("%q may be registered", uri)
		}
	})
}
