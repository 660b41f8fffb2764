package broker

import (
	"errors"
	"fmt"

	"github.com/tillid/tillid/authn"
)

// Code is what went wrong, from a closed set that every protocol adapter translates in one table.
type Code string

// The codes. Internal is what an error without a code counts as.
const (
	Internal        Code = "internal"         // our fault; nothing was issued
	InvalidRequest  Code = "invalid_request"  // the party's request makes no sense
	UnknownParty    Code = "unknown_party"    // no such relying party, or it is disabled
	NotAllowed      Code = "not_allowed"      // the party is not registered for what it asks
	LoginRequired   Code = "login_required"   // passive, and nobody is logged in well enough
	ChoiceRequired  Code = "choice_required"  // passive, and the person would have to choose whom to act as
	ConsentRequired Code = "consent_required" // passive, and the person would have to consent
	LevelUnmet      Code = "level_unmet"      // the level asked for was not, or cannot be, reached
	Cancelled       Code = "cancelled"        // the person cancelled or declined
	Refused         Code = "refused"          // the person may not log in here: blocked, too young, no consent
	Expired         Code = "expired"          // the transaction, code or session has ended or was used before
	WrongBrowser    Code = "wrong_browser"    // the step was opened in another browser than the one that began
	Unavailable     Code = "unavailable"      // a store is down or full; try again
	Busy            Code = "busy"             // over a limit; try again later
)

// Codes lists every code, for tables that must be complete.
func Codes() []Code {
	return []Code{Internal, InvalidRequest, UnknownParty, NotAllowed, LoginRequired, ChoiceRequired, ConsentRequired,
		LevelUnmet, Cancelled, Refused, Expired, WrongBrowser, Unavailable, Busy}
}

// Error is an error with a code that may be told to others, a text that may be shown, and a cause that may not.
type Error struct {
	Code Code
	Text string // one English sentence without personal data, fit for error_description; may be empty
	Err  error  // the private cause, for the log only; may be nil
	// Ways are what would have reached the level, for a LevelUnmet of a person who has proved who they are. They say what
	// the person holds, and so are for the person's page: neither the party nor the log is told.
	Ways []Way
}

// Way is one set of authenticators that would reach a level together.
type Way struct {
	Kinds    []authn.Kind `json:"kinds"`              // in the order in which they are asked for
	Obtain   []authn.Kind `json:"obtain,omitempty"`   // of them, what the person does not hold
	Unusable []authn.Kind `json:"unusable,omitempty"` // of them, what the person holds and this broker has no ceremony for
}

// Error holds the private cause and therefore belongs in logs, not in answers.
func (e *Error) Error() string {
	s := "broker: " + string(e.Code)
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the private cause.
func (e *Error) Unwrap() error { return e.Err }

// Fail makes an *Error with a public text.
func Fail(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Because makes an *Error with a private cause.
func Because(code Code, err error) *Error { return &Error{Code: code, Err: err} }

// CodeOf returns the code of err, Unavailable for an error of a store, Internal for any other error without a code, and
// "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, ErrUnavailable):
		return Unavailable
	}
	return Internal
}

// TextOf returns the public text of err, or "" where it has none.
func TextOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Text
	}
	return ""
}
