package oidc

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/tillid/tillid/broker"
)

// Answer ends a transaction of this protocol at the relying party: a login that is Done or refused, and a logout that is
// over, by a 303 or a form. It returns false, and writes nothing, where there is nothing to send: the step is another, or
// the logout has no registered address to go back to. Cookies must have been set before.
func (p *Provider) Answer(w http.ResponseWriter, r *http.Request, tx broker.Transaction, step broker.Step) bool {
	if _, ok := step.(broker.Left); ok {
		return p.answerLeft(w, tx)
	}
	if tx.Logout != nil {
		return false
	}
	var data asked
	switch s := step.(type) {
	case broker.Done:
		if err := json.Unmarshal(s.Result.Data(), &data); err != nil || data.Reply.URI == "" {
			p.fail(w, r, broker.Because(broker.Internal, err))
			return true
		}
		p.send(w, r, data.Reply, p.params(data.Reply, "code", s.Result.Code()))
		return true
	case broker.Refuse:
		if s.Explain {
			return false
		}
		if err := json.Unmarshal(tx.Request.Data, &data); err != nil || data.Reply.URI == "" {
			p.fail(w, r, broker.Because(broker.Internal, err))
			return true
		}
		p.send(w, r, data.Reply, p.failure(data.Reply, s.Err))
		return true
	}
	return false
}

// params are those of every authorization response: what it is about, state, and iss (RFC 9207).
func (p *Provider) params(to reply, name, value string) url.Values {
	v := url.Values{name: {value}, "iss": {p.issuer}}
	if to.State != "" {
		v.Set("state", to.State)
	}
	return v
}

// failure are the parameters of an error response (RFC 6749 section 4.1.2.1).
func (p *Provider) failure(to reply, err error) url.Values {
	f := authorizeFault(err)
	v := p.params(to, "error", f.code)
	if f.text != "" {
		v.Set("error_description", describe(f.text))
	}
	return v
}

// describe leaves of a text what error_description may hold: ASCII without control characters, quotes and backslashes.
func describe(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '\''
		case c < ' ' || c > '~' || c == '\\':
			return -1
		}
		return c
	}, text)
}

// send carries an authorization response to a proven redirect URI. It is always 303: with 307 a browser would repeat a POST,
// credentials included (RFC 9700 section 4.12).
func (p *Provider) send(w http.ResponseWriter, r *http.Request, to reply, v url.Values) {
	harden(w.Header())
	if to.Form {
		p.post(w, r, to.URI, v)
		return
	}
	w.Header().Set("Location", withQuery(to.URI, v))
	w.WriteHeader(http.StatusSeeOther)
}

// withQuery adds parameters to a URI and leaves the rest of it as it was registered.
func withQuery(uri string, v url.Values) string {
	switch {
	case len(v) == 0:
		return uri
	case strings.HasSuffix(uri, "?"):
		return uri + v.Encode()
	case strings.Contains(uri, "?"):
		return uri + "&" + v.Encode()
	}
	return uri + "?" + v.Encode()
}

const (
	// submitScript sends the form. It is named in the page's policy by submitHash, its SHA-256.
	submitScript = `document.forms[0].submit()`
	submitHash   = `sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE=`
)

// formPost is the page of OAuth 2.0 Form Post Response Mode. The button is for browsers without JavaScript.
var formPost = template.Must(template.New("form_post").Parse(`<!DOCTYPE html>
<html lang="da"><head><meta charset="utf-8"><title>Tillid</title></head><body>
<form method="post" action="{{.URI}}">
{{range $name, $values := .Values}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<noscript><button type="submit">Fortsæt / <span lang="en">Continue</span></button></noscript>
</form><script>` + submitScript + `</script></body></html>
`))

// post sends the parameters by a form. The page's policy has no form-action: browsers apply it to the redirects after the
// form as well, and where a client redirects to is its own business. html/template escapes every value and replaces
// an address with a scheme other than http and https, so a client with a scheme of its own is answered by query.
func (p *Provider) post(w http.ResponseWriter, r *http.Request, uri string, v url.Values) {
	if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "http://") {
		p.send(w, r, reply{URI: uri}, v)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src '"+submitHash+"'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	if err := formPost.Execute(w, struct {
		URI    string
		Values url.Values
	}{uri, v}); err != nil {
		p.log.WarnContext(r.Context(), "the answer could not be written", "error", err)
	}
}
