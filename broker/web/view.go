package web

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"github.com/tillid/tillid/broker"
)

// view is what every page shows, and in Body what only one does.
type view struct {
	words
	hrefs
	Brand, Help, Accessibility string
	Test                       bool

	Title   string // the heading of the step
	Context string // what the login is for: "Log på Demo"; empty on pages outside a transaction
	Text    string // what is to be approved; may be empty
	Path    string // of the transaction's page, where its forms lead
	Problem string // what was wrong with the last input; may be empty
	Cancel  bool   // the page has a cancel button
	Switch  bool   // the page can be shown in the other language
	Refresh int    // seconds after which the page asks again; zero: it does not
	Limit   *limit // until when the person may take; nil where nothing is asked for
	Body    any

	formAction string // empty: 'self'
}

// Others are the other languages that the page can be shown in.
func (v view) Others() []string {
	var out []string
	for _, l := range languages {
		if v.Switch && l != v.Lang {
			out = append(out, l)
		}
	}
	return out
}

// Name is what a language is called in itself.
func (v view) Name(language string) string { return v.T("language." + language) }

func (p *Pages) view(language string) view {
	c := p.config
	return view{words: p.words(language), hrefs: p.hrefs, Brand: c.Name, Help: c.Help, Accessibility: c.Accessibility, Test: c.Test}
}

// of is the view of a transaction's page.
func (p *Pages) of(r *http.Request, tx broker.Transaction) view {
	v := p.view(tx.Language)
	v.Path, v.Switch = p.Path(tx.ID), true
	v.Text = tx.Request.Text
	v.Limit = p.limit(v.words, tx)
	v.Context = v.T("action."+string(action(tx.Request.Action)), "party", p.party(r, tx))
	return v
}

func action(a broker.Action) broker.Action {
	switch a {
	case broker.Approve, broker.Confirm, broker.Accept, broker.Sign:
		return a
	}
	return broker.LogOn
}

// party is the relying party's name in the transaction's language. One that has been removed meanwhile has none.
func (p *Pages) party(r *http.Request, tx broker.Transaction) string {
	party, err := p.config.Broker.Party(r.Context(), tx)
	if err != nil {
		return p.words(tx.Language).T("party.unknown")
	}
	return party.Title(tx.Language)
}

// now is the time on Danish clocks.
func (p *Pages) now() time.Time { return p.config.Broker.Now().In(p.zone) }

// render writes a page. It is complete before the first byte is sent, so that a fault leaves no half page.
func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, name string, v view, retry int) {
	page, _ := p.buffers.Get().(*bytes.Buffer)
	if page == nil {
		page = new(bytes.Buffer)
	}
	defer func() {
		page.Reset()
		p.buffers.Put(page)
	}()
	if err := p.templates[pageName{v.Lang, name}].Execute(page, v); err != nil {
		p.config.Logger.ErrorContext(r.Context(), "a page cannot be rendered", "page", name, "error", err)
		p.secure(w.Header())
		http.Error(w, v.T("error.internal.text"), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	p.secure(h)
	if v.formAction != "" {
		h.Set("Content-Security-Policy", policy(v.formAction))
	}
	if retry > 0 {
		h.Set("Retry-After", strconv.Itoa(retry))
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // a browser that has gone needs no page
}
