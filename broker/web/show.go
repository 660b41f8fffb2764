package web

import (
	"errors"
	"net/http"

	"github.com/tillid/tillid/broker"
)

// show renders a step, or lets the protocol's adapter answer it.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, tx broker.Transaction, step broker.Step) {
	switch s := step.(type) {
	case broker.Show:
		p.showTurn(w, r, tx, s.Turn)
	case broker.Consenting:
		p.showConsent(w, r, tx, s)
	case broker.Leave:
		p.showLeave(w, r, tx)
	case broker.Refuse:
		if s.Explain {
			p.showRefusal(w, r, tx, s.Err)
			return
		}
		p.answer(w, r, tx, step)
	default:
		p.answer(w, r, tx, step)
	}
}

// answer lets the adapter answer the party, and shows a page of ours where it owes no answer.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request, tx broker.Transaction, step broker.Step) {
	if a := p.config.Answerers[tx.Request.Protocol]; a != nil &&
		p.hand(w, r, tx.Language, func(w http.ResponseWriter) bool { return a.Answer(w, r, tx, step) }) {
		return
	}
	switch s := step.(type) {
	case broker.Left:
		p.LoggedOut(w, r, tx, s)
	case broker.Refuse:
		if tx.Logout != nil {
			p.showStayed(w, r, tx)
			return
		}
		f := outcome(s.Err.Code)
		f.lang, f.detail, f.err = tx.Language, s.Err.Text, s.Err
		p.fail(w, r, f)
	case broker.Done:
		v := p.of(r, tx)
		v.Title, v.Limit = v.T("done.title"), nil
		p.render(w, r, http.StatusOK, "done", v, 0)
	default:
		p.errored(w, r, tx.ID, tx.Language, errors.New("web: a step without a page"))
	}
}

// showTurn renders what a connector wants next.
func (p *Pages) showTurn(w http.ResponseWriter, r *http.Request, tx broker.Transaction, turn broker.Turn) {
	switch t := turn.(type) {
	case broker.Prompt:
		p.showPrompt(w, r, tx, t)
	case broker.Wait:
		p.showWait(w, r, tx, t)
	case broker.Redirect:
		if !p.upstream(t.URL) {
			p.errored(w, r, tx.ID, tx.Language, errors.New("web: a connector redirects to an address that is not an upstream's"))
			return
		}
		p.hand(w, r, tx.Language, func(w http.ResponseWriter) bool {
			http.Redirect(w, r, t.URL, http.StatusSeeOther)
			return true
		})
	case broker.Post:
		if !p.upstream(t.URL) {
			p.errored(w, r, tx.ID, tx.Language, errors.New("web: a connector posts to an address that is not an upstream's"))
			return
		}
		p.showPost(w, r, tx, t)
	default:
		p.errored(w, r, tx.ID, tx.Language, errors.New("web: a turn without a page"))
	}
}

// showPost is the page whose form takes the browser upstream. Its form may lead to any https address, because the upstream
// may redirect on and Chromium holds that against the form; nothing is on the page but the request itself.
func (p *Pages) showPost(w http.ResponseWriter, r *http.Request, tx broker.Transaction, t broker.Post) {
	v := p.of(r, tx)
	v.Title, v.Limit = v.T("post.title"), nil
	form := make(map[string][]string, len(t.Fields))
	for name, value := range t.Fields {
		form[name] = []string{value}
	}
	v.Body = newPost(t.URL, form)
	v.formAction = "https:"
	if p.config.InsecureHTTP {
		v.formAction = "https: http:"
	}
	p.render(w, r, http.StatusOK, "post", v, 0)
}
