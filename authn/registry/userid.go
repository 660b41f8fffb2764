package registry

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
)

// UserID is a name under which a scheme knows a person.
type UserID struct {
	Scheme string
	UserID string // normalised by the scheme's rule
}

// Record is a person with all that is registered about them.
type Record struct {
	Person         authn.Person
	UserIDs        []UserID
	Authenticators []authn.Authenticator
}

func userIDPlace(digest []byte, person string) []byte {
	return place("registry_user_ids", "sealed", string(digest), person)
}

func (r *Registry) userIDDigests(scheme, userID string) [][]byte {
	return r.keys.digests("user", scheme, userID)
}

// PersonByUserID finds a person by a user ID, which the caller has normalised by the scheme's rule, with all their
// authenticators, or returns authn.ErrNotFound. It makes two queries, found or not, so that both take the same time.
func (r *Registry) PersonByUserID(ctx context.Context, scheme, userID string) (authn.Person, []authn.Authenticator, error) {
	const what = "person by user ID"
	var digest, name, sealed []byte
	var id, state string
	row := r.db.QueryRow(ctx, r.text.byUserID, arguments(r.userIDDigests(scheme, userID))...)
	missing := row.Scan(&digest, &name, &id, &state, &sealed)
	if missing != nil && !errors.Is(missing, sqldb.ErrNoRows) {
		return authn.Person{}, nil, failed(what, missing)
	}
	held, err := r.authenticators(ctx, id)
	if err != nil {
		return authn.Person{}, nil, failed(what, err)
	}
	if missing != nil {
		return authn.Person{}, nil, failed(what, authn.ErrNotFound)
	}
	// The user ID is sealed together with whose it is: a row that was pointed at another person does not open.
	if _, err := r.open(name, userIDPlace(digest, id)); err != nil {
		return authn.Person{}, nil, failed(what, err)
	}
	p, err := r.openPerson(authn.PersonID(id), state, sealed)
	if err != nil {
		return authn.Person{}, nil, failed(what, err)
	}
	return p, held, nil
}

// AddUserID lets a scheme know the person by one more user ID, normalised by the scheme's rule. ErrTaken: somebody, or the
// person already, has it. authn.ErrNotFound: there is no such person.
func (r *Registry) AddUserID(ctx context.Context, scheme, userID string, person authn.PersonID) error {
	const what = "add user ID"
	if scheme == "" || userID == "" || strings.ContainsRune(scheme, 0) {
		return failed(what, errors.New("scheme and user ID are required"))
	}
	if len(scheme)+len(userID) > 1024 {
		return failed(what, errors.New("the user ID is too long"))
	}
	digests := r.userIDDigests(scheme, userID)
	sealed := r.keys.seal([]byte(scheme+"\x00"+userID), userIDPlace(digests[0], string(person)))
	return failed(what, r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		// The primary key sees the newest secret only; a row not yet rekeyed stands under an older one.
		for _, d := range digests[1:] {
			err := tx.QueryRow(ctx, "SELECT person FROM registry_user_ids WHERE digest = ?", d).Scan(new(string))
			if err == nil {
				return ErrTaken
			}
			if !errors.Is(err, sqldb.ErrNoRows) {
				return err
			}
		}
		if err := exists(ctx, tx, person); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO registry_user_ids (digest, person, sealed) VALUES (?, ?, ?)", digests[0], string(person), sealed)
		return taken(err)
	}))
}

// exists returns authn.ErrNotFound if there is no such person.
func exists(ctx context.Context, tx *sqldb.Tx, person authn.PersonID) error {
	return notFound(tx.QueryRow(ctx, "SELECT id FROM registry_persons WHERE id = ?", string(person)).Scan(new(string)))
}

// People lists everybody, by ID. It holds all of them in memory and is meant for the dev profile and for small
// installations.
func (r *Registry) People(ctx context.Context) ([]Record, error) {
	const what = "people"
	var all []Record
	at := make(map[authn.PersonID]int)
	err := r.each(ctx, selectPerson+" ORDER BY id", nil, func(rows *sqldb.Rows) error {
		var id, state string
		var sealed []byte
		if err := rows.Scan(&id, &state, &sealed); err != nil {
			return err
		}
		p, err := r.openPerson(authn.PersonID(id), state, sealed)
		at[p.ID] = len(all)
		all = append(all, Record{Person: p})
		return err
	})
	if err != nil {
		return nil, failed(what, err)
	}
	err = r.each(ctx, "SELECT digest, person, sealed FROM registry_user_ids", nil, func(rows *sqldb.Rows) error {
		var digest, sealed []byte
		var person string
		if err := rows.Scan(&digest, &person, &sealed); err != nil {
			return err
		}
		u, err := r.openUserID(digest, person, sealed)
		if i, known := at[authn.PersonID(person)]; known { // else they were added meanwhile
			all[i].UserIDs = append(all[i].UserIDs, u)
		}
		return err
	})
	if err != nil {
		return nil, failed(what, err)
	}
	err = r.each(ctx, selectAuthenticator+" ORDER BY created, id", nil, func(rows *sqldb.Rows) error {
		a, err := r.scanAuthenticator(rows)
		if i, known := at[a.Person]; known {
			all[i].Authenticators = append(all[i].Authenticators, a)
		}
		return err
	})
	if err != nil {
		return nil, failed(what, err)
	}
	for i := range all {
		slices.SortFunc(all[i].UserIDs, func(a, b UserID) int {
			return strings.Compare(a.Scheme+"\x00"+a.UserID, b.Scheme+"\x00"+b.UserID)
		})
	}
	return all, nil
}

func (r *Registry) openUserID(digest []byte, person string, sealed []byte) (UserID, error) {
	plain, err := r.open(sealed, userIDPlace(digest, person))
	if err != nil {
		return UserID{}, err
	}
	scheme, userID, _ := strings.Cut(string(plain), "\x00")
	return UserID{scheme, userID}, nil
}

// each calls use for every row of a query.
func (r *Registry) each(ctx context.Context, query string, args []any, use func(*sqldb.Rows) error) error {
	rows, err := r.db.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := use(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close()
}
