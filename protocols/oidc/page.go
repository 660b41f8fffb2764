package oidc

import (
	"encoding/base32"
	"html/template"
	"io"
	"net/http"

	"github.com/tillid/tillid/broker"
)

// harden sets what every answer to a browser carries: it is not kept, not framed, not guessed at, and names nobody where
// it leads to.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// plain is the page that is shown where no better one was configured.
var plain = template.Must(template.New("plain").Parse(`<!DOCTYPE html>
<html lang="da"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title></head>
<body><main><h1>{{.Title}}</h1><p>{{.Body}}</p>{{with .English}}<p lang="en">{{.}}</p>{{end}}{{with .Reference}}<p>Reference: <code>{{.}}</code></p>{{end}}</main></body></html>
`))

type plainPage struct{ Title, Body, English, Reference string }

func (p *Provider) show(w http.ResponseWriter, r *http.Request, status int, page plainPage) {
	harden(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	if err := plain.Execute(w, page); err != nil {
		p.log.WarnContext(r.Context(), "the page could not be written", "error", err)
	}
}

func (p *Provider) plainError(w http.ResponseWriter, r *http.Request, status int, code broker.Code, text string) {
	ref := p.reference()
	p.log.InfoContext(r.Context(), "error page shown", "reference", ref, "status", status, "code", code)
	if text == "" {
		text = "Something went wrong."
	}
	p.show(w, r, status, plainPage{"Der opstod en fejl", "Gå tilbage til tjenesten, og prøv igen.", text, ref})
}

func (p *Provider) plainLoggedOut(w http.ResponseWriter, r *http.Request, _ broker.Transaction, _ broker.Left) {
	p.show(w, r, http.StatusOK, plainPage{Title: "Du er logget ud", Body: "Du kan lukke vinduet.",
		English: "You are logged out. You may close the window."})
}

// reference names one failure to the person and in the log.
func (p *Provider) reference() string {
	var raw [5]byte
	if _, err := io.ReadFull(p.random, raw[:]); err != nil {
		return "" // a page without a number is better than none
	}
	return base32.StdEncoding.EncodeToString(raw[:])
}
