package oidc

import (
	"errors"
	"net/http"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/broker"
)

// fault is an error as OAuth spells it: a code of RFC 6749 section 4.1.2.1 or an extension, and a sentence that may be
// shown.
type fault struct {
	code string
	text string
}

// Error is the fault in one line.
func (f *fault) Error() string { return "oidc: " + f.code + ": " + f.text }

func refuse(code, text string) error { return &fault{code, text} }

// authorizeErrors translates what the broker says into authorization errors: RFC 6749 section 4.1.2.1, OpenID Connect Core
// 3.1.2.6, and OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
var authorizeErrors = map[broker.Code]string{
	broker.Internal:        "server_error",
	broker.InvalidRequest:  "invalid_request",
	broker.UnknownParty:    "unauthorized_client",
	broker.NotAllowed:      "unauthorized_client",
	broker.LoginRequired:   "login_required",
	broker.ChoiceRequired:  "account_selection_required",
	broker.ConsentRequired: "consent_required",
	broker.LevelUnmet:      "unmet_authentication_requirements",
	broker.Cancelled:       "access_denied",
	broker.Refused:         "access_denied",
	broker.Expired:         "access_denied",
	broker.WrongBrowser:    "access_denied",
	broker.Unavailable:     "temporarily_unavailable",
	broker.Busy:            "temporarily_unavailable",
}

// authorizeFault is err as an authorization error.
func authorizeFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	code, ok := authorizeErrors[broker.CodeOf(err)]
	if !ok {
		code = "server_error"
	}
	return &fault{code, broker.TextOf(err)}
}

// statuses are those of pages and of answers that have no error code of their own.
var statuses = map[broker.Code]int{
	broker.Internal:        http.StatusInternalServerError,
	broker.InvalidRequest:  http.StatusBadRequest,
	broker.UnknownParty:    http.StatusBadRequest,
	broker.NotAllowed:      http.StatusForbidden,
	broker.LoginRequired:   http.StatusUnauthorized,
	broker.ChoiceRequired:  http.StatusBadRequest,
	broker.ConsentRequired: http.StatusForbidden,
	broker.LevelUnmet:      http.StatusForbidden,
	broker.Cancelled:       http.StatusBadRequest,
	broker.Refused:         http.StatusForbidden,
	broker.Expired:         http.StatusBadRequest,
	broker.WrongBrowser:    http.StatusBadRequest,
	broker.Unavailable:     http.StatusServiceUnavailable,
	broker.Busy:            http.StatusTooManyRequests,
}

func status(code broker.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// tokenFault is err as the token endpoint answers it (RFC 6749 section 5.2). The cause stays private: op writes it to the
// log and never to the client.
func tokenFault(err error) error {
	f := new(oidc.Error)
	if errors.As(err, &f) {
		return err
	}
	text := broker.TextOf(err)
	switch broker.CodeOf(err) {
	case broker.Expired, broker.LevelUnmet, broker.Refused, broker.Cancelled, broker.WrongBrowser, broker.LoginRequired,
		broker.ChoiceRequired, broker.ConsentRequired:
		return oidc.ErrInvalidGrant().WithDescription("%s", text).WithParent(err)
	case broker.UnknownParty:
		return invalidClient()
	case broker.NotAllowed:
		return oidc.ErrUnauthorizedClient().WithDescription("%s", text).WithParent(err)
	case broker.InvalidRequest:
		return oidc.ErrInvalidRequest().WithDescription("%s", text).WithParent(err)
	case broker.Unavailable, broker.Busy:
		return unavailable(err)
	}
	return op.NewStatusError(oidc.ErrServerError().WithParent(err), http.StatusInternalServerError)
}

// refusalCode is the OAuth code of an error that is about to be answered.
func refusalCode(err error) string {
	f := new(oidc.Error)
	if errors.As(err, &f) {
		return string(f.ErrorType)
	}
	return "server_error"
}

func unavailable(err error) error {
	return op.NewStatusError(&oidc.Error{ErrorType: "temporarily_unavailable", Description: "Try again later.", Parent: err},
		http.StatusServiceUnavailable)
}

// invalidClient is the one answer to whatever is wrong with a client's authentication, so that it tells nothing of why.
func invalidClient() error {
	return op.NewStatusError(oidc.ErrInvalidClient().WithDescription("The client could not be authenticated."), http.StatusUnauthorized)
}

// invalidToken is the one answer to an access token that is not, or no longer, good for anything (RFC 6750 section 3.1).
func invalidToken() error {
	return op.NewStatusError(&oidc.Error{ErrorType: "invalid_token", Description: "The access token is not valid."}, http.StatusUnauthorized)
}

// bearerFault is err from a resource that an access token opens.
func bearerFault(err error) error {
	switch broker.CodeOf(err) {
	case broker.Unavailable, broker.Busy:
		return unavailable(err)
	case broker.Internal:
		return op.NewStatusError(oidc.ErrServerError().WithParent(err), http.StatusInternalServerError)
	}
	return invalidToken()
}
