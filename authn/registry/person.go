package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
)

const (
	selectPerson = "SELECT id, state, sealed FROM registry_persons"

	// storing is the purpose for which the registry reveals a CPR number: to write it encrypted, or to look it up.
	storing = authn.Purpose("registry")

	// largest is the longest sealed value that is read, in octets. It is checked before anything is decrypted or parsed.
	largest = 16 << 10
)

// personal is what is sealed of a person. The level is in it, so that nobody raises one by writing to the database.
type personal struct {
	GivenName  string          `json:"given,omitempty"`
	FamilyName string          `json:"family,omitempty"`
	BirthDate  string          `json:"birth,omitempty"`
	CPR        string          `json:"cpr,omitempty"`
	UUID       string          `json:"uuid,omitempty"`
	IAL        assurance.Level `json:"ial"`
	Proofing   string          `json:"proofing,omitempty"`
	Protected  bool            `json:"protected,omitempty"`
	Language   string          `json:"language,omitempty"`
}

func (r *Registry) sealPerson(p authn.Person) ([]byte, error) {
	plain, err := json.Marshal(personal{p.GivenName, p.FamilyName, p.BirthDate.String(), p.CPR.Reveal(storing), p.UUID, p.IAL,
		p.Proofing, p.Protected, p.Language})
	if err != nil {
		return nil, err
	}
	sealed := r.keys.seal(plain, personPlace(p.ID))
	if len(sealed) > largest {
		return nil, fmt.Errorf("the person's data are longer than %d octets", largest)
	}
	return sealed, nil
}

func (r *Registry) openPerson(id authn.PersonID, state string, sealed []byte) (authn.Person, error) {
	plain, err := r.open(sealed, personPlace(id))
	if err != nil {
		return authn.Person{}, err
	}
	var d personal
	if err := json.Unmarshal(plain, &d); err != nil {
		return authn.Person{}, errors.New("a person's data cannot be read") // without the cause, which may quote them
	}
	birth, err1 := authn.ParseDate(d.BirthDate)
	var cpr authn.CPR
	var err2 error
	if d.CPR != "" {
		cpr, err2 = authn.ParseCPR(d.CPR)
	}
	if err := errors.Join(err1, err2); err != nil {
		return authn.Person{}, err
	}
	return authn.Person{ID: id, State: authn.PersonState(state), GivenName: d.GivenName, FamilyName: d.FamilyName, BirthDate: birth,
		CPR: cpr, UUID: d.UUID, IAL: d.IAL, Proofing: d.Proofing, Protected: d.Protected, Language: d.Language}, nil
}

func personPlace(id authn.PersonID) []byte { return place("registry_persons", "sealed", string(id)) }

func (r *Registry) open(sealed, place []byte) ([]byte, error) {
	if len(sealed) > largest {
		return nil, fmt.Errorf("a sealed value is longer than %d octets", largest)
	}
	return r.keys.open(sealed, place)
}

// person reads one row of selectPerson.
func (r *Registry) person(row *sqldb.Row) (authn.Person, error) {
	var id, state string
	var sealed []byte
	if err := row.Scan(&id, &state, &sealed); err != nil {
		return authn.Person{}, notFound(err)
	}
	return r.openPerson(authn.PersonID(id), state, sealed)
}

func notFound(err error) error {
	if errors.Is(err, sqldb.ErrNoRows) {
		return authn.ErrNotFound
	}
	return err
}

// cprDigests are what the number is looked up by; a row holds the first.
func (r *Registry) cprDigests(c authn.CPR) [][]byte { return r.keys.digests("cpr", c.Reveal(storing)) }

// checkPerson reports every field that cannot be stored. The texts never hold the values.
func checkPerson(p authn.Person) error {
	var errs []error
	switch p.State {
	case authn.PersonActive, authn.PersonBlocked, authn.PersonDead:
	default:
		errs = append(errs, errors.New("authn.Person.State is not a state"))
	}
	if !p.IAL.Valid() {
		errs = append(errs, errors.New("authn.Person.IAL is not a level"))
	}
	if p.Language != "" && p.Language != "da" && p.Language != "en" {
		errs = append(errs, errors.New(`authn.Person.Language is neither "da" nor "en"`))
	}
	if _, err := authn.ParseDate(p.BirthDate.String()); err != nil {
		errs = append(errs, errors.New("authn.Person.BirthDate is not a day of the calendar"))
	}
	return errors.Join(errs...)
}

// Person returns a person, or authn.ErrNotFound.
func (r *Registry) Person(ctx context.Context, id authn.PersonID) (authn.Person, error) {
	p, err := r.person(r.db.QueryRow(ctx, selectPerson+" WHERE id = ?", string(id)))
	return p, failed("person", err)
}

// PersonByCPR returns the person with the number, or authn.ErrNotFound; nobody is found by the zero CPR.
func (r *Registry) PersonByCPR(ctx context.Context, cpr authn.CPR) (authn.Person, error) {
	if cpr.IsZero() {
		return authn.Person{}, failed("person by CPR", authn.ErrNotFound)
	}
	p, err := r.person(r.db.QueryRow(ctx, r.text.byCPR, arguments(r.cprDigests(cpr))...))
	return p, failed("person by CPR", err)
}

// AddPerson adds a person and returns their ID, which is made where p has none. ErrTaken: the ID or the CPR number is
// another person's.
func (r *Registry) AddPerson(ctx context.Context, p authn.Person) (authn.PersonID, error) {
	const what = "add person"
	if err := checkPerson(p); err != nil {
		return "", failed(what, err)
	}
	id, err := r.newID(string(p.ID))
	if err != nil {
		return "", err
	}
	p.ID = authn.PersonID(id)
	err = r.putPerson(ctx, p, "INSERT INTO registry_persons (state, cpr, sealed, id) VALUES (?, ?, ?, ?)")
	if err != nil {
		return "", failed(what, err)
	}
	return p.ID, nil
}

// SetPerson replaces all that is known about a person but their user IDs and authenticators. authn.ErrNotFound: there is no
// such person. ErrTaken: the CPR number is another person's. It writes the state as well: who only means to correct a name
// should have read the person just before, or a block made in between is lost. To change the state alone, use SetPersonState.
func (r *Registry) SetPerson(ctx context.Context, p authn.Person) error {
	const what = "set person"
	if err := checkPerson(p); err != nil {
		return failed(what, err)
	}
	return failed(what, r.putPerson(ctx, p, "UPDATE registry_persons SET state = ?, cpr = ?, sealed = ? WHERE id = ?"))
}

func (r *Registry) putPerson(ctx context.Context, p authn.Person, query string) error {
	sealed, err := r.sealPerson(p)
	if err != nil {
		return err
	}
	return r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		var digest []byte
		if !p.CPR.IsZero() {
			digests := r.cprDigests(p.CPR)
			digest = digests[0]
			// The UNIQUE column sees the newest secret only; a row not yet rekeyed stands under an older one.
			var other string
			err := tx.QueryRow(ctx, r.text.byCPR, arguments(digests)...).Scan(&other, new(string), new([]byte))
			switch {
			case err == nil && authn.PersonID(other) != p.ID:
				return ErrTaken
			case err != nil && !errors.Is(err, sqldb.ErrNoRows):
				return err
			}
		}
		n, err := tx.Exec(ctx, query, string(p.State), digest, sealed, string(p.ID))
		if err == nil && n == 0 {
			return authn.ErrNotFound
		}
		return taken(err)
	})
}

// SetPersonState blocks or unblocks a person, or records their death. authn.ErrNotFound: there is no such person.
func (r *Registry) SetPersonState(ctx context.Context, id authn.PersonID, state authn.PersonState) error {
	const what = "set person's state"
	if err := checkPerson(authn.Person{State: state}); err != nil {
		return failed(what, err)
	}
	return failed(what, r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE registry_persons SET state = ? WHERE id = ?", string(state), string(id))
		if err == nil && n == 0 {
			return authn.ErrNotFound
		}
		return err
	}))
}
