package web

import (
	"errors"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

type refusalBody struct {
	Text   []string // one paragraph each
	Ways   []string // authenticators that would do; empty where that is not the point
	Reason string   // the broker's own sentence, in English; may be empty
	Advice string
	Back   string // the button that leads back to the service
}

// showRefusal says in plain words why the login ends, and leads back to the service.
func (p *Pages) showRefusal(w http.ResponseWriter, r *http.Request, tx broker.Transaction, e *broker.Error) {
	v := p.of(r, tx)
	v.Text = ""
	b := refusalBody{Reason: e.Text, Back: v.T("refusal.back", "party", p.party(r, tx))}
	var short *assurance.ShortfallError
	switch {
	case e.Code == broker.LevelUnmet && errors.As(e, &short):
		v.Title = v.T("refusal.level.title")
		b.Text, b.Advice = shortfall(v, short)
		b.Reason = "" // all of it is in the text
		for _, w := range e.Ways {
			b.Ways = append(b.Ways, way(v, w))
		}
	case e.Code == broker.LevelUnmet:
		v.Title = v.T("refusal.level.title")
		b.Text, b.Advice = []string{v.T("loa.low")}, v.T("refusal.level.advice")
	default:
		v.Title = v.T("refusal.refused.title")
		b.Text, b.Advice = []string{v.T("error.refused.text")}, v.T("refusal.refused.advice")
	}
	v.Body = b
	p.render(w, r, http.StatusOK, "refusal", v, 0)
}

// shortfall explains a level that was not reached, and what can be done about it.
func shortfall(v view, short *assurance.ShortfallError) ([]string, string) {
	m := short.Missing[0]
	if short.BrokerLimited() {
		return []string{v.T("refusal.level.broker", "wanted", level(v, short.Wanted.LoA), "got", level(v, short.Got.FAL))},
			v.T("refusal.level.broker.advice")
	}
	text := []string{v.T("loa.low"), v.T("refusal.level.got", "wanted", level(v, m.Wanted), "got", level(v, m.Got))}
	ial, _ := short.Wanted.Needs()
	if short.Got.IAL < ial {
		return append(text, v.T("refusal.level.ial")), v.T("refusal.level.ial.advice")
	}
	return text, v.T("refusal.level.advice")
}

// way names authenticators that would reach the level together, and what of them the person lacks.
func way(v view, w broker.Way) string {
	text := listed(v, w.Kinds)
	if len(w.Obtain) > 0 {
		text = v.T("refusal.way.obtain", "way", text, "kinds", lowerFirst(listed(v, w.Obtain)))
	}
	if len(w.Unusable) > 0 {
		text = v.T("refusal.way.unusable", "way", text, "kinds", lowerFirst(listed(v, w.Unusable)))
	}
	return text
}

// listed is names of authenticators as in running text: "Kodeviser og adgangskode".
func listed(v view, all []authn.Kind) string {
	var text string
	for i, k := range all {
		name := v.T("kind." + string(k))
		switch {
		case i == 0:
			text = name
		case i == len(all)-1:
			text = v.T("list.and", "list", text, "last", lowerFirst(name))
		default:
			text += ", " + lowerFirst(name)
		}
	}
	return text
}

func lowerFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(first)) + s[size:]
}

func level(v view, l assurance.Level) string {
	switch l {
	case assurance.Low:
		return v.T("level.low")
	case assurance.Substantial:
		return v.T("level.substantial")
	case assurance.High:
		return v.T("level.high")
	}
	return v.T("level.none")
}
