package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/tillid/tillid/broker"
)

// servePage takes what a browser sent to a transaction's page one step on and shows the next.
func (p *Pages) servePage(w http.ResponseWriter, r *http.Request, id string) {
	in := broker.Input{}
	if r.Method == http.MethodPost {
		if err := p.origin.Check(r); err != nil {
			p.fail(w, r, failure{status: http.StatusForbidden, key: "origin", err: err})
			return
		}
		form, bad := p.readForm(w, r)
		if bad == nil {
			in.Fields, bad = fields(form)
		}
		if bad != nil {
			p.fail(w, r, *bad)
			return
		}
	} else if l := chosenLanguage(r); l != "" {
		in.Fields = map[string]string{"lang": l}
	}
	p.goOn(w, r, id, in)
}

// serveReturn hands an upstream's answer to its connector. An answer that an upstream had the browser post comes
// without our cookies, which are SameSite=Lax; the page then posts it to itself, and that request brings them. So any
// site can have a form arrive here: it is the connector that tells its upstream's answer to this transaction from others.
func (p *Pages) serveReturn(w http.ResponseWriter, r *http.Request, id string) {
	if r.Method == http.MethodPost {
		form, bad := p.readForm(w, r)
		if bad == nil && len(form) > maxFields {
			bad = &failure{status: http.StatusBadRequest, key: "form"}
		}
		if bad != nil {
			p.fail(w, r, *bad)
			return
		}
		if p.origin.Check(r) != nil {
			p.relay(w, r, form)
			return
		}
	}
	p.goOn(w, r, id, broker.Input{Request: r})
}

// relay is the page that posts a form to its own address once more.
func (p *Pages) relay(w http.ResponseWriter, r *http.Request, form url.Values) {
	v := p.view(p.language(r, ""))
	v.Title = v.T("relay.title")
	v.Path = r.URL.Path
	v.Body = newPost(r.URL.RequestURI(), form)
	p.render(w, r, http.StatusOK, "post", v, 0)
}

// goOn is one step: the broker's, and then the page or answer for it.
func (p *Pages) goOn(w http.ResponseWriter, r *http.Request, id string, in broker.Input) {
	browser := p.config.Broker.Browser(r)
	tx, step, err := p.config.Broker.Next(r.Context(), id, browser, in)
	p.secure(w.Header())
	if err != nil {
		p.errored(w, r, id, tx.Language, err)
		return
	}
	browser.SetCookies(w.Header())
	if in.Request != nil && showable(step) {
		p.hand(w, r, tx.Language, func(w http.ResponseWriter) bool {
			http.Redirect(w, r, p.Path(id), http.StatusSeeOther) // so that the upstream's answer is not in the address
			return true
		})
		return
	}
	p.show(w, r, tx, step)
}

// showable reports whether a visit of the transaction's page shows the step again.
func showable(step broker.Step) bool {
	switch s := step.(type) {
	case broker.Show, broker.Consenting, broker.Leave:
		return true
	case broker.Refuse:
		return s.Explain
	}
	return false
}

// serveState tells a waiting page's script where the transaction stands, without going on.
func (p *Pages) serveState(w http.ResponseWriter, r *http.Request, id string) {
	tx, err := p.config.Broker.Peek(r.Context(), id, p.config.Broker.Browser(r))
	p.secure(w.Header())
	if err != nil {
		p.errored(w, r, id, "", err)
		return
	}
	body, err := json.Marshal(map[string]string{"state": mark(tx)})
	if err != nil {
		p.errored(w, r, id, tx.Language, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a browser that has gone needs no answer
}

// mark changes whenever something has happened in the transaction, and says nothing about what.
func mark(tx broker.Transaction) string {
	h := sha256.New()
	h.Write([]byte(string(tx.Stage) + "\x00" + tx.Connector + "\x00"))
	h.Write(tx.State)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
