package broker

import (
	"time"

	"github.com/tillid/tillid/assurance"
)

// Request is a relying party's wish, freed of its protocol. The adapter that makes one has already proven who asks and
// where the answer goes.
type Request struct {
	Protocol   string
	Party      string
	Want       []assurance.Minimum // what the request itself asks, in order of preference; empty: the party's minimum
	Comparison assurance.Comparison
	Connector  string         // the only connector that will do; empty: any that the party may use
	Force      bool           // authenticate now, whatever session there is (prompt=login, ForceAuthn; NSIS 6.8)
	Passive    bool           // show nothing: answer from the session or refuse (prompt=none, IsPassive)
	Select     bool           // let the person choose who to be, even with a session (prompt=select_account)
	MaxAge     *time.Duration // how old the authentication may be; nil: as old as the session
	Hint       string         // user ID to begin with
	Subject    string         // the only person that will do, as a pairwise subject (id_token_hint); empty: anybody
	Claims     []string       // groups of claims asked for
	Purpose    string         // see Ask
	Action     Action         // see Ask
	Text       string         // see Ask
	Languages  []string       // preferred by the party (ui_locales), best first
	// Fetched says that the answer is fetched with a code (OpenID Connect); false: it travels through the browser at once.
	Fetched bool
	Data    []byte // the adapter's own, at most 16 KiB; comes back with the Result
}

// stage is how far a transaction has come.
type stage string

const (
	running  stage = "running"
	refused  stage = "refused"  // decided against; the person is being told
	answered stage = "answered" // the party has its answer, or a code for it
	leaving  stage = "leaving"  // a logout that waits for confirmation
)

// Transaction is one login, or one logout, from request to answer.
type Transaction struct {
	ID       string    `json:"id"` // in the address of its pages; worth nothing without the browser's cookie
	Request  Request   `json:"request"`
	Begun    time.Time `json:"begun"`
	Language string    `json:"language"`
	// Connector is the one in use, "" before one is chosen.
	Connector string `json:"connector,omitempty"`

	Stage     stage      `json:"stage"`
	Browser   string     `json:"browser"`           // digest of the browser's cookie
	State     []byte     `json:"state,omitempty"`   // the connector's
	Turn      *shown     `json:"turn,omitempty"`    // what the page shows, for a reload
	Have      *Identity  `json:"have,omitempty"`    // what of the session may be built upon
	Only      string     `json:"only,omitempty"`    // the only person that will do
	Proof     *Identity  `json:"proof,omitempty"`   // this transaction's own authentication
	Session   string     `json:"session,omitempty"` // session the answer rests on
	Epoch     uint64     `json:"epoch,omitempty"`
	Consented bool       `json:"consented,omitempty"`
	Check     string     `json:"check,omitempty"` // the check that decided last
	Failure   *failure   `json:"failure,omitempty"`
	Logout    *departing `json:"logout,omitempty"`

	version uint64
	dirty   bool // changed in a way that no turn shows
}

// failure is an *Error at rest.
type failure struct {
	Code Code   `json:"code"`
	Text string `json:"text,omitempty"`
}
