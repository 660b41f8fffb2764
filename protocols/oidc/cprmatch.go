package oidc

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	strict "github.com/go-jose/go-jose/v4/json"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// The limits of CPR match, those of the Signaturgruppen Broker: who may guess for longer or more often has a way to look up numbers.
const (
	matchTries  = 3
	matchWindow = 15 * time.Minute
	maxMatch    = 4 << 10 // of the body, in bytes
)

// matched is the answer of CPR match.
type matched struct {
	Match     bool `json:"match"`
	Remaining int  `json:"remaining"` // tries left in this login
}

// cprMatch tells whether a number is that of the person who has just logged in. It is for clients that may not be given the
// number itself. Every try is counted before it is looked at.
func (p *Provider) cprMatch(w http.ResponseWriter, r *http.Request) {
	i, _, err := p.bearerOf(r.Context(), bearer(r))
	if err != nil {
		op.WriteError(w, r, bearerFault(err), nil)
		return
	}
	now := p.broker.Now()
	if now.Sub(i.grant.AuthTime) > matchWindow {
		// RFC 9470 section 3: the client can ask for a new login.
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q, error="insufficient_user_authentication", max_age=%d`,
			p.issuer, matchWindow/time.Second))
		writeError(w, http.StatusUnauthorized, "insufficient_user_authentication", "The login is more than 15 minutes old.")
		return
	}
	number, err := matchBody(w, r)
	if err != nil {
		writeInvalid(w, bodyStatus(err), "The body is not a JSON object with a member cpr of ten digits.")
		return
	}
	try, err := p.countTry(r, i)
	switch {
	case err != nil:
		op.WriteError(w, r, bearerFault(err), nil)
		return
	case try > matchTries:
		writeError(w, http.StatusTooManyRequests, "access_denied", fmt.Sprintf("Only %d tries are allowed in one login.", matchTries))
		return
	}
	person, err := p.people.Person(r.Context(), authn.PersonID(i.grant.Person))
	if err != nil {
		op.WriteError(w, r, bearerFault(err), nil)
		return
	}
	const purpose = "CPR match"
	same := !person.CPR.IsZero() &&
		subtle.ConstantTimeCompare([]byte(person.CPR.Reveal(purpose)), []byte(number.Reveal(purpose))) == 1
	if err := p.broker.Record(r.Context(), broker.Line{Event: "cpr_matched", Party: Protocol + ":" + i.client.ID,
		Person: i.grant.Person, Session: i.grant.Session, Outcome: strconv.FormatBool(same),
		Detail: map[string]string{"try": strconv.Itoa(try), "grant": i.grant.ID}}); err != nil {
		op.WriteError(w, r, bearerFault(err), nil)
		return
	}
	httphelper.MarshalJSON(w, matched{same, matchTries - try})
}

func matchBody(w http.ResponseWriter, r *http.Request) (authn.CPR, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return authn.CPR{}, errNotAForm
	}
	body, err := limitedBody(w, r, maxMatch)
	if err != nil {
		return authn.CPR{}, err
	}
	var in struct {
		CPR string `json:"cpr"`
	}
	if err := strict.Unmarshal(body, &in); err != nil {
		return authn.CPR{}, errNotAForm
	}
	return authn.ParseCPR(in.CPR)
}

// countTry takes the next of the tries of a login and returns its number; one past the last when none is left. A login is
// the session at the client's organisation, so that neither a refresh nor a second client of it starts anew.
func (p *Provider) countTry(r *http.Request, i issued) (int, error) {
	login := fingerprint(i.client.RelyingParty().Sector(), i.grant.Person, strconv.FormatInt(i.grant.AuthTime.UnixMilli(), 10))
	for try := 1; try <= matchTries; try++ {
		err := p.store.Create(r.Context(), broker.Record{Key: "oidc/cpr/" + login + "/" + strconv.Itoa(try), Value: []byte{1},
			Expires: i.grant.AuthTime.Add(matchWindow + time.Minute)})
		if err == nil {
			return try, nil
		}
		if !errors.Is(err, broker.ErrExists) {
			return 0, err
		}
	}
	return matchTries + 1, nil
}
