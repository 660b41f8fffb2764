package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/authn/simulator"
)

// browser is one person's browser, and the relying party that the person logs in to, on one connection that is kept.
type browser struct {
	issuer   string
	client   *http.Client
	person   simulator.Holder
	cookies  map[string]string
	requests int
	tokens   tokens        // of the login that refresh and userinfo rest on
	ahead    *atomic.Int64 // by how much the server's clock was moved on
}

func newBrowser(issuer string, person simulator.Holder) *browser {
	return &browser{issuer: issuer, person: person, cookies: make(map[string]string), client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true},
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer as a login looks at it.
type reply struct {
	status   int
	location string
	body     []byte
}

func (r reply) has(text string) bool { return bytes.Contains(r.body, []byte(text)) }

func (b *browser) do(r *http.Request) (reply, error) {
	b.requests++
	answer, err := b.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	body, err := io.ReadAll(answer.Body)
	if e := answer.Body.Close(); err == nil {
		err = e
	}
	return reply{answer.StatusCode, answer.Header.Get("Location"), body}, b.keep(answer, err)
}

func (b *browser) keep(answer *http.Response, err error) error {
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return err
}

// visit is a request with cookies; a form, if there is one, is posted.
func (b *browser) visit(address string, form url.Values) (reply, error) {
	if strings.HasPrefix(address, "/") {
		address = b.issuer + address
	}
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, address, body) //nolint:noctx // the client has a timeout
	if err != nil {
		return reply{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.issuer)
	}
	r.Header.Set("Accept-Language", "da")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return b.do(r)
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// authorize sends an authorization request.
func (b *browser) authorize(client, scope string) (reply, error) {
	sum := sha256.Sum256([]byte(verifier))
	return b.visit("/oidc/authorize?"+url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"},
		"scope": {scope}, "state": {"a-state-of-the-relying-party"}, "nonce": {"a-nonce-of-the-relying-party"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode(), nil)
}

// tokens is a token response.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

// token sends a token request as the client.
func (b *browser) token(client string, form url.Values) (t tokens, err error) {
	r, err := http.NewRequest(http.MethodPost, b.issuer+"/oidc/token", strings.NewReader(form.Encode())) //nolint:noctx // as above
	if err != nil {
		return t, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client, secret)
	a, err := b.do(r)
	if err == nil {
		err = json.Unmarshal(a.body, &t)
	}
	if err != nil || a.status != http.StatusOK || t.ID == "" || t.Access == "" {
		return t, fmt.Errorf("token: %d %s: %w", a.status, a.body, errOr(err))
	}
	return t, nil
}

func errOr(err error) error {
	if err == nil {
		return errUnexpected
	}
	return err
}

// redeem takes the code out of an answer that leads back to the relying party, and exchanges it.
func (b *browser) redeem(client string, a reply) (tokens, error) {
	to, err := url.Parse(a.location)
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, callback) || to.Query().Get("code") == "" {
		return tokens{}, fmt.Errorf("no code: %d %q %.300s: %w", a.status, a.location, a.body, errOr(err))
	}
	return b.token(client, url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")},
		"redirect_uri": {callback}, "code_verifier": {verifier}})
}

var channel = regexp.MustCompile(`data-channel="([^"]+)"`)

// approve answers a page that waits for the app.
func (b *browser) approve(page []byte) error {
	m := channel.FindSubmatch(page)
	if m == nil {
		return fmt.Errorf("no channel on the page %.300s: %w", page, errUnexpected)
	}
	r, err := http.NewRequest(http.MethodPost, b.issuer+"/dev/api/people/"+b.person.UserID+"/app/approve", //nolint:noctx // as above
		bytes.NewReader([]byte(`{"channel":"`+string(m[1])+`"}`)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := b.do(r)
	if err != nil || a.status/100 != 2 {
		return fmt.Errorf("approve: %d %s: %w", a.status, a.body, errOr(err))
	}
	return nil
}

// bearer calls the userinfo endpoint.
func (b *browser) bearer(access string) error {
	r, err := http.NewRequest(http.MethodGet, b.issuer+"/oidc/userinfo", nil) //nolint:noctx // as above
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	a, err := b.do(r)
	if err != nil || a.status != http.StatusOK {
		return fmt.Errorf("userinfo: %d %s: %w", a.status, a.body, errOr(err))
	}
	return nil
}

// now is what the server's clock shows.
func (b *browser) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

// advance moves the server's clock on.
func (b *browser) advance(by time.Duration) error {
	r, err := http.NewRequest(http.MethodPost, b.issuer+"/dev/api/clock", //nolint:noctx // as above
		strings.NewReader(fmt.Sprintf(`{"advance_seconds":%d}`, int(by.Seconds()))))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := b.do(r)
	if err != nil || a.status/100 != 2 {
		return fmt.Errorf("clock: %d %s: %w", a.status, a.body, errOr(err))
	}
	b.ahead.Add(int64(by))
	return nil
}
