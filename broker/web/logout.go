package web

import (
	"net/http"

	"github.com/tillid/tillid/broker"
)

// showLeave asks the person to confirm a logout that anybody's link could have asked for.
func (p *Pages) showLeave(w http.ResponseWriter, r *http.Request, tx broker.Transaction) {
	v := p.ofLogout(r, tx)
	v.Switch, v.Limit = true, p.limit(v.words, tx)
	v.Title = v.T("leave.title")
	p.render(w, r, http.StatusOK, "leave", v, 0)
}

// showStayed ends a logout that the person did not confirm.
func (p *Pages) showStayed(w http.ResponseWriter, r *http.Request, tx broker.Transaction) {
	v := p.ofLogout(r, tx)
	v.Title = v.T("stayed.title")
	p.render(w, r, http.StatusOK, "stayed", v, 0)
}

// LoggedOut shows that the session has ended and which parties are told. Adapters use it for a logout that ended at once
// and leads nowhere else; the transaction need not be stored.
func (p *Pages) LoggedOut(w http.ResponseWriter, r *http.Request, tx broker.Transaction, left broker.Left) {
	v := p.ofLogout(r, tx)
	v.Title = v.T("left.title")
	var told []string
	for _, part := range left.Participants {
		there := broker.Transaction{Language: tx.Language, Request: broker.Request{Protocol: part.Protocol, Party: part.Party}}
		if party, err := p.config.Broker.Party(r.Context(), there); err == nil { // one that was removed is told nothing
			told = append(told, party.Title(v.Lang))
		}
	}
	v.Body = told
	p.render(w, r, http.StatusOK, "left", v, 0)
}

func (p *Pages) ofLogout(r *http.Request, tx broker.Transaction) view {
	v := p.view(tx.Language)
	v.Path = p.Path(tx.ID)
	if tx.Request.Party != "" {
		v.Context = v.T("context.logout", "party", p.party(r, tx))
	}
	return v
}
