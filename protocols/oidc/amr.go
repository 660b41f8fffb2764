package oidc

import "github.com/tillid/tillid/authn"

// AMRDialect is the vocabulary of the claim amr. The zero value is AMRNEB.
type AMRDialect string

// The vocabularies.
const (
	AMRNEB     AMRDialect = "neb"     // Signaturgruppen Broker: code_app, password, ...
	AMRRFC8176 AMRDialect = "rfc8176" // IANA's registry: pwd, otp, mfa, ...
)

func (d AMRDialect) valid() bool { return d == "" || d == AMRNEB || d == AMRRFC8176 }

// nebMethods are the values that Signaturgruppen Broker sends, its own misspelling included.
var nebMethods = map[authn.Kind]string{
	authn.App: "code_app", authn.AppEnhanced: "code_app_enchanced", authn.CodeDisplay: "code_token",
	authn.AudioReader: "code_reader", authn.Password: "password", authn.Chip: "u2f_token",
}

var rfc8176Methods = map[authn.Kind]string{
	authn.App: "swk", authn.AppEnhanced: "hwk", authn.CodeDisplay: "otp", authn.AudioReader: "otp",
	authn.Password: "pwd", authn.Chip: "hwk", authn.KeyCard: "otp", authn.KeyApp: "swk", authn.KeyViewer: "otp",
}

// methods spells the authenticators used, each once, in the order of use. A kind that the vocabulary has no word for goes
// by its own name.
func (d AMRDialect) methods(uses []authn.Use) []string {
	words := nebMethods
	if d == AMRRFC8176 {
		words = rfc8176Methods
	}
	out := make([]string, 0, len(uses)+1)
	seen := make(map[string]bool, len(uses)+1)
	add := func(m string) {
		if !seen[m] {
			seen[m] = true
			out = append(out, m)
		}
	}
	factors := make(map[authn.Factor]bool)
	for _, u := range uses {
		word := words[u.Kind]
		if word == "" {
			word = string(u.Kind)
		}
		add(word)
		factors[u.Kind.Factor()] = true
		if u.Unlocked {
			factors["unlocked"] = true
		}
	}
	if d == AMRRFC8176 && len(factors) > 1 {
		add("mfa")
	}
	return out
}
