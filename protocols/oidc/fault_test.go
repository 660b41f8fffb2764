package oidc

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// Every code of the broker has its answer at every endpoint, and none answers with the private cause.
func TestEveryCodeHasItsAnswer(t *testing.T) {
	want := map[broker.Code]struct {
		authorize string
		token     int
		bearer    int
	}{
		broker.Internal:        {"server_error", 500, 500},
		broker.InvalidRequest:  {"invalid_request", 400, 401},
		broker.UnknownParty:    {"unauthorized_client", 401, 401},
		broker.NotAllowed:      {"unauthorized_client", 400, 401},
		broker.LoginRequired:   {"login_required", 400, 401},
		broker.ChoiceRequired:  {"account_selection_required", 400, 401},
		broker.ConsentRequired: {"consent_required", 400, 401},
		broker.LevelUnmet:      {"unmet_authentication_requirements", 400, 401},
		broker.Cancelled:       {"access_denied", 400, 401},
		broker.Refused:         {"access_denied", 400, 401},
		broker.Expired:         {"access_denied", 400, 401},
		broker.WrongBrowser:    {"access_denied", 400, 401},
		broker.Unavailable:     {"temporarily_unavailable", 503, 503},
		broker.Busy:            {"temporarily_unavailable", 503, 503},
	}
	if len(authorizeErrors) != len(broker.Codes()) || len(statuses) != len(broker.Codes()) || len(want) != len(broker.Codes()) {
		t.Error("a table has more codes than there are")
	}
	for _, code := range broker.Codes() {
		err := error(&broker.Error{Code: code, Text: "Public.", Err: errors.New("private")})
		f := authorizeFault(err)
		if f.code != want[code].authorize || f.text != "Public." {
			t.Errorf("%s: %+v", code, f)
		}
		if s := status(code); s < 400 || s > 599 {
			t.Errorf("%s: page with status %d", code, s)
		}
		for name, c := range map[string]struct {
			err    error
			status int
		}{"token": {tokenFault(err), want[code].token}, "bearer": {bearerFault(err), want[code].bearer}} {
			w := httptest.NewRecorder()
			op.WriteError(w, httptest.NewRequest(http.MethodPost, "/", nil), c.err, nil)
			if w.Code != c.status {
				t.Errorf("%s at %s: %d, want %d", code, name, w.Code, c.status)
			}
			if body := w.Body.String(); body == "" || strings.Contains(body, "private") {
				t.Errorf("%s at %s: %s", code, name, body)
			}
		}
	}
	if f := authorizeFault(errors.New("private")); f.code != "server_error" || f.text != "" {
		t.Errorf("an error without a code: %+v", f)
	}
	if status("new") != http.StatusInternalServerError {
		t.Error("a code nobody knows")
	}
	if got := describe("Æ \"quoted\"\\\r\n"); got != " 'quoted'" {
		t.Errorf("%q", got)
	}
}

// Without a legal basis no number is revealed, whatever the scopes say.
func TestRevealNeedsBasis(t *testing.T) {
	cpr, err := authn.ParseCPR("7403751231")
	if err != nil {
		t.Fatal(err)
	}
	got, err := new(Provider).reveal(t.Context(), issued{client: Client{ID: "x", Claims: []string{"ssn"}}}, authn.Person{CPR: cpr})
	if got != "" || broker.CodeOf(err) != broker.Expired {
		t.Errorf("%q %v", got, err)
	}
}
