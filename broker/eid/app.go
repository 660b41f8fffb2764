package eid

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// scheme of what a QR code holds: this and the channel. The version rises when what follows it changes.
const channelPrefix = "tillid:1:"

// wait shows how to reach the transaction from an app. It is filed under the person's index only while an answer is
// expected, and nothing is sent to any device: who knows a user ID cannot make a phone ring until its owner gives in.
func (c *Connector) wait(s *state, options []authn.Option) broker.Turn {
	channel := s.App.Challenge.Channel
	w := broker.Wait{Name: "app", Poll: c.poll, Others: c.others(s, options),
		Show:   map[string]string{"code": channelPrefix + channel, "channel": channel, "number": c.number(channel)},
		Action: broker.Action(s.App.Challenge.Action), Text: s.App.Challenge.Text}
	if s.App.Status == pending {
		w.Index = c.Index(s.Person)
	}
	return w
}

// number is typed into the app by those who cannot scan. It picks one of the transactions that wait for the same person;
// it is no secret.
func (c *Connector) number(channel string) string {
	return fmt.Sprintf("%04d", binary.BigEndian.Uint64(c.keyed("number", channel))%10_000)
}

// waiting looks whether the app has answered.
func (c *Connector) waiting(ctx context.Context, ask broker.Ask, s *state, memory []byte) (broker.Turn, []byte, error) {
	if s.App == nil {
		return nil, nil, broker.Because(broker.Internal, errors.New("eid: no app is asked"))
	}
	switch s.App.Status {
	case approved:
		s.App = nil
		return c.proceed(ctx, ask, s, "", nil)
	case rejected:
		return nil, nil, broker.Fail(broker.Cancelled, "The person declined in the app.")
	}
	return c.wait(s, c.scheme.Plan(s.Aim, s.authenticators(), s.uses())), memory, nil
}

// device answers an app that named the channel. Fields: do is claim, answer or reject; device is the id of the
// authenticator. A claim is answered with the fields of authn.Challenge and unlock, "required" or "optional"; it changes
// nothing, so that whoever else scans the same code takes nothing away from the owner. An answer has the fields of
// authn.Approval besides.
//
// Every mistake of a device is an error and leaves the transaction as it was: InvalidRequest for what cannot be read,
// Refused for a device that is not the person's or did not sign this, LevelUnmet for a swipe where more is needed, Expired
// for an answer that comes too late. For people who do not exist every device is another's.
func (c *Connector) device(ctx context.Context, ask broker.Ask, s *state, fields map[string]string) (broker.Turn, []byte, error) {
	if s.App == nil || s.App.Status != pending {
		return nil, nil, broker.Fail(broker.Expired, "No app is waited for any more.")
	}
	if fields["device"] == "" || len(fields["device"]) > 128 {
		return nil, nil, broker.Fail(broker.InvalidRequest, "No device is named.")
	}
	a, err := c.registry.Authenticator(ctx, fields["device"])
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return nil, nil, unavailable(err)
	}
	options := c.scheme.Plan(s.Aim, s.authenticators(), s.uses())
	i := slices.IndexFunc(options, func(o authn.Option) bool { return len(o.Ask) > 0 && o.Ask[0].Kind == a.Kind })
	if err != nil || s.Unknown || a.Person != s.Person || a.State != authn.Active || ceremonies[a.Kind] != "app" || i < 0 {
		return nil, nil, broker.Fail(broker.Refused, "This login is not for this app.")
	}
	need := options[i].Ask[0]
	challenge := s.App.Challenge
	challenge.Device = a.ID
	switch fields["do"] {
	case "claim":
		reply := challenge.Fields()
		reply["unlock"] = "optional"
		if need.Unlocked {
			reply["unlock"] = "required"
		}
		memory, err := s.encode()
		return broker.Reply{Fields: reply}, memory, err
	case "reject":
		s.App.Status = rejected
	case "answer":
		if err := c.approve(ctx, ask, s, a, challenge, need, fields); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, broker.Fail(broker.InvalidRequest, "A device can claim, answer or reject.")
	}
	memory, err := s.encode()
	return c.wait(s, options), memory, err
}

// approve takes in a signature. Nothing is counted against the device: a signature cannot be guessed, and PINs are counted
// by the phone.
func (c *Connector) approve(ctx context.Context, ask broker.Ask, s *state, a authn.Authenticator, challenge authn.Challenge, need authn.Use, fields map[string]string) error {
	answer, err := authn.ParseApproval(fields)
	if err != nil {
		return broker.Fail(broker.InvalidRequest, "The answer cannot be read.")
	}
	use, err := authn.FinishApproval(a, challenge, answer)
	if err != nil {
		if !errors.Is(err, authn.ErrWrong) && !errors.Is(err, authn.ErrReplayed) {
			c.log.ErrorContext(ctx, "a verifier cannot be read", slog.String("authenticator", a.ID), slog.Any("error", err))
		}
		return &broker.Error{Code: broker.Refused, Text: "The app did not sign this login.", Err: err}
	}
	if need.Unlocked && !use.Unlocked {
		return broker.Fail(broker.LevelUnmet, "The app must be unlocked with PIN or biometrics.")
	}
	switch err := c.registry.Succeed(ctx, a.ID, lane(ask, s.Person, a.Kind), answer.Counter, ask.Now); {
	case errors.Is(err, authn.ErrReplayed), gone(err):
		return &broker.Error{Code: broker.Refused, Text: "The app did not sign this login.", Err: err}
	case err != nil:
		return unavailable(err)
	}
	s.Done = append(s.Done, use)
	s.App.Status = approved
	return nil
}
