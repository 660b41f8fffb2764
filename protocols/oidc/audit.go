package oidc

import (
	"context"

	"github.com/tillid/tillid/broker"
)

// The broker writes the lines of everything that it decides. These are for what never reaches it, and for answers that
// rest on what it decided before (NSIS 6.7: all requests and all answers).

// refused notes a request that was turned down. A note that cannot be written holds nothing back: nothing was given.
func (p *Provider) refused(ctx context.Context, endpoint string, c Client, code string) {
	line := broker.Line{Event: "request_refused", Outcome: code, Detail: map[string]string{"endpoint": endpoint}}
	if c.ID != "" {
		line.Party = Protocol + ":" + c.ID
	}
	if err := p.broker.Note(ctx, line); err != nil {
		p.log.WarnContext(ctx, "a refused request could not be noted in the audit log", "endpoint", endpoint, "error", err)
	}
}

// told notes that claims are about to be given out. Without the note they are not.
func (p *Provider) told(ctx context.Context, event string, to Client, i issued, scopes scopeSet) error {
	detail := map[string]string{"grant": i.grant.ID}
	for _, group := range scopes.claims() {
		detail["scope_"+group] = "true"
	}
	return p.broker.Note(ctx, broker.Line{Event: event, Party: Protocol + ":" + to.ID, Person: i.grant.Person,
		Session: i.grant.Session, Outcome: i.levels.LoA().String(), Detail: detail})
}
