package devpages

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// page is what every template gets.
type page struct {
	Lang, Other string
	Path        string // for the link to the other language; empty: no link
	Here        string // the page's own path
	Title       string
	Issuer      string
	Origin      string // the issuer without its path
	Body        any
	zone        *time.Location
}

// T is a text in the page's language.
func (v page) T(key string) string { return text(v.Lang, key) }

// Clock is a time of day in Denmark, to the second: "kl. 13.05.10", "13:05:10".
func (v page) Clock(t time.Time) string {
	if v.Lang == "en" {
		return t.In(v.zone).Format("15:04:05")
	}
	return t.In(v.zone).Format("kl. 15.04.05")
}

// link is an entry of the navigation; Text is its key.
type link struct{ Path, Text string }

// Nav lists the pages that every page links to.
func (v page) Nav() []link {
	return []link{{"/dev", "nav.start"}, {"/sim/phone", "nav.phone"}, {"/sim/codedisplay", "nav.codes"}, {"/dev/post", "nav.post"}}
}

// Digits are the keys of a PIN pad in their order.
func (v page) Digits() []string { return strings.Split("1234567890", "") }

func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) {
	lang := p.language(r)
	other := map[string]string{"da": "en", "en": "da"}[lang]
	path := ""
	if r.Method == http.MethodGet && r.URL.Path != demoCallback { // else the link would do something again
		query := r.URL.Query()
		query.Set("lang", other)
		path = r.URL.Path + "?" + query.Encode()
	}
	var out bytes.Buffer
	err := p.templates.ExecuteTemplate(&out, name, page{Lang: lang, Other: other, Path: path, Here: r.URL.Path,
		Title: text(lang, title), Issuer: p.config.Issuer.String(), Origin: p.origin0(), Body: body, zone: p.zone})
	if err != nil {
		p.config.Logger.ErrorContext(r.Context(), "a dev page cannot be rendered", "page", name, "error", err)
		problem(w, http.StatusInternalServerError, "The page cannot be rendered.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a browser that has gone away needs no page
}

// language is what the address asks for, else that of the configuration.
func (p *Pages) language(r *http.Request) string {
	if l := r.URL.Query().Get("lang"); l == "da" || l == "en" {
		return l
	}
	return p.config.Language
}
