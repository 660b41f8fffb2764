package oidc

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/broker"
)

// wish is one level that would do, and the spelling that it was asked for in.
type wish struct {
	least   assurance.Minimum
	dialect assurance.Dialect
}

// maxWishes bounds what a request can ask for at once.
const maxWishes = 12

// acrWishes reads levels in order of preference (acr_values, OpenID Connect Core 3.1.2.1). Spellings that nobody knows are
// passed over; when none is known, the request asks for something that cannot be given, and is refused.
func acrWishes(values []string) ([]wish, error) {
	var out []wish
	for _, v := range values {
		level, dialect, ok := assurance.Recognise(v)
		if !ok {
			continue
		}
		out = append(out, wish{assurance.Minimum{LoA: level}, dialect})
	}
	if len(values) > 0 && out == nil {
		return nil, refuse("invalid_request", "None of the requested acr values is known here.")
	}
	if len(out) > maxWishes {
		return nil, refuse("invalid_request", "Too many acr values.")
	}
	return out, nil
}

// claimRequest is how the claims parameter asks for one claim (OpenID Connect Core 5.5.1).
type claimRequest struct {
	Essential bool     `json:"essential"`
	Value     *string  `json:"value"`
	Values    []string `json:"values"`
}

// claimsWishes reads the acr of a claims parameter. essential: the level is required beside whatever acr_values says
// (OpenID Connect Core 5.5.1.1).
func claimsWishes(text string) (wishes []wish, essential bool, err error) {
	if text == "" {
		return nil, false, nil
	}
	var raw struct {
		IDToken map[string]json.RawMessage `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, false, refuse("invalid_request", "The claims parameter is not the JSON that it should be.")
	}
	member, ok := raw.IDToken["acr"]
	if !ok {
		return nil, false, nil
	}
	var acr *claimRequest
	if err := json.Unmarshal(member, &acr); err != nil {
		return nil, false, refuse("invalid_request", "The acr in the claims parameter is not the JSON that it should be.")
	}
	if acr == nil {
		return nil, false, nil
	}
	values := acr.Values
	if acr.Value != nil {
		values = append([]string{*acr.Value}, values...)
	}
	wishes, err = acrWishes(values)
	return wishes, acr.Essential, err
}

// idpParams is what is understood of idp_params, a parameter of Signaturgruppen Broker keyed by scheme.
type idpParams struct {
	MitID struct {
		LoA           string           `json:"loa_value"`
		AAL           string           `json:"aal_value"`
		ReferenceText string           `json:"reference_text"` // base64
		ActionText    string           `json:"action_text"`
		CPRHint       *json.RawMessage `json:"cpr_hint"`
	} `json:"mitid"`
}

// actions are the five verbs.
var actions = []broker.Action{broker.LogOn, broker.Approve, broker.Confirm, broker.Accept, broker.Sign}

// readIDPParams reads idp_params into the request; wishes is empty where it asks for no level.
func readIDPParams(text string, r *broker.Request) (wishes []wish, err error) {
	if text == "" {
		return nil, nil
	}
	var p idpParams
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, refuse("invalid_request", "idp_params is not the JSON that it should be.")
	}
	m := p.MitID
	if m.CPRHint != nil {
		return nil, refuse("invalid_request", "A CPR number does not belong in an address.")
	}
	if m.ReferenceText != "" {
		plain, err := base64.StdEncoding.DecodeString(m.ReferenceText)
		if err != nil {
			return nil, refuse("invalid_request", "reference_text is not base64.")
		}
		r.Text = strings.ToValidUTF8(string(plain), "\uFFFD")
	}
	if m.ActionText != "" {
		r.Action = broker.Action(m.ActionText)
		if !slices.Contains(actions, r.Action) {
			return nil, refuse("invalid_request", "action_text is not LOG_ON, APPROVE, CONFIRM, ACCEPT or SIGN.")
		}
	}
	word, axis := m.LoA, "loa_value"
	if word == "" {
		word, axis = m.AAL, "aal_value" // which loa_value overrides
	}
	if word == "" {
		return nil, nil
	}
	level, err := assurance.ParseLevel(word)
	if err != nil || level == assurance.None {
		return nil, refuse("invalid_request", axis+" is not low, substantial or high.")
	}
	if axis == "loa_value" {
		return []wish{{least: assurance.Minimum{LoA: level}}}, nil
	}
	return []wish{{least: assurance.Minimum{AAL: level}}}, nil
}

// both joins two lists of alternatives of which one each must hold. Either may be empty. The order of the first counts
// most, and its spelling is used where it has one.
func both(a, b []wish) []wish {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	var out []wish
	for _, x := range a {
		for _, y := range b {
			w := wish{x.least.Join(y.least), x.dialect}
			if w.dialect == "" {
				w.dialect = y.dialect
			}
			if !slices.ContainsFunc(out, func(o wish) bool { return o.least == w.least }) {
				out = append(out, w)
			}
		}
	}
	return out
}

// wishes gathers everything in a request that asks for a level.
func (a *authorization) wishes(r *broker.Request) ([]wish, error) {
	asked, err := acrWishes(strings.Fields(a.get("acr_values")))
	if err != nil {
		return nil, err
	}
	claimed, essential, err := claimsWishes(a.get("claims"))
	if err != nil {
		return nil, err
	}
	switch {
	case len(asked) == 0:
		asked = claimed
	case essential:
		asked = both(asked, claimed)
	}
	scheme, err := readIDPParams(a.get("idp_params"), r)
	if err != nil {
		return nil, err
	}
	return both(asked, scheme), nil
}
