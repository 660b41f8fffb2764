package broker

import (
	"context"
	"crypto/subtle"
	"time"
)

// Peek reads a transaction without going on: a page that waits asks with it, at the price of one read, whether anything has
// happened since it was shown. Only Next goes on, and only Next answers.
//
// Errors carry a Code: Expired, WrongBrowser or Unavailable.
func (b *Broker) Peek(ctx context.Context, id string, br *Browser) (Transaction, error) {
	tx, err := b.transaction(ctx, id)
	if err != nil {
		return Transaction{}, err
	}
	if subtle.ConstantTimeCompare([]byte(tx.Browser), []byte(digest(br.token))) != 1 {
		return Transaction{}, Fail(WrongBrowser, "This login was begun in another browser.")
	}
	return tx, nil
}

// Expires is the instant at which a transaction that has not been answered ends by itself, whatever the person does: so
// long may a person who is asked for something take, and a page has to say so (WCAG 2.2, 2.2.1). It does not move. The zero
// Transaction's is long past.
func (b *Broker) Expires(tx Transaction) time.Time { return tx.Begun.Add(b.lifetimes.Transaction) }
