package assurance

import (
	"fmt"
	"slices"
	"strings"
)

// Dialect is one way in which levels are spelt on the wire. The set is closed; the values are the names used in
// configuration. The zero value is no dialect: it spells nothing.
type Dialect string

// The dialects found in the field. Each is used for requests and for answers alike.
const (
	// NEB is acr, loa, ial and aal of Signaturgruppen Broker (formerly Nets eID Broker) and of E-Ident's claims:
	// https://data.gov.dk/concept/core/nsis/Substantial. There is no /loa/ in it.
	NEB Dialect = "neb"
	// OIOSAML3 is the AuthnContextClassRef of OIOSAML 3 [OIO-SP-06]:
	// https://data.gov.dk/concept/core/nsis/loa/Substantial. The attributes of that profile carry Bare words.
	OIOSAML3 Dialect = "oiosaml3"
	// OIOSAML4 is the AuthnContextClassRef of OIOSAML 4: https://data.gov.dk/concept/core/loa/Substantial.
	OIOSAML4 Dialect = "oiosaml4"
	// Bare is the word of the standard, Substantial, as in the attributes loa, ial and aal of OIOSAML 3.
	// It also reads words of mixed case.
	Bare Dialect = "bare"
	// BareLower is substantial, as in loa_value and aal_value of NEB's idp_params and in Signicat's acr.
	BareLower Dialect = "bare-lower"
	// BareUpper is SUBSTANTIAL, as in Signicat's mitid_loa, mitid_ial and mitid_aal.
	BareUpper Dialect = "bare-upper"
	// Idura is acr_values of Idura Verify (formerly Criipto): urn:grn:authn:dk:mitid:substantial.
	Idura Dialect = "idura"
	// Signicat is acr_values of Signicat: loa:substantial.
	Signicat Dialect = "signicat"
	// EIdent is the level in requests to IN Groupe E-Ident (formerly Nets E-Ident): urn:eident:acrp:level:substantial.
	EIdent Dialect = "eident"
	// EIdentEIDAS is ACR in the answers of E-Ident: urn:eident:cert:eidas:substantial.
	EIdentEIDAS Dialect = "eident-eidas"
	// EIDAS is the level of notified schemes at an eIDAS node: http://eidas.europa.eu/LoA/substantial.
	EIDAS Dialect = "eidas"
	// AssuranceLevel is the number in the attribute dk:gov:saml:attribute:AssuranceLevel of OIOSAML 2: 3.
	// What a number means is a NumberPolicy.
	AssuranceLevel Dialect = "assurance-level"
	// AssuranceLevelURN is that number as an AuthnContextClassRef: urn:dk:gov:saml:attribute:AssuranceLevel:3.
	AssuranceLevelURN Dialect = "assurance-level-urn"
)

// spellings holds Low, Substantial and High of each dialect. The numbers of the last two come from a NumberPolicy.
var spellings = [...]struct {
	dialect Dialect
	prefix  string
	words   [3]string
}{
	{NEB, "https://data.gov.dk/concept/core/nsis/", title},
	{OIOSAML3, "https://data.gov.dk/concept/core/nsis/loa/", title},
	{OIOSAML4, "https://data.gov.dk/concept/core/loa/", title},
	{Bare, "", title},
	{BareLower, "", lower},
	{BareUpper, "", [...]string{"LOW", "SUBSTANTIAL", "HIGH"}},
	{Idura, "urn:grn:authn:dk:mitid:", lower},
	{Signicat, "loa:", lower},
	{EIdent, "urn:eident:acrp:level:", lower},
	{EIdentEIDAS, "urn:eident:cert:eidas:", lower},
	{EIDAS, "http://eidas.europa.eu/LoA/", lower},
	{dialect: AssuranceLevel},
	{dialect: AssuranceLevelURN, prefix: "urn:dk:gov:saml:attribute:AssuranceLevel:"},
}

var (
	title = [...]string{"Low", "Substantial", "High"}
	lower = [...]string{"low", "substantial", "high"}
)

// Dialects returns every dialect, in the order in which [Recognise] tries them. The slice is the caller's own.
func Dialects() []Dialect {
	names := make([]Dialect, len(spellings))
	for i, s := range spellings {
		names[i] = s.dialect
	}
	return names
}

// ParseDialect reads the name of a dialect as it stands in configuration, such as "neb" or "oiosaml3". Anything else
// is an error that lists the names.
func ParseDialect(name string) (Dialect, error) {
	d := Dialects()
	if slices.Contains(d, Dialect(name)) {
		return Dialect(name), nil
	}
	known := make([]string, len(d))
	for i, k := range d {
		known[i] = string(k)
	}
	return "", fmt.Errorf("assurance: %.40q is not a dialect; known are %s", name, strings.Join(known, ", "))
}

// Spell returns how d writes l, with numbers by the zero [NumberPolicy]. It is "" and false for None, which nobody has
// a spelling for, for a value outside the levels, and for an unknown dialect.
func (d Dialect) Spell(l Level) (string, bool) { return NumberPolicy{}.Spell(d, l) }

// Recognise returns the level that spelling stands for and the dialect it is written in, with numbers read by the zero
// [NumberPolicy]. A spelling has to match to the letter; only bare words may be of any case. Everything else is None,
// "" and false: there is no default, and nothing is trimmed or guessed.
func Recognise(spelling string) (Level, Dialect, bool) { return NumberPolicy{}.Recognise(spelling) }
