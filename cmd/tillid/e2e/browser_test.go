package e2e

import (
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// browser is a browser without JavaScript: cookies, forms and redirects. It stops before it leaves the servers that it is
// for, so that a redirect URI needs nobody behind it.
type browser struct {
	server *server
	client *http.Client
}

// newBrowser makes a browser that keeps to the server and to the further origins.
func newBrowser(s *server, origins ...string) *browser {
	jar, _ := cookiejar.New(nil) // it fails on no options that there are
	b := &browser{server: s}
	b.client = &http.Client{Jar: jar, Timeout: patience,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.pool(), MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 4},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			for _, o := range append([]string{s.origin}, origins...) {
				if r.URL.Scheme+"://"+r.URL.Host == o && len(via) < 20 {
					return nil
				}
			}
			return http.ErrUseLastResponse
		}}
	return b
}

// page is where a browser has got to.
type page struct {
	status int
	header http.Header
	url    *url.URL // of the page; or of the redirect that the browser did not follow
	body   string
	leaves bool // url is where the browser was sent
}

func (b *browser) get(address string) (page, error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return page{}, err
	}
	return b.do(r)
}

func (b *browser) submit(at page, fields ...string) (page, error) {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, at.url.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", at.url.Scheme+"://"+at.url.Host)
	return b.do(r)
}

func (b *browser) do(r *http.Request) (page, error) {
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Accept-Language", "en")
	answer, err := b.client.Do(r)
	if err != nil {
		return page{}, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return page{}, err
	}
	p := page{status: answer.StatusCode, header: answer.Header, url: answer.Request.URL, body: string(body)}
	if to := answer.Header.Get("Location"); to != "" {
		if p.url, err = p.url.Parse(to); err != nil {
			return p, err
		}
		p.leaves = true
	}
	return p, nil
}

func (p page) asks(field string) bool { return strings.Contains(p.body, `name="`+field+`"`) }

// offers reports a button.
func (p page) offers(name, value string) bool {
	return strings.Contains(p.body, `name="`+name+`" value="`+value+`"`)
}

func (p page) has(testID string) bool { return strings.Contains(p.body, `data-testid="`+testID+`"`) }

// text is what stands in the element with a data-testid that holds no other elements, or "".
func (p page) text(testID string) string {
	m := regexp.MustCompile(`data-testid="` + regexp.QuoteMeta(testID) + `"[^>]*>([^<]*)<`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(strings.TrimSpace(m[1]))
}

// inside is everything that stands in the division with a data-testid, without its markup.
func (p page) inside(testID string) string {
	_, rest, _ := strings.Cut(p.body, `data-testid="`+testID+`">`)
	rest, _, _ = strings.Cut(rest, "</div>")
	return html.UnescapeString(strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(rest, " ")), " "))
}

func (p page) attribute(name string) string {
	m := regexp.MustCompile(regexp.QuoteMeta(name) + `="([^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func (p page) String() string {
	if p.leaves {
		return fmt.Sprintf("%d to %s", p.status, p.url)
	}
	return fmt.Sprintf("%d at %s: %.1500s", p.status, p.url, p.body)
}

// password is everybody's.
const password = "Prøve-kode-2026"

// somebody is a seeded person who logs in, with the authenticators that they would rather use.
type somebody struct {
	userID string
	app    bool   // with the app; else with whatever is typed
	unlock string // of the app; empty: PIN
	code   string // to be typed instead of what the display shows; empty: that
	secret string // the password typed; empty: the right one

	asked []string // what the pages asked for, in order
	typed string   // the last one-time code that was typed
}

// walk fills in forms from a page on until the browser leaves, is refused, or a mistake is pointed out.
func (b *browser) walk(p page, who *somebody) (page, error) {
	var err error
	for range 12 {
		if err != nil {
			return p, err
		}
		switch {
		case p.leaves, p.has("problem"), p.status != http.StatusOK:
			return p, nil
		case p.asks("user_id"):
			who.asked = append(who.asked, "user_id")
			p, err = b.submit(p, "user_id", who.userID)
		case p.has("waiting"):
			if !who.app {
				use := "code_display"
				if !p.offers("use", use) {
					use = "password"
				}
				p, err = b.submit(p, "use", use)
				continue
			}
			who.asked = append(who.asked, "app")
			unlock := who.unlock
			if unlock == "" {
				unlock = "pin"
			}
			if err = b.server.api("people/"+who.userID+"/app/approve", map[string]string{"channel": p.attribute("data-channel"), "unlock": unlock}, nil); err == nil {
				p, err = b.get(p.url.String())
			}
		case who.app && p.offers("use", "app"):
			p, err = b.submit(p, "use", "app")
		case p.asks("code"):
			who.asked = append(who.asked, "code")
			who.typed = who.code
			if who.typed == "" {
				if who.typed, err = b.server.code(who.userID); err != nil {
					return p, err
				}
			}
			p, err = b.submit(p, "code", who.typed)
		case p.asks("password"):
			who.asked = append(who.asked, "password")
			secret := who.secret
			if secret == "" {
				secret = password
			}
			p, err = b.submit(p, "password", secret)
		default:
			return p, nil
		}
	}
	return p, fmt.Errorf("no end after twelve pages: %v", p)
}
