package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/broker"
)

// problems are the messages that a Prompt may name. Any other is shown as login.failed, which says nothing that a
// stranger could use.
var problems = []string{"app.declined", "app.expired", "app.parallel", "auth.paused", "cpr.nomatch", "login.failed", "otp.reused",
	"otp.wrong", "qr.old"}

type promptBody struct {
	Help   string
	Submit string
	Fields []fieldView
	choices
}

// choices are the ways on that every step of proving offers.
type choices struct {
	Connectors []choice // the ways to log in, the one in use included; empty where there is one only
	Uses       []choice // other authenticators that would do
}

type choice struct {
	Value, Label string
	Current      bool
}

type fieldView struct {
	Name, Label, Type, Mode, Autocomplete, Value string
	MaxLength                                    int
	First                                        bool // has the focus
}

func (p *Pages) showPrompt(w http.ResponseWriter, r *http.Request, tx broker.Transaction, t broker.Prompt) {
	v := p.of(r, tx)
	v.Cancel = true
	kind := t.Args["kind"]
	text := func(part string) string {
		key := v.first("prompt."+t.Name+"."+part+"."+kind, "prompt."+t.Name+"."+part, "prompt.other."+part)
		if key == "" {
			return ""
		}
		return v.T(key, p.args(v, t.Args)...)
	}
	v.Title = text("title")
	v.Problem = p.problem(v, t)
	body := promptBody{Help: text("help"), Submit: text("submit"), choices: p.choices(r, v, tx, t.Name == "identify", t.Others)}
	for i, f := range t.Fields {
		body.Fields = append(body.Fields, field(v, f, i == 0))
	}
	v.Body = body
	p.render(w, r, http.StatusOK, "prompt", v, 0)
}

// groups leaves room for the spaces of a number that is pasted as it was printed.
const groups = 4

// field is one input. The types and modes are those that password managers and the keyboards of phones understand
// (WCAG 2.2, 1.3.5 and 3.3.8); a one-time code is one field.
func field(v view, f broker.Field, first bool) fieldView {
	out := fieldView{Name: f.Name, Label: f.Name, Type: "text", Autocomplete: f.Autocomplete, MaxLength: f.MaxLength, First: first}
	if key := v.first("field." + f.Name); key != "" {
		out.Label = v.T(key)
	}
	if f.Numeric {
		out.Mode = "numeric"
		if f.MaxLength > 0 {
			out.MaxLength += groups
		}
	}
	if f.Secret && f.Autocomplete != "one-time-code" { // a code that expires in seconds is easier to get right when it is seen
		out.Type = "password"
	}
	if !f.Secret {
		out.Value = f.Value
	}
	if out.Autocomplete == "" {
		out.Autocomplete = "off"
	}
	return out
}

// problem is the message about the last input.
func (p *Pages) problem(v view, t broker.Prompt) string {
	if t.Problem == "" {
		return ""
	}
	key := "login.failed"
	if slices.Contains(problems, t.Problem) {
		key = t.Problem
	} else if added := v.first("problem." + t.Problem); added != "" {
		key = added
	}
	text := v.T(key, p.args(v, t.Args)...)
	if key == "auth.paused" && len(t.Others) > 0 {
		text += " " + v.T("auth.paused.others")
	}
	return text
}

// args are the values of a turn's texts: kinds by their name, instants in Danish time, everything else as it is.
func (p *Pages) args(v view, args map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(args)) {
		value := args[name]
		if key := v.first("kind." + value + ".the"); name == "kind" && key != "" {
			value = v.T(key)
		} else if t, err := time.Parse(time.RFC3339, value); err == nil {
			value = v.until(t.In(p.zone), p.now())
		}
		out = append(out, name, value)
	}
	if args["kind"] == "" {
		out = append(out, "kind", v.T("kind.any.the"))
	}
	return out
}

// choices are the ways on. The ways to log in are offered only before one is taken.
func (p *Pages) choices(r *http.Request, v view, tx broker.Transaction, tabs bool, others []broker.Option) choices {
	var c choices
	for _, o := range others {
		c.Uses = append(c.Uses, choice{Value: o.Value, Label: label(v, o, "kind.")})
	}
	if !tabs {
		return c
	}
	offered, err := p.config.Broker.Connectors(r.Context(), tx)
	if err != nil || len(offered) < 2 {
		return c
	}
	for _, o := range offered {
		c.Connectors = append(c.Connectors, choice{o.Value, label(v, o, "connector."), o.Value == tx.Connector})
	}
	return c
}

// label is the name of an option: its text, or the proper name that it has instead.
func label(v view, o broker.Option, prefix string) string {
	if key := v.first(o.Label, prefix+o.Value); key != "" {
		return v.T(key)
	}
	if o.Label == "" {
		return o.Value
	}
	return strings.TrimPrefix(o.Label, prefix)
}
