package broker

import (
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

// IdentityType says in which capacity a person logged in.
type IdentityType string

// The capacities, as claim values.
const (
	Private      IdentityType = "private"
	Professional IdentityType = "professional"
)

// Identity is who a connector says has logged in, with the evidence for it. Only connectors make one, and only the broker
// calls connectors, so nobody else can hand one in.
type Identity struct {
	Connector string           `json:"connector"`
	Person    string           `json:"person"` // a person of the Directory
	Type      IdentityType     `json:"type"`
	Levels    assurance.Levels `json:"levels"` // FAL is the connector's own: High for a local scheme, the upstream broker's for others
	Uses      []authn.Use      `json:"uses"`   // the authenticators used, those of an earlier step-up included
	AuthTime  time.Time        `json:"auth_time"`
	Proofed   string           `json:"proofed,omitempty"` // why the IAL: "proofed at the desk"
	Used      string           `json:"used,omitempty"`    // why the AAL: "app + PIN"
}
