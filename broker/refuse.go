package broker

import "context"

// refuse ends a transaction without a result. The person is told first where there is something to explain.
func (b *Broker) refuse(ctx context.Context, tx *Transaction, check string, e *Error) (Step, error) {
	explain := !tx.Request.Passive && (e.Code == LevelUnmet || e.Code == Refused)
	if err := b.ledger.Record(ctx, b.line(tx, Line{Event: "refused", Check: check, Outcome: string(e.Code),
		Detail: map[string]string{"reason": e.Text}})); err != nil {
		return nil, err
	}
	tx.Stage, tx.Check, tx.Failure = refused, check, newFailure(e)
	tx.State, tx.Turn, tx.Have, tx.Proof = nil, nil, nil, nil
	if explain {
		if err := b.save(ctx, tx, ""); err != nil {
			return nil, err
		}
		return Refuse{e, true}, nil
	}
	tx.Stage = answered
	if tx.version != 0 {
		if err := b.save(ctx, tx, ""); err != nil {
			return nil, err
		}
	}
	return Refuse{e, false}, nil
}

// explained waits for the person to go back to the service.
func (b *Broker) explained(ctx context.Context, tx *Transaction, in Input) (Step, error) {
	e := tx.Failure.err()
	if !has(in, "back") && !has(in, "cancel") {
		return Refuse{e, true}, nil
	}
	tx.Stage = answered
	if err := b.save(ctx, tx, ""); err != nil {
		return nil, err
	}
	return Refuse{e, false}, nil
}
