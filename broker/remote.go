package broker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
)

// Remote lets a device take part that is not the browser: an app that scanned the transaction's channel. ref is the
// channel at first, and after a Reply the ticket that came with it. The ticket carries the sealed transaction as it
// was, so that the device's next message costs one write and no read; if anything has happened since, that write fails.
//
// Errors carry a Code: Expired for a channel or ticket that is not, or no longer, live; the connector's own otherwise.
func (b *Broker) Remote(ctx context.Context, ref string, in Input) (Turn, string, error) {
	tx, err := b.remote(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	if tx.Stage != running || tx.Connector == "" || tx.Proof != nil || !b.now().Before(tx.Begun.Add(b.lifetimes.Transaction)) {
		return nil, "", Fail(Expired, "This login is over.")
	}
	party, err := b.party(ctx, tx.Request.Protocol, tx.Request.Party)
	if err != nil {
		return nil, "", err
	}
	in.Remote = true
	device := &Browser{} // unknown, so whatever it gets wrong counts in the shared lane
	connector := b.connector(tx.Connector)
	if connector == nil {
		return nil, "", errNoConnector
	}
	turn, state, err := connector.Continue(ctx, b.askOf(&tx, party, device), tx.State, in)
	if err != nil {
		return nil, "", err
	}
	if _, ok := turn.(Reply); ok {
		return turn, b.ticket(&tx), nil // a reply changes nothing
	}
	if tx.Turn = showing(turn); tx.Turn == nil {
		return nil, "", Because(Internal, errors.New("a connector proved an identity to a device"))
	}
	if len(state) > maxState {
		return nil, "", Because(Internal, errors.New("a connector has more to remember than it may"))
	}
	tx.State = state
	index := ""
	if tx.Turn.Wait != nil {
		index = tx.Turn.Wait.Index
	}
	if err := b.save(ctx, &tx, index); err != nil {
		return nil, "", err
	}
	return turn, "", nil
}

func (b *Broker) ticket(tx *Transaction) string {
	plain, err := json.Marshal(tx)
	if err != nil {
		return "" // it has been stored in the same form
	}
	return b.tickets.text(append(binary.BigEndian.AppendUint64(nil, tx.version), plain...), "ticket")
}

func (b *Broker) remote(ctx context.Context, ref string) (Transaction, error) {
	if len(ref) > 64<<10 {
		return Transaction{}, Fail(InvalidRequest, "The ticket is too long.")
	}
	if id, err := b.channels.openFixed(ref); err == nil {
		return b.transaction(ctx, string(id))
	}
	var tx Transaction
	plain, err := b.tickets.openText(ref, "ticket")
	if err != nil || len(plain) < 8 || json.Unmarshal(plain[8:], &tx) != nil {
		return tx, Fail(Expired, "This login is over.")
	}
	tx.version = binary.BigEndian.Uint64(plain)
	return tx, nil
}

// Waiting is a transaction in which a person is waited for.
type Waiting struct {
	Channel string
	Party   string
	Action  Action
	Text    string
	Since   time.Time
}

// WaitingFor lists the transactions that a connector filed under an index: those in which one person is expected to answer
// on a device.
func (b *Broker) WaitingFor(ctx context.Context, index string) ([]Waiting, error) {
	records, err := b.store.Find(ctx, index)
	if err != nil {
		return nil, err
	}
	var out []Waiting
	for _, r := range records {
		var tx Transaction
		if err := b.unseal(r, &tx); err != nil {
			return nil, err
		}
		if tx.Stage != running || tx.Turn == nil || tx.Turn.Wait == nil {
			continue
		}
		party, err := b.party(ctx, tx.Request.Protocol, tx.Request.Party)
		if err != nil {
			continue // a party that has been disabled waits for nobody
		}
		out = append(out, Waiting{Channel: b.channels.fixed([]byte(tx.ID)), Party: party.Title(tx.Language),
			Action: tx.Turn.Wait.Action, Text: tx.Turn.Wait.Text, Since: tx.Begun})
	}
	return out, nil
}
