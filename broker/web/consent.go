package web

import (
	"net/http"
	"strconv"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

type consentBody struct {
	Intro    string
	Groups   []claimView
	Basis    string // the legal basis for the CPR number; empty where there is none among the claims
	Remember string
}

// claimView is one group of claims in words.
type claimView struct {
	Label string
	Rows  []row
}

type row struct{ Name, Value string }

// hiddenName is what a private party receives instead of a protected name.
const hiddenName = "NAVNE & ADRESSEBESKYTTET"

// showConsent says what would be released, to whom, and with which values. "No" is a choice like "yes".
func (p *Pages) showConsent(w http.ResponseWriter, r *http.Request, tx broker.Transaction, c broker.Consenting) {
	v := p.of(r, tx)
	party, err := p.config.Broker.Party(r.Context(), tx)
	if err != nil {
		p.errored(w, r, tx.ID, tx.Language, err)
		return
	}
	name := party.Title(tx.Language)
	v.Title = v.T("consent.title", "party", name)
	v.Text = ""
	body := consentBody{Intro: v.T("consent.intro", "party", name), Remember: v.T("consent.remember", "party", name)}
	var person *authn.Person
	if p.config.People != nil && tx.Proof != nil {
		found, err := p.config.People.Person(r.Context(), authn.PersonID(tx.Proof.Person))
		if err != nil {
			p.errored(w, r, tx.ID, tx.Language, err)
			return
		}
		person = &found
	}
	for _, claim := range c.Claims {
		g := claimView{Label: claim}
		if key := v.first("claim." + claim); key != "" {
			g.Label = v.T(key)
		}
		if person != nil {
			g.Rows = p.values(v, claim, *person, party.Public)
		}
		body.Groups = append(body.Groups, g)
	}
	if c.CPRBasis != "" {
		basis := c.CPRBasis
		if basis == broker.BasisConsent {
			basis = v.T("consent.basis.consent")
		}
		body.Basis = v.T("consent.basis", "basis", basis)
	}
	v.Body = body
	p.render(w, r, http.StatusOK, "consent", v, 0)
}

// values are what a group of claims holds, as the party would receive it. The CPR number stays masked: its holder knows it,
// and whoever looks over a shoulder need not.
func (p *Pages) values(v view, claim string, person authn.Person, public bool) []row {
	switch claim {
	case "profile":
		name := person.Name()
		if person.Protected && !public {
			name = hiddenName
		}
		return []row{{v.T("data.name"), name}, {v.T("data.birthdate"), v.date(person.BirthDate)}}
	case "mitid":
		rows := []row{{v.T("data.uuid"), person.UUID}, {v.T("data.birthdate"), v.date(person.BirthDate)}}
		if person.BirthDate != (authn.Date{}) {
			rows = append(rows, row{v.T("data.age"), strconv.Itoa(person.BirthDate.Age(p.now()))})
		}
		has := v.T("data.yes")
		if person.CPR.IsZero() {
			has = v.T("data.no")
		}
		return append(rows, row{v.T("data.hascpr"), has})
	case broker.ClaimCPR:
		if person.CPR.IsZero() {
			return []row{{v.T("data.cpr"), v.T("data.none")}}
		}
		return []row{{v.T("data.cpr"), person.CPR.String()}}
	}
	return nil
}

func (w words) date(d authn.Date) string {
	if d == (authn.Date{}) {
		return w.T("data.none")
	}
	return w.day(d.Year, d.Month, d.Day)
}
