package registry

import (
	"context"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/sqldb"
)

// rekeyed bounds the rows that one commit of Rekey moves, so that logins need not wait long.
const rekeyed = 100

// Rekey moves everything that an older secret protects to the first one and returns the number of rows moved. It may be
// stopped and called again, and logins may go on meanwhile. When it returns 0 and no error, the other secrets are not needed any
// more, provided that every process writes with the first one by then.
func (r *Registry) Rekey(ctx context.Context) (int, error) {
	const what = "rekey"
	moved := 0
	for _, table := range []func(context.Context, *sqldb.Tx, string) (string, int, error){r.rekeyPersons, r.rekeyUserIDs, r.rekeyAuthenticators} {
		for after, more := "", true; more; {
			n := 0
			err := r.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
				last, count, err := table(ctx, tx, after)
				more, n = last != "" && last != after, count
				if more {
					after = last
				}
				return err
			})
			if err != nil {
				return moved, failed(what, err)
			}
			moved += n
		}
	}
	return moved, nil
}

// collect reads all rows of a query before any of them is changed.
func collect[T any](rows *sqldb.Rows, err error, scan func(*sqldb.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			_ = rows.Close() // the error before is the one that counts
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Close()
}

type sealedRow struct {
	id, person, kind string
	digest, sealed   []byte
}

func (r *Registry) rekeyPersons(ctx context.Context, tx *sqldb.Tx, after string) (last string, moved int, err error) {
	rows, err := tx.Query(ctx, "SELECT id, sealed FROM registry_persons WHERE id > ? ORDER BY id LIMIT ?"+tx.Dialect().ForUpdate(), after, rekeyed)
	all, err := collect(rows, err, func(rows *sqldb.Rows) (s sealedRow, err error) {
		err = rows.Scan(&s.id, &s.sealed)
		return s, err
	})
	if err != nil {
		return after, 0, err
	}
	for _, s := range all {
		last = s.id
		if r.keys.newest(s.sealed) {
			continue
		}
		p, err := r.openPerson(authn.PersonID(s.id), "", s.sealed)
		if err != nil {
			return after, 0, err
		}
		sealed, err := r.sealPerson(p)
		if err != nil {
			return after, 0, err
		}
		var digest []byte
		if !p.CPR.IsZero() {
			digest = r.cprDigests(p.CPR)[0]
		}
		if _, err := tx.Exec(ctx, "UPDATE registry_persons SET cpr = ?, sealed = ? WHERE id = ?", digest, sealed, s.id); err != nil {
			return after, 0, err
		}
		moved++
	}
	return last, moved, nil
}

// rekeyUserIDs goes by person and takes all user IDs of a person at once, since their keys change.
func (r *Registry) rekeyUserIDs(ctx context.Context, tx *sqldb.Tx, after string) (last string, moved int, err error) {
	rows, err := tx.Query(ctx, "SELECT digest, person, sealed FROM registry_user_ids WHERE person IN"+
		" (SELECT id FROM registry_persons WHERE id > ? ORDER BY id LIMIT ?) ORDER BY person"+tx.Dialect().ForUpdate(), after, rekeyed)
	all, err := collect(rows, err, func(rows *sqldb.Rows) (s sealedRow, err error) {
		err = rows.Scan(&s.digest, &s.person, &s.sealed)
		return s, err
	})
	if err != nil {
		return after, 0, err
	}
	for _, s := range all {
		if r.keys.newest(s.sealed) {
			continue
		}
		u, err := r.openUserID(s.digest, s.person, s.sealed)
		if err != nil {
			return after, 0, err
		}
		digest := r.userIDDigests(u.Scheme, u.UserID)[0]
		sealed := r.keys.seal([]byte(u.Scheme+"\x00"+u.UserID), userIDPlace(digest, s.person))
		if _, err := tx.Exec(ctx, "UPDATE registry_user_ids SET digest = ?, sealed = ? WHERE digest = ?", digest, sealed, s.digest); err != nil {
			return after, 0, err
		}
		moved++
	}
	// Persons without a user ID are among those that were looked at: go on behind the last person, not the last user ID.
	ids, err := tx.Query(ctx, "SELECT id FROM registry_persons WHERE id > ? ORDER BY id LIMIT ?", after, rekeyed)
	seen, err := collect(ids, err, func(rows *sqldb.Rows) (id string, err error) {
		err = rows.Scan(&id)
		return id, err
	})
	if err != nil || len(seen) == 0 {
		return "", moved, err
	}
	return seen[len(seen)-1], moved, nil
}

func (r *Registry) rekeyAuthenticators(ctx context.Context, tx *sqldb.Tx, after string) (last string, moved int, err error) {
	rows, err := tx.Query(ctx, "SELECT id, person, kind, sealed FROM registry_authenticators WHERE id > ? ORDER BY id LIMIT ?"+tx.Dialect().ForUpdate(), after, rekeyed)
	all, err := collect(rows, err, func(rows *sqldb.Rows) (s sealedRow, err error) {
		err = rows.Scan(&s.id, &s.person, &s.kind, &s.sealed)
		return s, err
	})
	if err != nil {
		return after, 0, err
	}
	for _, s := range all {
		last = s.id
		if r.keys.newest(s.sealed) {
			continue
		}
		at := authenticatorPlace(s.id, s.person, authn.Kind(s.kind))
		plain, err := r.open(s.sealed, at)
		if err != nil {
			return after, 0, err
		}
		if _, err := tx.Exec(ctx, "UPDATE registry_authenticators SET sealed = ? WHERE id = ?", r.keys.seal(plain, at), s.id); err != nil {
			return after, 0, err
		}
		moved++
	}
	return last, moved, nil
}
