package devpages

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/broker"
)

// claim is one member of a token with the scope that asks for it and what it means.
type claim struct{ Name, Value, Scope, Meaning string }

// scope is the one that a claim comes with; "openid" stands for what is always there.
func scope(claim string) string {
	switch claim {
	case "name", "given_name", "family_name", "birthdate":
		return "profile"
	case "dk.cpr":
		return broker.ClaimCPR
	}
	if strings.HasPrefix(claim, "mitid.") {
		return "mitid"
	}
	return "openid"
}

// explain lists the members of a token by scope and name, each with its meaning. Values are shown as JSON, strings without
// quotes.
func explain(lang string, decode func(any) error) ([]claim, error) {
	var members map[string]json.RawMessage
	if err := decode(&members); err != nil {
		return nil, err
	}
	var out []claim
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value := string(members[name])
		var s string
		if json.Unmarshal(members[name], &s) == nil {
			value = s
		}
		key := "claim." + name
		meaning := text(lang, key)
		if meaning == key {
			meaning = ""
		}
		if strings.HasPrefix(meaning, "@") { // an instant
			var at float64
			if json.Unmarshal(members[name], &at) == nil {
				meaning = meaning[1:] + " (" + time.Unix(int64(at), 0).UTC().Format(time.RFC3339) + ")"
			}
		}
		out = append(out, claim{name, value, scope(name), meaning})
	}
	slices.SortStableFunc(out, func(a, b claim) int { return order(a.Scope) - order(b.Scope) })
	return out, nil
}

func order(scope string) int {
	return slices.Index([]string{"openid", "profile", "mitid", broker.ClaimCPR}, scope)
}

// why is what an error code of OAuth or OpenID Connect means to whoever began the login; "" for one without a text.
func why(lang, code string) string {
	key := "error." + code
	if _, ok := texts[key]; !ok {
		return ""
	}
	return text(lang, key)
}
