package broker

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/authn"
)

// Browser is what a browser's cookies say, and what they are to say next. Adapters make one with Broker.Browser, hand it
// to Begin and Next, and write it back with SetCookies before the answer's body.
//
// Three cookies are kept: one that binds every transaction to the browser that began it, one for the session, and one
// that lets a browser that has logged a person in before be told from a stranger's.
type Browser struct {
	token     string // the binding; made when the browser had none
	session   string // the session's two secrets, "" for none
	known     []acquaintance
	languages []string
	cookies   []*http.Cookie
	secure    bool
	fresh     bool // token has to be set
}

// acquaintance is one person who has logged in from the browser, and the authenticators that were right in it. What a
// password alone has proved must not open a lane in which codes can be guessed: whoever knows the password could open any
// number of them.
type acquaintance struct {
	Person string       `json:"p"`
	Lane   string       `json:"l"`
	Kinds  []authn.Kind `json:"k"`
}

const (
	bindingCookie = "tillid-browser"
	sessionCookie = "tillid-session"
	knownCookie   = "tillid-known"
	maxKnown      = 8
	knownFor      = 400 * 24 * time.Hour // the longest that browsers keep a cookie (RFC 6265bis section 5.5)
)

// Browser reads the cookies of a request. Values that are not ours count as absent.
func (b *Broker) Browser(r *http.Request) *Browser {
	br := &Browser{secure: b.secureCookies, languages: acceptLanguage(r.Header.Get("Accept-Language"))}
	if c, err := r.Cookie(br.name(bindingCookie)); err == nil && len(c.Value) == tokenLength {
		br.token = c.Value
	} else {
		br.token, br.fresh = b.token(), true
	}
	if c, err := r.Cookie(br.name(sessionCookie)); err == nil && len(c.Value) == 2*tokenLength {
		br.session = c.Value
	}
	if c, err := r.Cookie(br.name(knownCookie)); err == nil && len(c.Value) < 4096 {
		if plain, err := b.cookies.openText(c.Value, knownCookie); err == nil {
			if json.Unmarshal(plain, &br.known) != nil {
				br.known = nil
			}
		}
	}
	return br
}

// SetCookies writes the cookies that have changed. Call it once, before the header is sent.
func (br *Browser) SetCookies(h http.Header) {
	if br.fresh {
		br.set(bindingCookie, br.token, 0)
		br.fresh = false
	}
	for _, c := range br.cookies {
		h.Add("Set-Cookie", c.String())
	}
	br.cookies = nil
}

// lane is whose wrong attempts on the person's authenticators of a kind count together with this browser's.
func (br *Browser) lane(person string, kind authn.Kind) authn.Lane {
	for _, a := range br.known {
		if a.Person == person && slices.Contains(a.Kinds, kind) {
			return authn.Lane(a.Lane)
		}
	}
	return ""
}

// remember makes the browser one that has logged the person in, with these authenticators.
func (br *Browser) remember(b *Broker, id Identity) {
	i := slices.IndexFunc(br.known, func(a acquaintance) bool { return a.Person == id.Person })
	a := acquaintance{Person: id.Person}
	if i >= 0 {
		a = br.known[i]
	} else {
		a.Lane = b.token()
	}
	before := len(a.Kinds)
	for _, u := range id.Uses {
		if !slices.Contains(a.Kinds, u.Kind) {
			a.Kinds = append(slices.Clip(a.Kinds), u.Kind)
		}
	}
	if len(a.Kinds) == before {
		return // known already, or by nothing that we can name
	}
	if i >= 0 {
		br.known = slices.Delete(br.known, i, i+1)
	}
	br.known = append([]acquaintance{a}, br.known...)
	if len(br.known) > maxKnown {
		br.known = br.known[:maxKnown]
	}
	plain, err := json.Marshal(br.known)
	if err != nil {
		return // two strings always marshal
	}
	br.set(knownCookie, b.cookies.text(plain, knownCookie), int(knownFor/time.Second))
}

// sessionID is the id of the session that the cookie names, "" for none.
func (br *Browser) sessionID() string {
	if br.session == "" {
		return ""
	}
	return digest(br.session[:tokenLength])
}

func (br *Browser) enter(secret string) {
	br.session = secret
	br.set(sessionCookie, secret, 0)
}

func (br *Browser) leave() {
	br.session = ""
	br.set(sessionCookie, "", -1)
}

// name is the cookie's name: with the __Host- prefix wherever cookies are secure (RFC 6265bis section 4.1.3.2).
func (br *Browser) name(n string) string {
	if br.secure {
		return "__Host-" + n
	}
	return n
}

func (br *Browser) set(name, value string, maxAge int) {
	br.cookies = append(br.cookies, &http.Cookie{Name: br.name(name), Value: value, Path: "/", MaxAge: maxAge,
		Secure: br.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// tokenLength is the length of a token: 256 bits as unpadded base64url.
const tokenLength = 43

// token returns 256 random bits. A source of randomness that fails leaves nothing that could be decided safely.
func (b *Broker) token() string {
	var raw [32]byte
	if _, err := io.ReadFull(b.random, raw[:]); err != nil {
		// crypto/rand ends the process itself in this case; an injected source may not be weaker than that.
		panic("broker: the source of randomness failed: " + err.Error())
	}
	return b64.EncodeToString(raw[:])
}

func randomSource(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}

// acceptLanguage returns the primary subtags of an Accept-Language header in order, without regard to weights: browsers
// send them best first.
func acceptLanguage(header string) []string {
	if len(header) > 200 {
		return nil
	}
	var out []string
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(tag, "-")
		out = append(out, strings.ToLower(primary))
	}
	return out
}
