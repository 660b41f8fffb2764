package broker

import (
	"context"
	"net/http"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

// Connector is a conversation that ends with an Identity: an eID scheme of our own, or an upstream provider. The broker
// cannot tell them apart.
//
// A connector keeps nothing between the calls: what it must remember it returns as state, at most 16 KiB, and is given
// back. The broker stores it sealed.
type Connector interface {
	// Name is unique in a broker and is the value of the idp claim and of the connector field in forms.
	Name() string
	// Start opens the conversation.
	Start(ctx context.Context, ask Ask) (Turn, []byte, error)
	// Continue answers the last Turn. An error that wraps an *Error ends the transaction with its code; a mistake that the
	// person can mend is a Prompt with Problem set, not an error.
	Continue(ctx context.Context, ask Ask, state []byte, in Input) (Turn, []byte, error)
}

// maxState is the greatest length of what a connector may have to remember, in bytes.
const maxState = 16 << 10

// Ask is what a connector is to achieve.
type Ask struct {
	Want assurance.Minimum // the least that must be reached, IAL and AAL; the connector decides how
	// Prefer lists what the party would rather have, best first; each is at least Want and would do just as it is. The
	// connector aims for the first that the person can reach. Empty: Want is all.
	Prefer   []assurance.Minimum
	Party    string    // the relying party's name, as shown to the person
	Purpose  string    // what the login is for: "login", "public", "bank", "payment"; empty is login
	Action   Action    // the verb shown; empty is LogOn
	Text     string    // what is to be approved, at most 130 characters; may be empty
	Hint     string    // a user ID to begin with; may be empty
	Language string    // "da" or "en"
	Person   string    // the only person that will do: step-up inside a session; empty for anybody
	Have     *Identity // what the session proves already and may be built upon; nil when nothing may be reused
	Channel  string    // names this transaction to a device that scans it; changes with every transaction
	Now      time.Time
	// Lane is whose wrong attempts on a person's authenticators of one kind count together with this browser's.
	Lane func(person string, kind authn.Kind) authn.Lane
}

// Action is the verb of an approval (aktionstekst).
type Action string

// The five verbs that a person can be asked to perform.
const (
	LogOn   Action = "LOG_ON"
	Approve Action = "APPROVE"
	Confirm Action = "CONFIRM"
	Accept  Action = "ACCEPT"
	Sign    Action = "SIGN"
)

// Input is what came back: the fields of a form, an upstream's answer, or a message of a device.
type Input struct {
	Fields map[string]string // form fields by name, at most 32 of at most 4 KiB
	Remote bool              // from a device that named the channel, not from the browser
	// Request is the browser's request where an upstream's answer must be read from it; nil otherwise.
	Request *http.Request
}

// Turn is what a connector wants next: Prompt, Wait, Redirect, Post, Reply or Proven.
type Turn interface{ turn() }

// Prompt asks the person for something. It is data; package web renders it.
type Prompt struct {
	// Name is the kind of page and the key of its texts: "identify", "code", "password", ...
	Name    string            `json:",omitzero"`
	Fields  []Field           `json:",omitzero"`
	Others  []Option          `json:",omitzero"` // other authenticators that would do, offered as "use"
	Problem string            `json:",omitzero"` // key of a message about the last input ("otp.wrong"); empty for none
	Args    map[string]string `json:",omitzero"` // values for the texts: {"kind": "code_display", "until": "..."}
}

// Field is one input of a Prompt.
type Field struct {
	Name         string `json:",omitzero"` // input name on the wire: "user_id", "code", "password", "key", "pin"
	Secret       bool   `json:",omitzero"` // never echoed, never kept
	Numeric      bool   `json:",omitzero"`
	MaxLength    int    `json:",omitzero"`
	Autocomplete string `json:",omitzero"` // HTML autofill token
	Value        string `json:",omitzero"` // to begin with; always "" for a secret
}

// Option is one choice offered.
type Option struct {
	Value string // on the wire
	Label string // key of its text, or a proper name where the texts have no such key
}

// Wait tells the person that something happens elsewhere; the page asks again every Poll.
type Wait struct {
	Name   string            `json:",omitzero"` // kind of page: "app"
	Poll   time.Duration     `json:",omitzero"` // never zero
	Others []Option          `json:",omitzero"` // other authenticators that would do
	Show   map[string]string `json:",omitzero"` // what the page shows: "code" (QR content), "number", ...
	Action Action            `json:",omitzero"`
	Text   string            `json:",omitzero"`
	Index  string            `json:",omitzero"` // lets a device find the transaction: the broker files it under this; "" for none
}

// Redirect sends the browser elsewhere; Continue gets the request that comes back.
type Redirect struct{ URL string }

// Post sends the browser elsewhere by an automatic form.
type Post struct {
	URL    string
	Fields map[string]string
}

// Reply answers a device and leaves the browser where it is.
type Reply struct{ Fields map[string]string }

// Proven ends the conversation.
type Proven struct{ Identity Identity }

func (Prompt) turn()   {}
func (Wait) turn()     {}
func (Redirect) turn() {}
func (Post) turn()     {}
func (Reply) turn()    {}
func (Proven) turn()   {}
