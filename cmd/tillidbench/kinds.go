package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

var errUnexpected = errors.New("not what was expected")

// kind is one thing that the server is asked to do over and over.
type kind struct {
	name   string
	client string
	times  int
	people []string // one for each of those who do it at the same time
	goal   float64  // the greatest ratio to the bound; zero: none is set
	// prepare is done once by each, and not measured.
	prepare func(b *browser, client string) error
	do      func(b *browser, client string) error
	// step is by how much the clock goes on after each round of logins: a code display shows one code in so long.
	step time.Duration
	// work is what one of it takes beside requests, round trips and commits, by yardstick.
	work map[string]float64
}

var (
	holdApp  = []string{"anna", "emma", "hanne", "karl"}
	holdCode = []string{"anna", "frida", "jens", "karl"}
)

// kinds are all that is measured. The simulated phone signs in the server's process, and what it signs is verified there.
func kinds() []kind {
	phone := func(algorithm string) map[string]float64 {
		w := map[string]float64{"verify ES256": 1}
		w["sign ES256"]++
		w["sign "+algorithm]++
		return w
	}
	both := func(k kind, es, rs float64) []kind {
		var out []kind
		for _, v := range []struct {
			algorithm string
			goal      float64
			share     int
		}{{"ES256", es, 1}, {"RS256", rs, 2}} {
			one := k
			one.name, one.client, one.goal, one.times = k.name+" "+v.algorithm, "bench-"+v.algorithm, v.goal, k.times/v.share
			one.work = map[string]float64{"sign " + v.algorithm: 1}
			if k.name == "app" {
				one.work = phone(v.algorithm)
			}
			if k.name == "code+password" {
				one.work["argon2id"] = 1
			}
			out = append(out, one)
		}
		return out
	}
	var all []kind
	all = append(all, both(kind{name: "app", times: 600, people: holdApp, do: byApp}, 2.0, 1.3)...)
	all = append(all, both(kind{name: "code+password", times: 40, people: holdCode, do: byCode, step: 30 * time.Second}, 0, 0)...)
	all = append(all, both(kind{name: "sso", times: 1200, people: holdApp, prepare: byApp, do: single}, 2.0, 1.3)...)
	all = append(all, both(kind{name: "refresh", times: 1600, people: holdApp, prepare: offline, do: refresh}, 2.0, 0)...)
	return append(all,
		kind{name: "userinfo", client: "bench-ES256", times: 3000, people: holdApp, prepare: access, do: userinfo},
		kind{name: "discovery", client: "bench-ES256", times: 30000, people: holdApp, goal: 1.3, do: document("/.well-known/openid-configuration")},
		kind{name: "jwks", client: "bench-ES256", times: 30000, people: holdApp, goal: 1.3, do: document("/oidc/keys")})
}

// begin goes to the login pages in a new browser and says who logs in.
func begin(b *browser, client, scope string) (login string, page reply, err error) {
	clear(b.cookies)
	a, err := b.authorize(client, scope)
	if err == nil && a.status == http.StatusSeeOther {
		login = a.location
		page, err = b.visit(login, nil)
	}
	if err == nil && page.status == http.StatusOK {
		page, err = b.visit(login, url.Values{"user_id": {b.person.UserID}})
	}
	if err != nil || page.status != http.StatusOK {
		return "", page, fmt.Errorf("login: %d %d %.300s: %w", a.status, page.status, page.body, errOr(err))
	}
	return login, page, nil
}

func appLogin(b *browser, client, scope string) (tokens, error) {
	login, page, err := begin(b, client, scope)
	if err != nil {
		return tokens{}, err
	}
	if err := b.approve(page.body); err != nil {
		return tokens{}, err
	}
	a, err := b.visit(login, nil)
	if err != nil {
		return tokens{}, err
	}
	return b.redeem(client, a)
}

func byApp(b *browser, client string) error {
	_, err := appLogin(b, client, "openid")
	return err
}

// byCode logs in with the code that the display shows, and the password.
func byCode(b *browser, client string) error {
	login, page, err := begin(b, client, "openid")
	if err != nil {
		return err
	}
	if !page.has(`name="code"`) {
		if _, err = b.visit(login, url.Values{"use": {"code_display"}}); err != nil {
			return err
		}
	}
	if page, err = b.visit(login, url.Values{"code": {b.person.CodeDisplay.Code(b.now())}}); err != nil {
		return err
	}
	if !page.has(`name="password"`) {
		return fmt.Errorf("no password is asked for: %d %.300s: %w", page.status, page.body, errUnexpected)
	}
	a, err := b.visit(login, url.Values{"password": {password}})
	if err != nil {
		return err
	}
	_, err = b.redeem(client, a)
	return err
}

// single is a login out of the session.
func single(b *browser, client string) error {
	a, err := b.authorize(client, "openid")
	if err != nil {
		return err
	}
	_, err = b.redeem(client, a)
	return err
}

func offline(b *browser, client string) (err error) {
	b.tokens, err = appLogin(b, client, "openid offline_access")
	return err
}

func refresh(b *browser, client string) (err error) {
	b.tokens, err = b.token(client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {b.tokens.Refresh}})
	return err
}

func access(b *browser, client string) (err error) {
	b.tokens, err = appLogin(b, client, "openid profile")
	return err
}

func userinfo(b *browser, _ string) error { return b.bearer(b.tokens.Access) }

// document reads what is the same for everybody.
func document(path string) func(*browser, string) error {
	return func(b *browser, _ string) error {
		a, err := b.visit(path, nil)
		if err != nil || a.status != http.StatusOK {
			return fmt.Errorf("%s: %d: %w", path, a.status, errOr(err))
		}
		return nil
	}
}
