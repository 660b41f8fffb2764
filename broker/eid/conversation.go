package eid

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// ceremonies names the page of every kind that can be used here. A kind that is not in it is never asked for.
var ceremonies = map[authn.Kind]string{
	authn.App:         "app",
	authn.AppEnhanced: "app",
	authn.CodeDisplay: "code",
	authn.AudioReader: "code",
	authn.Password:    "password",
}

// wire is how a kind is called in forms: to the person both kinds of app are the app.
func wire(k authn.Kind) string {
	if k == authn.AppEnhanced {
		k = authn.App
	}
	return string(k)
}

// usable returns the authenticators that are active and that there is a ceremony for.
func usable(all []authn.Authenticator) []authn.Authenticator {
	return slices.DeleteFunc(slices.Clone(all), func(a authn.Authenticator) bool {
		return a.State != authn.Active || ceremonies[a.Kind] == ""
	})
}

// Start asks for the user ID, unless the broker names the person or hints at a user ID.
//
// An error with code LevelUnmet comes at once only where the person is proved already, by the session. Anybody else is
// told after proving what can be proved, for "you hold no chip" is nobody else's business, and a refusal that came early
// for some user IDs and late for others would say which of them exist.
func (c *Connector) Start(ctx context.Context, ask broker.Ask) (broker.Turn, []byte, error) {
	if _, err := authn.ApprovalText(ask.Text); err != nil {
		return nil, nil, &broker.Error{Code: broker.InvalidRequest, Text: "The text to approve cannot be shown.", Err: err}
	}
	if !slices.Contains([]broker.Action{"", broker.LogOn, broker.Approve, broker.Confirm, broker.Accept, broker.Sign}, ask.Action) {
		return nil, nil, broker.Fail(broker.InvalidRequest, "There is no such action.")
	}
	if ask.Person != "" {
		return c.resume(ctx, ask)
	}
	if ask.Hint != "" {
		if s, ok, err := c.identify(ctx, ask, ask.Hint); err != nil || ok {
			return c.proceed(ctx, ask, s, "", err)
		}
	}
	return c.askUserID("")
}

// Continue takes in what the browser or a device sent.
func (c *Connector) Continue(ctx context.Context, ask broker.Ask, memory []byte, in broker.Input) (broker.Turn, []byte, error) {
	s, err := decode(memory)
	if err != nil {
		return nil, nil, err
	}
	if in.Remote {
		return c.device(ctx, ask, s, in.Fields)
	}
	if in.Fields["cancel"] != "" {
		return nil, nil, broker.Fail(broker.Cancelled, "The person cancelled the login.")
	}
	// A page may carry the user ID along for password managers; another user ID begins anew.
	if id, typed := in.Fields["user_id"]; ask.Person == "" && (s.Asking == "" || typed && c.differs(s, id)) {
		next, ok, err := c.identify(ctx, ask, id)
		if err == nil && !ok {
			return c.askUserID("login.failed")
		}
		return c.proceed(ctx, ask, next, "", err)
	}
	if use := in.Fields["use"]; use != "" {
		return c.proceed(ctx, ask, s, use, nil)
	}
	switch ceremonies[s.Asking] {
	case "app":
		return c.waiting(ctx, ask, s, memory)
	case "code":
		return c.code(ctx, ask, s, in.Fields["code"])
	case "password":
		return c.password(ctx, ask, s, in.Fields["password"])
	}
	return nil, nil, broker.Because(broker.Internal, errors.New("eid: the state asks for nothing"))
}

func (c *Connector) differs(s *state, typed string) bool {
	id, err := c.userID(typed)
	return err == nil && id != s.UserID
}

// userID forgives the space that a paste leaves behind.
func (c *Connector) userID(typed string) (string, error) {
	return c.scheme.UserIDs.Normalise(strings.TrimSpace(typed))
}

func (c *Connector) askUserID(problem string) (broker.Turn, []byte, error) {
	memory, err := (&state{}).encode()
	return broker.Prompt{Name: "identify", Problem: problem, Fields: []broker.Field{
		{Name: "user_id", MaxLength: c.scheme.UserIDs.Max, Autocomplete: "username"},
	}}, memory, err
}

// identify finds whom a user ID belongs to, or invents somebody. It is false for what cannot be a user ID at all, which
// says nothing about anybody.
func (c *Connector) identify(ctx context.Context, ask broker.Ask, typed string) (*state, bool, error) {
	id, err := c.userID(typed)
	if err != nil {
		return nil, false, nil // the person is asked again
	}
	person, all, err := c.registry.PersonByUserID(ctx, c.scheme.Name, id)
	switch {
	case errors.Is(err, authn.ErrNotFound):
		// What the second query costs for somebody who exists.
		if _, err := c.registry.Authenticators(ctx, c.nobody(id)); err != nil && !errors.Is(err, authn.ErrNotFound) {
			return nil, false, unavailable(err)
		}
		return c.unknown(ask, id), true, nil
	case err != nil:
		return nil, false, unavailable(err)
	}
	can := usable(all)
	if len(c.scheme.Plan(assurance.Low, can, nil)) == 0 {
		return c.unknown(ask, id), true, nil // there is nothing that they could be asked for
	}
	s := c.begin(ask, person.ID, can, nil)
	s.UserID = id
	return s, true, nil
}

// begin settles what to aim for: the first that is preferred of what the authenticators reach. How surely the person is
// proofed does not count here, since what is asked for would tell it to everybody who types the user ID.
func (c *Connector) begin(ask broker.Ask, person authn.PersonID, can []authn.Authenticator, had []authn.Use) *state {
	s := &state{Person: person, Had: had}
	for _, a := range can {
		s.Held = append(s.Held, held{a.ID, a.Kind})
	}
	_, want := ask.Want.Needs()
	for _, m := range ask.Prefer {
		if _, aal := m.Needs(); len(c.scheme.Plan(aal, can, had)) > 0 {
			want = aal
			break
		}
	}
	s.Aim = c.scheme.Reach(max(want, assurance.Low), can, had)
	return s
}

// resume goes on with the person of a session: what it proves already is not asked for again.
func (c *Connector) resume(ctx context.Context, ask broker.Ask) (broker.Turn, []byte, error) {
	person, err := c.registry.Person(ctx, authn.PersonID(ask.Person))
	if errors.Is(err, authn.ErrNotFound) {
		return nil, nil, broker.Fail(broker.Refused, "The person may not log in here.")
	}
	if err != nil {
		return nil, nil, unavailable(err)
	}
	all, err := c.registry.Authenticators(ctx, person.ID)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	can := usable(all)
	var had []authn.Use
	if h := ask.Have; h != nil && h.Person == ask.Person && h.Connector == c.Name() {
		// What has been blocked or replaced since proves nothing any more.
		for _, u := range h.Uses {
			if slices.ContainsFunc(all, func(a authn.Authenticator) bool {
				return a.Kind == u.Kind && a.State == authn.Active && !a.Created.After(h.AuthTime)
			}) {
				had = append(had, u)
			}
		}
	}
	s := c.begin(ask, person.ID, can, had)
	if _, aal := ask.Want.Needs(); len(had) > 0 && s.Aim < aal {
		return nil, nil, c.outOfReach(aal, s.Aim, all)
	}
	if s.Aim == assurance.None {
		return nil, nil, broker.Fail(broker.Refused, "The person may not log in here.")
	}
	return c.proceed(ctx, ask, s, "", nil)
}

// proceed asks for what the plan says is next, or finishes. use is the authenticator that the person would rather use;
// one that would not do is passed over.
func (c *Connector) proceed(ctx context.Context, ask broker.Ask, s *state, use string, err error) (broker.Turn, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	options := c.scheme.Plan(s.Aim, s.authenticators(), s.uses())
	if len(options) == 0 {
		return nil, nil, broker.Because(broker.Internal, errors.New("eid: nothing left to ask for"))
	}
	if len(options[0].Ask) == 0 {
		return c.finish(ctx, ask, s)
	}
	next := options[0].Ask[0].Kind
	for _, prefer := range [...]string{use, wire(s.Asking)} {
		if i := slices.IndexFunc(options, func(o authn.Option) bool { return wire(o.Ask[0].Kind) == prefer }); i >= 0 {
			next = options[i].Ask[0].Kind
			break
		}
	}
	return c.askFor(ask, s, next, options)
}

// askFor opens the ceremony of a kind.
func (c *Connector) askFor(ask broker.Ask, s *state, kind authn.Kind, options []authn.Option) (broker.Turn, []byte, error) {
	again := ceremonies[s.Asking] == "app" && ceremonies[kind] == "app" && s.App != nil && s.App.Status == pending
	s.Asking = kind
	if ceremonies[kind] != "app" {
		s.App = nil
		return c.prompt(s, "", nil)
	}
	if !again { // a challenge that a device may have fetched already stays good
		text, err := authn.ApprovalText(ask.Text)
		if err != nil {
			return nil, nil, &broker.Error{Code: broker.InvalidRequest, Text: "The text to approve cannot be shown.", Err: err}
		}
		action := ask.Action
		if action == "" {
			action = broker.LogOn
		}
		challenge, err := authn.BeginApproval(c.random, ask.Channel, "", ask.Party, string(action), text)
		if err != nil {
			return nil, nil, broker.Because(broker.Internal, err)
		}
		s.App = &approval{Challenge: challenge, Status: pending}
	}
	memory, err := s.encode()
	return c.wait(s, options), memory, err
}

// prompt asks for the secret of the current kind.
func (c *Connector) prompt(s *state, problem string, args map[string]string) (broker.Turn, []byte, error) {
	p := broker.Prompt{Name: ceremonies[s.Asking], Problem: problem, Args: map[string]string{"kind": wire(s.Asking)},
		Others: c.others(s, c.scheme.Plan(s.Aim, s.authenticators(), s.uses()))}
	for k, v := range args {
		p.Args[k] = v
	}
	if p.Name == "code" {
		p.Fields = []broker.Field{{Name: "code", Numeric: true, MaxLength: authn.CodeDigits, Autocomplete: "one-time-code"}}
	} else {
		p.Fields = []broker.Field{{Name: "password", Secret: true, MaxLength: c.scheme.Passwords.Max, Autocomplete: "current-password"}}
	}
	memory, err := s.encode()
	return p, memory, err
}

// others are the authenticators that would do as well as the one being asked for.
func (c *Connector) others(s *state, options []authn.Option) []broker.Option {
	var out []broker.Option
	for _, o := range options {
		if len(o.Ask) == 0 {
			continue
		}
		w := wire(o.Ask[0].Kind)
		if w != wire(s.Asking) && !slices.ContainsFunc(out, func(x broker.Option) bool { return x.Value == w }) {
			out = append(out, broker.Option{Value: w, Label: "kind." + w})
		}
	}
	return out
}

// tooLong bounds what is hashed. A password that the scheme could not have accepted is wrong without being counted.
func (c *Connector) tooLong(password string) bool {
	return len(password) > 4*c.scheme.Passwords.Max || !utf8.ValidString(password) ||
		utf8.RuneCountInString(c.scheme.Passwords.Normalise(password)) > c.scheme.Passwords.Max
}
