package oidc

import (
	"context"
	"errors"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// The claims that go by the names of Signaturgruppen Broker.
const (
	claimMitIDUUID   = "mitid.uuid"
	claimMitIDAge    = "mitid.age"
	claimMitIDBirth  = "mitid.date_of_birth"
	claimMitIDHasCPR = "mitid.has_cpr"
	claimCPR         = "dk.cpr"
)

// protectedName stands for the name of a person with name and address protection, to whom it may not be told.
const protectedName = "NAVNE & ADRESSEBESKYTTET"

// userinfo holds the claims about a person (OpenID Connect Core 5.3). What scopes release is absent where it was not asked
// for or is not known.
type userinfo struct {
	Subject      string              `json:"sub"`
	IDP          string              `json:"idp"`
	LoA          string              `json:"loa"`
	IAL          string              `json:"ial"`
	AAL          string              `json:"aal"`
	IdentityType broker.IdentityType `json:"identity_type"`

	Name       string `json:"name,omitempty"`
	GivenName  string `json:"given_name,omitempty"`
	FamilyName string `json:"family_name,omitempty"`
	BirthDate  string `json:"birthdate,omitempty"`

	MitIDUUID   string `json:"mitid.uuid,omitempty"`
	MitIDAge    *int   `json:"mitid.age,omitempty"`
	MitIDBirth  string `json:"mitid.date_of_birth,omitempty"`
	MitIDHasCPR *bool  `json:"mitid.has_cpr,omitempty"`

	CPR string `json:"dk.cpr,omitempty"`
}

// UserInfo answers with the claims that an access token's scopes release.
func (s *server) UserInfo(ctx context.Context, r *op.Request[oidc.UserInfoRequest]) (*op.Response, error) {
	i, scopes, err := s.p.bearerOf(ctx, r.Data.AccessToken)
	if err != nil {
		return nil, bearerFault(err)
	}
	info, err := s.p.userinfo(ctx, i, scopes)
	if err != nil {
		return nil, bearerFault(err)
	}
	if err := s.p.told(ctx, "userinfo", i.client, i, scopes); err != nil {
		return nil, bearerFault(err)
	}
	return op.NewResponse(info), nil
}

// bearerOf returns what a live access token stands for. Everything else, ID tokens included, fails with Expired.
func (p *Provider) bearerOf(ctx context.Context, text string) (issued, scopeSet, error) {
	t, err := p.tokens.open(text)
	if err != nil || !p.broker.Now().Before(t.expires) {
		return issued{}, 0, broker.Fail(broker.Expired, "The access token is not valid.")
	}
	return p.live(ctx, t)
}

// live returns the grant of an access token that has not expired, if it and its client are still good.
func (p *Provider) live(ctx context.Context, t accessToken) (issued, scopeSet, error) {
	client, err := p.client(ctx, t.client)
	if err != nil {
		return issued{}, 0, err
	}
	grant, err := p.broker.Access(ctx, Protocol, t.client, t.grant, t.id)
	if err != nil {
		return issued{}, 0, err
	}
	i, err := p.of(client, grant)
	return i, t.scopes & i.data.Scopes, err
}

func (p *Provider) userinfo(ctx context.Context, i issued, scopes scopeSet) (*userinfo, error) {
	s, err := i.spelled()
	if err != nil {
		return nil, err
	}
	u := &userinfo{Subject: i.grant.Subject, IDP: i.data.IDP, LoA: s.loa, IAL: s.ial, AAL: s.aal, IdentityType: i.data.Type}
	if i.client.unregistered(scopes) != "" { // the registration has changed since
		return nil, broker.Fail(broker.Expired, "The client is no longer registered for the scope.")
	}
	if len(scopes.claims()) == 0 {
		return u, nil
	}
	person, err := p.people.Person(ctx, authn.PersonID(i.grant.Person))
	if errors.Is(err, authn.ErrNotFound) {
		return nil, broker.Fail(broker.Expired, "The person is not registered.")
	}
	if err != nil {
		return nil, err
	}
	if scopes.has(scopeProfile) {
		u.profile(person, i.client.Public)
	}
	if scopes.has(scopeMitID) {
		u.mitID(p, person)
	}
	if scopes.has(scopeSSN) {
		u.CPR, err = p.reveal(ctx, i, person)
	}
	return u, err
}

func (u *userinfo) profile(person authn.Person, public bool) {
	u.BirthDate = person.BirthDate.String()
	if person.Protected && !public {
		u.Name = protectedName
		return
	}
	u.Name, u.GivenName, u.FamilyName = person.Name(), person.GivenName, person.FamilyName
}

func (u *userinfo) mitID(p *Provider, person authn.Person) {
	has := !person.CPR.IsZero()
	u.MitIDUUID, u.MitIDBirth, u.MitIDHasCPR = person.UUID, person.BirthDate.String(), &has
	if person.BirthDate != (authn.Date{}) {
		age := person.BirthDate.Age(p.broker.Now().In(p.where))
		u.MitIDAge = &age
	}
}

// reveal returns the person's CPR number for a client whose legal basis is registered (databeskyttelsesloven section 11),
// after the audit line that says so is durable.
func (p *Provider) reveal(ctx context.Context, i issued, person authn.Person) (string, error) {
	if i.client.CPRBasis == "" {
		return "", broker.Fail(broker.Expired, "The client has no registered legal basis for CPR numbers.")
	}
	if person.CPR.IsZero() {
		return "", nil
	}
	purpose := "userinfo: " + i.client.CPRBasis
	if err := p.broker.Record(ctx, broker.Line{Event: "cpr_revealed", Party: Protocol + ":" + i.client.ID,
		Person: i.grant.Person, Session: i.grant.Session, Detail: map[string]string{"purpose": purpose, "grant": i.grant.ID}}); err != nil {
		return "", err
	}
	return person.CPR.Reveal(authn.Purpose(purpose)), nil
}
