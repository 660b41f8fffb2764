package web

import (
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hopWriter keeps back a redirect that would answer a form of a browser's, so that it can be made a page: see the package
// comment. Everything else passes.
type hopWriter struct {
	http.ResponseWriter
	form  bool   // the request is a browser's form
	to    string // the redirect kept back
	began bool
}

func (h *hopWriter) WriteHeader(status int) {
	location := h.Header().Get("Location")
	if h.form && !h.began && location != "" && status >= 300 && status < 400 {
		h.to = location
		h.Header().Del("Location")
		h.Header().Del("Content-Length")
		h.Header().Del("Content-Type")
	} else if h.to == "" {
		h.ResponseWriter.WriteHeader(status)
	}
	h.began = true
}

func (h *hopWriter) Write(b []byte) (int, error) {
	if !h.began {
		h.WriteHeader(http.StatusOK)
	}
	if h.to != "" {
		return len(b), nil // the text of a redirect
	}
	return h.ResponseWriter.Write(b)
}

// browserForm reports whether the answer ends a browser's submission of a form.
func browserForm(r *http.Request) bool {
	return r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

// hand lets answer write the response, and turns its redirect into a page where a browser would block it. It returns false
// when answer wrote nothing.
func (p *Pages) hand(w http.ResponseWriter, r *http.Request, language string, answer func(http.ResponseWriter) bool) bool {
	h := &hopWriter{ResponseWriter: w, form: browserForm(r)}
	if !answer(h) {
		return false
	}
	if h.to != "" {
		p.hop(w, r, language, h.to)
	}
	return true
}

// hop is the page that sends a browser on.
func (p *Pages) hop(w http.ResponseWriter, r *http.Request, language, to string) {
	if !followable(to) {
		p.fail(w, r, failure{status: http.StatusInternalServerError, key: "internal", lang: language,
			err: errors.New("web: an answer leads to an address that is not a page")})
		return
	}
	v := p.view(language)
	v.Title = v.T("hop.title")
	v.Body = newHop(to)
	p.render(w, r, http.StatusOK, "hop", v, 0)
}

// followable reports whether a browser may be sent to the address: anything that leads somewhere, apps included, and
// nothing that a browser would run or read from itself.
func followable(to string) bool {
	u, err := url.Parse(to)
	if err != nil || strings.ContainsFunc(to, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return false
	}
	switch u.Scheme {
	case "javascript", "vbscript", "data", "blob", "file", "filesystem", "about", "view-source":
		return false
	case "http", "https":
		return u.Host != ""
	case "":
		return strings.HasPrefix(to, "/")
	}
	return true
}

// upstream reports whether the address is one that an upstream provider may have.
func (p *Pages) upstream(to string) bool {
	u, err := url.Parse(to)
	return err == nil && u.Host != "" && followable(to) &&
		(u.Scheme == "https" || u.Scheme == "http" && p.config.InsecureHTTP)
}

// hopBody is the address of a hop page, checked by followable: html/template would not let an app's own scheme pass.
type hopBody struct{ To template.URL }

func newHop(to string) hopBody { return hopBody{template.URL(to)} }

// postBody is a form that a script submits at once, and a button where there is none.
type postBody struct {
	To     template.URL
	Fields []postField
}

type postField struct{ Name, Value string }

func newPost(to string, form map[string][]string) postBody {
	b := postBody{To: template.URL(to)} // checked by upstream, or our own
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			b.Fields = append(b.Fields, postField{name, value})
		}
	}
	return b
}
