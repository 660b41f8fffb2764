package broker

import (
	"context"
	"slices"

	"github.com/tillid/tillid/assurance"
)

// RelyingParty is a service that people log in to, as it is registered here. What only one protocol needs to know of it
// (redirect URIs, certificates) belongs to that protocol's adapter.
type RelyingParty struct {
	Protocol     string // "oidc", "saml"
	ID           string // client_id or entityID, unique within the protocol
	Name         string // as shown to people
	NameEN       string // in English; empty: Name
	Organisation string // the sector of pairwise subjects; empty: the party is a sector of its own
	// Minimum can be raised by a request and never lowered. The zero value asks Substantial; a party that is content with
	// Low must say so.
	Minimum    assurance.Minimum
	Connectors []string // permitted ways to log in, in the order they are offered; empty permits all
	Claims     []string // the groups of claims it may receive; empty: none beyond subject and levels
	CPRBasis   string   // the legal basis for receiving CPR numbers; empty: it gets none (databeskyttelsesloven section 11)
	Public     bool     // a public authority: may receive what name and address protection hides from private parties
	SSO        bool     // takes part in single sign-on; false logs in afresh every time
	Consent    bool     // ask the person before claims are released
	Disabled   bool     // answers nothing and gets nothing
}

// RelyingParties finds registered parties. An unknown one is ErrNotFound.
type RelyingParties interface {
	RelyingParty(ctx context.Context, protocol, id string) (RelyingParty, error)
}

// Sector is the group of parties that know a person by the same subject.
func (p RelyingParty) Sector() string {
	if p.Organisation != "" {
		return "org:" + p.Organisation
	}
	return p.Protocol + ":" + p.ID
}

// Title is the party's name in the given language.
func (p RelyingParty) Title(language string) string {
	switch {
	case language == "en" && p.NameEN != "":
		return p.NameEN
	case p.Name != "":
		return p.Name
	}
	return p.ID
}

// floor is the registered minimum, Substantial where none is registered.
func (p RelyingParty) floor() assurance.Minimum {
	if p.Minimum == (assurance.Minimum{}) {
		return assurance.Minimum{LoA: assurance.Substantial}
	}
	return p.Minimum
}

// receives reports that the party is registered for a group of claims.
func (p RelyingParty) receives(claim string) bool {
	return slices.Contains(p.Claims, claim) && (claim != ClaimCPR || p.CPRBasis != "")
}

func (p RelyingParty) permits(connector string) bool {
	return len(p.Connectors) == 0 || slices.Contains(p.Connectors, connector)
}
