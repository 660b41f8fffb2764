package broker

import (
	"context"
	"fmt"
	"slices"

	"github.com/tillid/tillid/assurance"
)

// MaxText is the greatest length of an approval text, in characters.
const MaxText = 130

// Begin opens a transaction and takes its first step: an answer out of the session, a refusal, or something to show. The
// transaction's pages go on with Next. Errors carry a Code (UnknownParty, NotAllowed, InvalidRequest, Unavailable), and
// nothing has been stored then.
func (b *Broker) Begin(ctx context.Context, r Request, br *Browser) (Transaction, Step, error) {
	party, err := b.party(ctx, r.Protocol, r.Party)
	if err != nil {
		return Transaction{}, nil, err
	}
	if err := b.validate(r, party); err != nil {
		return Transaction{}, nil, err
	}
	tx := Transaction{ID: b.token(), Request: r, Begun: b.now(), Stage: running, Browser: digest(br.token),
		Language: language(r.Languages, br.languages)}
	if err := b.note(ctx, &tx, Line{Event: "asked", Detail: asked(r, party)}); err != nil {
		return Transaction{}, nil, err
	}
	step, err := b.decide(ctx, &tx, party, br)
	return tx, step, err
}

// validate refuses what the party is not registered for, whatever the person would say.
func (b *Broker) validate(r Request, party RelyingParty) error {
	for _, c := range r.Claims {
		if !slices.Contains(party.Claims, c) {
			return Fail(NotAllowed, "The service is not registered to receive %q.", c)
		}
		if c == ClaimCPR && party.CPRBasis == "" {
			return Fail(NotAllowed, "The service has no registered legal basis for CPR numbers.")
		}
	}
	if r.Connector != "" && (b.connector(r.Connector) == nil || !party.permits(r.Connector)) {
		return Fail(NotAllowed, "The service may not use %q to log in.", r.Connector)
	}
	if len(r.Data) > MaxData || len(r.Departure) > MaxDeparture {
		return Fail(InvalidRequest, "The request carries too much data.")
	}
	if len([]rune(r.Text)) > MaxText {
		return Fail(InvalidRequest, "The text to approve is longer than %d characters.", MaxText)
	}
	if r.Passive && r.Force {
		return Fail(InvalidRequest, "A request cannot both forbid and force a login.")
	}
	if r.MaxAge != nil && *r.MaxAge < 0 {
		return Fail(InvalidRequest, "The greatest age of an authentication cannot be negative.")
	}
	for _, m := range append([]assurance.Minimum{party.floor()}, r.Want...) {
		if !m.LoA.Valid() || !m.IAL.Valid() || !m.AAL.Valid() {
			return Fail(InvalidRequest, "The level asked for is not a level.")
		}
	}
	return nil
}

// ClaimCPR is the group of claims that holds the CPR number. It needs a registered legal basis.
const ClaimCPR = "ssn"

// asked is the request as it stands in the audit log.
func asked(r Request, party RelyingParty) map[string]string {
	d := map[string]string{"protocol": r.Protocol, "floor": fmt.Sprint(party.floor())}
	for i, w := range r.Want {
		d[fmt.Sprintf("want%d", i)] = fmt.Sprint(w)
	}
	for name, set := range map[string]bool{"force": r.Force, "passive": r.Passive, "select": r.Select, "text": r.Text != ""} {
		if set {
			d[name] = "true"
		}
	}
	return d
}

// ask joins what the party is registered for with what this request wants.
func ask(r Request, party RelyingParty) assurance.Ask {
	return assurance.Ask{Floor: party.floor(), Alternatives: r.Want, Comparison: r.Comparison}
}

// language picks the first language that there are texts in: the party's wish, then the browser's, then Danish.
func language(wishes ...[]string) string {
	for _, tags := range wishes {
		for _, t := range tags {
			switch {
			case t == "da" || len(t) > 2 && t[:3] == "da-":
				return "da"
			case t == "en" || len(t) > 2 && t[:3] == "en-":
				return "en"
			}
		}
	}
	return "da"
}
