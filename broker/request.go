package broker

import (
	"errors"
	"time"

	"github.com/tillid/tillid/assurance"
)

// Request is a relying party's wish, freed of its protocol. The adapter that makes one has already proven who asks and
// where the answer goes.
type Request struct {
	Protocol   string               `json:",omitzero"`
	Party      string               `json:",omitzero"`
	Want       []assurance.Minimum  `json:",omitzero"` // what the request itself asks, in order of preference; empty: the party's minimum
	Comparison assurance.Comparison `json:",omitzero"`
	Connector  string               `json:",omitzero"` // the only connector that will do; empty: any that the party may use
	Force      bool                 `json:",omitzero"` // authenticate now, whatever session there is (prompt=login, ForceAuthn; NSIS 6.8)
	Passive    bool                 `json:",omitzero"` // show nothing: answer from the session or refuse (prompt=none, IsPassive)
	Select     bool                 `json:",omitzero"` // let the person choose who to be, even with a session (prompt=select_account)
	MaxAge     *time.Duration       `json:",omitzero"` // how old the authentication may be; nil: as old as the session
	Hint       string               `json:",omitzero"` // user ID to begin with
	Subject    string               `json:",omitzero"` // the only person that will do, as a pairwise subject (id_token_hint); empty: anybody
	Claims     []string             `json:",omitzero"` // groups of claims asked for
	Purpose    string               `json:",omitzero"` // see Ask
	Action     Action               `json:",omitzero"` // see Ask
	Text       string               `json:",omitzero"` // see Ask
	Languages  []string             `json:",omitzero"` // preferred by the party (ui_locales), best first
	// Fetched says that the answer is fetched with a code (OpenID Connect); false: it travels through the browser at once.
	Fetched bool   `json:",omitzero"`
	Data    []byte `json:",omitzero"` // the adapter's own, at most MaxData; comes back with the Result
	// Departure is what the adapter needs to tell the party that its session is over, at most MaxDeparture; it comes back
	// as Participant.Data. Subject and SID come with every Departure and need not be in it.
	Departure []byte `json:",omitzero"`
}

// The limits of what an adapter may hang on a request, in bytes. A session holds the second one of every party that took
// part in it, and has to fit into one Record.
const (
	MaxData      = 16 << 10
	MaxDeparture = 256
)

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
	Base      string     `json:"base,omitempty"`    // the session that Have is from
	Only      string     `json:"only,omitempty"`    // the only person that will do
	Proof     *Identity  `json:"proof,omitempty"`   // this transaction's own authentication
	Session   string     `json:"session,omitempty"` // session the answer rests on
	SID       string     `json:"sid,omitempty"`     // what the party knows it by
	Epoch     uint64     `json:"epoch,omitempty"`   // the person's when Proof was made
	Consented bool       `json:"consented,omitempty"`
	Check     string     `json:"check,omitempty"` // the check that decided last
	Failure   *failure   `json:"failure,omitempty"`
	Logout    *departing `json:"logout,omitempty"`

	version uint64
	dirty   bool // changed in a way that no turn shows
}

// failure is an *Error at rest: what may be shown of it, and how far the levels fell short.
type failure struct {
	Code  Code                      `json:"code"`
	Text  string                    `json:"text,omitempty"`
	Short *assurance.ShortfallError `json:"short,omitempty"`
	Ways  []Way                     `json:"ways,omitempty"`
}

func newFailure(e *Error) *failure {
	f := &failure{Code: e.Code, Text: e.Text, Ways: e.Ways}
	if !errors.As(e.Err, &f.Short) {
		f.Short = nil
	}
	return f
}

func (f *failure) err() *Error {
	e := &Error{Code: f.Code, Text: f.Text, Ways: f.Ways}
	if f.Short != nil {
		e.Err = f.Short
	}
	return e
}
