package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Departure is one party that has to be told, server to server, that a session is over.
type Departure struct {
	Participant Participant `json:"participant"`
	SID         string      `json:"sid"`     // as the party knows the session
	Subject     string      `json:"subject"` // as the party knows the person
}

// Departer tells parties of one protocol that a session is over.
type Departer interface {
	// Depart tells one party. An error is tried again later; a party that has nothing to be told to is no error. It must
	// return within the context's deadline.
	Depart(ctx context.Context, d Departure) error
}

// notice is a Departure that waits in the store until the party has heard it.
type notice struct {
	Departure Departure `json:"departure"`
	Tries     int       `json:"tries"`
	Due       time.Time `json:"due"`
}

const (
	noticeIndex   = "notices"
	noticeLife    = 2 * time.Hour
	noticeTries   = 8
	noticeTimeout = 10 * time.Second
	noticePoll    = 5 * time.Second
	noticesAtOnce = 16 // so that a party that does not answer keeps the others waiting little
)

// pause doubles from ten seconds; with eight tries the last comes after some twenty minutes.
func (n notice) pause() time.Duration { return 10 * time.Second << (n.Tries - 1) }

// notify files a notice for every participant whose protocol has a Departer.
func (b *Broker) notify(ctx context.Context, s *Session) error {
	for _, p := range s.Participants {
		if b.departers[p.Protocol] == nil {
			continue
		}
		party, err := b.parties.RelyingParty(ctx, p.Protocol, p.Party)
		if isNotFound(err) {
			continue // it has been removed since
		}
		if err != nil {
			return err
		}
		subject, err := b.ledger.Subject(ctx, party.Sector(), s.Identity.Person)
		if err != nil {
			return err
		}
		n := notice{Departure: Departure{p, p.SID, subject}, Due: b.now()}
		key := "n/" + digest(s.ID+" "+p.Protocol+" "+p.Party) // a logout that is repeated files no second notice
		r, err := b.record(key, noticeIndex, b.now().Add(noticeLife), 0, n)
		if err != nil {
			return err
		}
		if err := b.store.Create(ctx, r); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// wake lets Run look at once.
func (b *Broker) wake() {
	select {
	case b.woken <- struct{}{}:
	default:
	}
}

// Run delivers what has to be told server to server until ctx ends, and then returns nil. Any number of brokers on one
// store may run; each notice is delivered by one of them at a time. Without Run notices wait in the store.
func (b *Broker) Run(ctx context.Context) error {
	tick := time.NewTicker(noticePoll)
	defer tick.Stop()
	for {
		if err := b.Deliver(ctx); err != nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "logout notices cannot be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-b.woken:
		case <-tick.C:
		}
	}
}

// Deliver delivers the notices that are due now, once, several at a time.
func (b *Broker) Deliver(ctx context.Context) error {
	records, err := b.store.Find(ctx, noticeIndex)
	if err != nil {
		return err
	}
	faults := make([]error, len(records))
	turns := make(chan struct{}, noticesAtOnce)
	var under sync.WaitGroup
	for i, r := range records {
		turns <- struct{}{}
		under.Go(func() {
			faults[i] = b.deliver(ctx, r)
			<-turns
		})
	}
	under.Wait()
	return errors.Join(faults...)
}

// deliver tries one notice, after claiming it: whoever moves it on to its next due time is the one to try now.
func (b *Broker) deliver(ctx context.Context, r Record) error {
	var n notice
	if err := b.unseal(r, &n); err != nil {
		return err
	}
	now := b.now()
	departer := b.departers[n.Departure.Participant.Protocol]
	if now.Before(n.Due) || departer == nil { // nil: left to a broker that speaks the protocol
		return nil
	}
	n.Tries++
	n.Due = now.Add(n.pause())
	claimed, err := b.record(r.Key, noticeIndex, r.Expires, r.Version, n)
	if err != nil {
		return err
	}
	if _, err := b.store.Update(ctx, claimed); errors.Is(err, ErrConflict) || isNotFound(err) {
		return nil // another has it
	} else if err != nil {
		return err
	}
	try, cancel := context.WithTimeout(ctx, noticeTimeout)
	defer cancel()
	line := Line{Time: now, Event: "notified", Party: n.Departure.Participant.Protocol + ":" + n.Departure.Participant.Party,
		Outcome: "told", Detail: map[string]string{"try": fmt.Sprint(n.Tries)}}
	if err := departer.Depart(try, n.Departure); err != nil {
		if ctx.Err() != nil {
			return nil // we are stopping; it stays due
		}
		b.log.WarnContext(ctx, "a party could not be told that a session is over", "party", line.Party, "try", n.Tries, "error", err)
		if n.Tries < noticeTries {
			return nil
		}
		line.Outcome = "unreachable"
	}
	if err := b.ledger.Note(ctx, line); err != nil {
		return err
	}
	return b.store.Delete(ctx, r.Key)
}
