package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
)

const selectAuthenticator = "SELECT id, person, kind, state, counter, created, sealed FROM registry_authenticators"

// TransitionError says that an authenticator cannot go from one state to another.
type TransitionError struct{ From, To authn.State }

// Error names both states.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("registry: an authenticator that is %s cannot become %s", e.From, e.To)
}

// legal is the life cycle of authn.State. To stay as one is, is always legal, so that a retry does no harm.
func legal(from, to authn.State) bool {
	switch from {
	case authn.Blocked, authn.Replaced:
		return to == from
	case to:
		return true
	}
	switch to {
	case authn.Active:
		return from == authn.Ordered || from == authn.Paused
	case authn.Paused:
		return from == authn.Active
	case authn.Blocked, authn.Replaced:
		return true
	}
	return false
}

func known(s authn.State) bool {
	switch s {
	case authn.Ordered, authn.Active, authn.Paused, authn.Blocked, authn.Replaced:
		return true
	}
	return false
}

// possession is what is sealed of an authenticator.
type possession struct {
	Name     string `json:"name,omitempty"`
	Verifier []byte `json:"verifier,omitempty"`
}

// The kind and the person are part of the place: a verifier that was moved to somebody else, or passed off as another kind,
// does not open.
func authenticatorPlace(id, person string, kind authn.Kind) []byte {
	return place("registry_authenticators", "sealed", id, person, string(kind))
}

// scanAuthenticator reads one row of selectAuthenticator.
func (r *Registry) scanAuthenticator(row interface{ Scan(...any) error }) (authn.Authenticator, error) {
	var id, person, kind, state string
	var counter, created int64
	var sealed []byte
	if err := row.Scan(&id, &person, &kind, &state, &counter, &created, &sealed); err != nil {
		return authn.Authenticator{}, notFound(err)
	}
	plain, err := r.open(sealed, authenticatorPlace(id, person, authn.Kind(kind)))
	if err != nil {
		return authn.Authenticator{}, err
	}
	var held possession
	if err := json.Unmarshal(plain, &held); err != nil || counter < 0 {
		return authn.Authenticator{}, errors.New("an authenticator cannot be read") // without the cause, which may quote it
	}
	return authn.Authenticator{ID: id, Person: authn.PersonID(person), Kind: authn.Kind(kind), State: authn.State(state),
		Name: held.Name, Verifier: held.Verifier, Counter: uint64(counter), Created: instant(created)}, nil
}

func (r *Registry) authenticators(ctx context.Context, person string) ([]authn.Authenticator, error) {
	var held []authn.Authenticator
	err := r.each(ctx, selectAuthenticator+" WHERE person = ? ORDER BY created, id", []any{person}, func(rows *sqldb.Rows) error {
		a, err := r.scanAuthenticator(rows)
		held = append(held, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// Authenticators returns what a person holds, in whatever state, the oldest first. A person who is not there holds nothing.
func (r *Registry) Authenticators(ctx context.Context, person authn.PersonID) ([]authn.Authenticator, error) {
	held, err := r.authenticators(ctx, string(person))
	return held, failed("authenticators", err)
}

// Authenticator returns one authenticator, or authn.ErrNotFound.
func (r *Registry) Authenticator(ctx context.Context, id string) (authn.Authenticator, error) {
	a, err := r.scanAuthenticator(r.db.QueryRow(ctx, selectAuthenticator+" WHERE id = ?", id))
	return a, failed("authenticator", err)
}

// AddAuthenticator adds an authenticator to a person and returns its ID, which is made where a has none. authn.ErrNotFound:
// there is no such person. ErrTaken: the ID is another's.
func (r *Registry) AddAuthenticator(ctx context.Context, a authn.Authenticator) (string, error) {
	const what = "add authenticator"
	var errs []error
	if a.Kind == "" {
		errs = append(errs, errors.New("authn.Authenticator.Kind is required"))
	}
	if !known(a.State) {
		errs = append(errs, errors.New("authn.Authenticator.State is not a state"))
	}
	if a.Counter > math.MaxInt64 {
		errs = append(errs, errors.New("authn.Authenticator.Counter is too large"))
	}
	if err := errors.Join(errs...); err != nil {
		return "", failed(what, err)
	}
	id, err := r.newID(a.ID)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(possession{a.Name, a.Verifier})
	if err != nil {
		return "", failed(what, err)
	}
	sealed := r.keys.seal(plain, authenticatorPlace(id, string(a.Person), a.Kind))
	if len(sealed) > largest {
		return "", failed(what, fmt.Errorf("the name and the verifier are longer than %d octets", largest))
	}
	err = r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := exists(ctx, tx, a.Person); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO registry_authenticators (id, person, kind, state, counter, created, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, string(a.Person), string(a.Kind), string(a.State), int64(a.Counter), micros(a.Created), sealed)
		return taken(err)
	})
	if err != nil {
		return "", failed(what, err)
	}
	return id, nil
}

// SetState moves an authenticator on in its life. A *TransitionError says that its state does not allow it, as of the
// commit; authn.ErrNotFound that there is no such authenticator.
func (r *Registry) SetState(ctx context.Context, id string, to authn.State) error {
	const what = "set state"
	if !known(to) {
		return failed(what, errors.New("not a state"))
	}
	return failed(what, r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		from, err := state(ctx, tx, id)
		if err != nil {
			return err
		}
		if !legal(from, to) {
			return &TransitionError{from, to}
		}
		_, err = tx.Exec(ctx, "UPDATE registry_authenticators SET state = ? WHERE id = ?", string(to), id)
		return err
	}))
}

// state reads the state of an authenticator and keeps others from changing it before the commit.
func state(ctx context.Context, tx *sqldb.Tx, id string) (authn.State, error) {
	var s string
	err := tx.QueryRow(ctx, "SELECT state FROM registry_authenticators WHERE id = ?"+tx.Dialect().ForUpdate(), id).Scan(&s)
	return authn.State(s), notFound(err)
}

// micros is t as it is stored; the zero Time is 0. It rounds up, so that a pause never ends too early.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Microsecond - 1).UnixMicro()
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
