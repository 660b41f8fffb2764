package eid

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// attempt is an authenticator of which one attempt has been counted.
type attempt struct {
	authenticator authn.Authenticator // without a verifier for somebody who does not exist
	lane          authn.Lane
}

// reserve counts an attempt on every authenticator of the kind being asked for, and returns those that may be checked. It
// does the same for people who do not exist. Where none may be, problem says why.
func (c *Connector) reserve(ctx context.Context, ask broker.Ask, s *state) (open []attempt, problem string, args map[string]string, err error) {
	lane := lane(ask, s.Person, s.Asking)
	var paused *authn.PausedError
	for _, id := range s.of(s.Asking) {
		a, err := c.registry.Authenticator(ctx, id)
		switch {
		case errors.Is(err, authn.ErrNotFound), err == nil && (s.Unknown || a.State != authn.Active || a.Person != s.Person):
			a = authn.Authenticator{ID: id}
		case err != nil:
			return nil, "", nil, unavailable(err)
		}
		_, err = c.registry.Reserve(ctx, id, lane, c.limits, ask.Now)
		var p *authn.PausedError
		switch {
		case err == nil:
			open = append(open, attempt{a, lane})
		case errors.Is(err, authn.ErrNotFound): // what was not counted must not be right
			open = append(open, attempt{authn.Authenticator{ID: id}, lane})
		case errors.As(err, &p):
			if paused == nil || p.Until.Before(paused.Until) {
				paused = p
			}
		case errors.Is(err, authn.ErrBlocked):
			problem = "auth.blocked"
		default:
			return nil, "", nil, unavailable(err)
		}
	}
	switch {
	case len(open) > 0:
		return open, "", nil, nil
	case paused != nil:
		return nil, "auth.paused", map[string]string{"until": paused.Until.UTC().Format(time.RFC3339)}, nil
	case problem == "":
		problem = "login.failed"
	}
	return nil, problem, nil, nil
}

func lane(ask broker.Ask, person authn.PersonID, kind authn.Kind) authn.Lane {
	if ask.Lane == nil {
		return ""
	}
	return ask.Lane(string(person), kind)
}

// succeed makes it durable that one attempt was right. The others of the same kind were made by the same person, who just
// held another device in hand; they are forgotten too. authn.ErrWrong: the authenticator was blocked while it was checked.
func (c *Connector) succeed(ctx context.Context, ask broker.Ask, right attempt, counter uint64, all []attempt) error {
	err := c.registry.Succeed(ctx, right.authenticator.ID, right.lane, counter, ask.Now)
	if gone(err) {
		return authn.ErrWrong
	}
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.authenticator.ID == right.authenticator.ID {
			continue
		}
		if err := c.registry.Succeed(ctx, o.authenticator.ID, o.lane, 0, ask.Now); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

// gone reports that an authenticator is not there any more, or not usable any more.
func gone(err error) bool {
	return errors.Is(err, authn.ErrNotFound) || errors.Is(err, authn.ErrBlocked)
}

// code checks a one-time code of a code display or audio code reader. What cannot be a code is not counted.
func (c *Connector) code(ctx context.Context, ask broker.Ask, s *state, typed string) (broker.Turn, []byte, error) {
	typed = strings.Join(strings.Fields(typed), "") // displays show two groups of three
	if !authn.IsCode(typed) {
		return c.prompt(s, "otp.wrong", nil)
	}
	open, problem, args, err := c.reserve(ctx, ask, s)
	if err != nil {
		return nil, nil, err
	}
	if problem != "" {
		return c.prompt(s, problem, args)
	}
	problem = "otp.wrong"
	for _, o := range open {
		seed, known, err := c.seed(ctx, o.authenticator)
		if err != nil {
			continue
		}
		counter, err := seed.Check(typed, ask.Now, o.authenticator.Counter)
		if err == nil && known {
			err = c.succeed(ctx, ask, o, counter, open)
		} else if err == nil {
			err = authn.ErrWrong
		}
		switch {
		case err == nil:
			s.Done = append(s.Done, authn.Use{Kind: s.Asking})
			return c.proceed(ctx, ask, s, "", nil)
		case errors.Is(err, authn.ErrReplayed):
			if known {
				problem = "otp.reused"
			}
		case !errors.Is(err, authn.ErrWrong):
			return nil, nil, unavailable(err)
		}
	}
	return c.prompt(s, problem, nil)
}

// seed is what a code is checked against; for somebody who does not exist one that works as long and counts for nothing.
func (c *Connector) seed(ctx context.Context, a authn.Authenticator) (seed authn.CodeSeed, known bool, err error) {
	if a.Verifier == nil {
		seed, err = authn.NewCodeSeed(authn.SHA1, c.keyed("seed", a.ID)[:20])
		return seed, false, err
	}
	if seed, err = authn.ParseCodeSeed(a.Verifier); err != nil {
		c.log.ErrorContext(ctx, "a verifier cannot be read", slog.String("authenticator", a.ID), slog.Any("error", err))
	}
	return seed, true, err
}

// password checks a password. The turn at hashing is taken before the attempt is counted, so that a server that has no
// time for it does not count it.
func (c *Connector) password(ctx context.Context, ask broker.Ask, s *state, typed string) (broker.Turn, []byte, error) {
	if typed == "" || c.tooLong(typed) {
		return c.prompt(s, "login.failed", nil)
	}
	turn, err := c.passwords.Begin(ctx)
	if err != nil {
		return nil, nil, &broker.Error{Code: broker.Busy, Text: "Too many people are logging in at the moment.", Err: err}
	}
	defer turn.Abandon()
	open, problem, args, err := c.reserve(ctx, ask, s)
	if err != nil {
		return nil, nil, err
	}
	if problem != "" {
		return c.prompt(s, problem, args)
	}
	o := open[0] // nobody has two passwords
	stale, err := turn.Finish(o.authenticator.Verifier, c.scheme.Passwords.Normalise(typed))
	if err != nil {
		if !errors.Is(err, authn.ErrWrong) {
			c.log.ErrorContext(ctx, "a verifier cannot be read", slog.String("authenticator", o.authenticator.ID), slog.Any("error", err))
		}
		return c.prompt(s, "login.failed", nil)
	}
	if stale {
		c.log.InfoContext(ctx, "a password is hashed with old parameters", slog.String("authenticator", o.authenticator.ID))
	}
	switch err := c.succeed(ctx, ask, o, 0, open); {
	case errors.Is(err, authn.ErrWrong):
		return c.prompt(s, "login.failed", nil)
	case err != nil:
		return nil, nil, unavailable(err)
	}
	s.Done = append(s.Done, authn.Use{Kind: authn.Password})
	return c.proceed(ctx, ask, s, "", nil)
}
