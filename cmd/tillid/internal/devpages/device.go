package devpages

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

// touch is what somebody does with a phone.
type touch struct {
	approve bool
	Channel string       `json:"channel"` // of the login meant; empty: the only one that waits
	Unlock  authn.Unlock `json:"unlock"`
	PIN     string       `json:"pin"`
	Device  string       `json:"device"` // an authenticator on the phone; empty: the first
}

// What cannot be done with a phone.
var (
	errNoPhone = errors.New("devpages: no app")
	errNothing = errors.New("devpages: nothing waits")
	errSeveral = errors.New("devpages: several logins wait")
)

// waiting lists the logins that wait for a person's app, the newest first.
func (p *Pages) waiting(ctx context.Context, h simulator.Holder) ([]broker.Waiting, error) {
	if h.Phone == nil {
		return nil, nil
	}
	all, err := p.config.Broker.WaitingFor(ctx, p.config.Index(h.Person.ID))
	slices.SortFunc(all, func(a, b broker.Waiting) int { return b.Since.Compare(a.Since) })
	return all, err
}

// channelPrefix is what the QR code of a waiting page holds before the channel, so that either can be pasted.
const channelPrefix = "tillid:1:"

// touch answers a waiting login as the person's app would: it claims it by its channel, unlocks, and signs what it was
// shown.
func (p *Pages) touch(ctx context.Context, h simulator.Holder, t touch) error {
	if h.Phone == nil || len(h.Phone.Apps()) == 0 {
		return errNoPhone
	}
	channel := strings.TrimPrefix(t.Channel, channelPrefix)
	if channel == "" {
		waiting, err := p.waiting(ctx, h)
		switch {
		case err != nil:
			return err
		case len(waiting) == 0:
			return errNothing
		case len(waiting) > 1:
			return errSeveral
		}
		channel = waiting[0].Channel
	}
	device := t.Device
	if device == "" {
		device = h.Phone.Apps()[0]
	}
	turn, ticket, err := p.config.Broker.Remote(ctx, channel, broker.Input{Fields: map[string]string{"do": "claim", "device": device}})
	if err != nil {
		return err
	}
	fields := map[string]string{"do": "reject", "device": device}
	if t.approve {
		shown, ok := turn.(broker.Reply)
		if !ok {
			return errNothing
		}
		if fields, err = h.Phone.Answer(shown.Fields, t.Unlock, t.PIN, p.config.Now()); err != nil {
			return err
		}
	}
	_, _, err = p.config.Broker.Remote(ctx, ticket, broker.Input{Fields: fields})
	return err
}

// refusal is the status and the sentence that an error of touch comes to: the key of a text, or a sentence of the broker's,
// which is in English.
func refusal(err error) (int, string) {
	var paused *authn.PausedError
	switch {
	case errors.Is(err, errNoPhone):
		return http.StatusNotFound, "trouble.nophone"
	case errors.Is(err, errNothing):
		return http.StatusNotFound, "trouble.nothing"
	case errors.Is(err, errSeveral):
		return http.StatusConflict, "trouble.several"
	case errors.Is(err, simulator.ErrPIN):
		return http.StatusForbidden, "trouble.pin"
	case errors.Is(err, simulator.ErrNotOnPhone):
		return http.StatusNotFound, "trouble.device"
	case errors.Is(err, simulator.ErrNoBiometrics):
		return http.StatusForbidden, "trouble.shared"
	case errors.As(err, &paused), errors.Is(err, authn.ErrBlocked):
		return http.StatusForbidden, "trouble.paused"
	}
	status, ok := map[broker.Code]int{broker.Expired: http.StatusNotFound, broker.Refused: http.StatusForbidden,
		broker.LevelUnmet: http.StatusForbidden, broker.InvalidRequest: http.StatusBadRequest,
		broker.Unavailable: http.StatusServiceUnavailable}[broker.CodeOf(err)]
	if !ok {
		return http.StatusInternalServerError, "trouble.internal"
	}
	return status, broker.TextOf(err)
}

func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, sentence := refusal(err)
	if status >= http.StatusInternalServerError {
		p.config.Logger.ErrorContext(r.Context(), "a request of the dev pages failed", "error", err)
	}
	problem(w, status, text("en", sentence))
}
