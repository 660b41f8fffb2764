package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/tillid/tillid/authn/registry"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/audit"
	"github.com/tillid/tillid/broker/ledger"
	"github.com/tillid/tillid/broker/memstore"
	"github.com/tillid/tillid/broker/redisstore"
	"github.com/tillid/tillid/broker/sqlstore"
)

// storage is where the short-lived records are.
type storage struct {
	store broker.Store
	ping  func(context.Context) error
	close func() error
}

// inMemory is the address of records that are gone when the process ends. Only the dev profile takes it.
const inMemory = "memory"

// openStorage opens the store that an address names, by its scheme.
func openStorage(ctx context.Context, p plan) (storage, error) {
	scheme, _, _ := strings.Cut(p.store, ":")
	switch {
	case p.store == "":
		return storeIn(p, p.db, func() error { return nil })
	case p.store == inMemory:
		s, err := memstore.New(memstore.Config{Now: p.now})
		return storage{s, func(context.Context) error { return nil }, func() error { return nil }}, err
	case strings.HasPrefix(scheme, "redis"):
		return storeInRedis(ctx, p)
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: p.store, Readers: readers()})
	if err != nil {
		return storage{}, err
	}
	if err := migrate(ctx, db, part{sqlstore.Component, sqlstore.Migrations()}); err != nil {
		return storage{}, errors.Join(err, db.Close())
	}
	return storeIn(p, db, db.Close)
}

func storeIn(p plan, db *sqldb.DB, closeDB func() error) (storage, error) {
	s, err := sqlstore.New(sqlstore.Config{DB: db, Now: p.now})
	return storage{s, db.Ping, closeDB}, err
}

func storeInRedis(ctx context.Context, p plan) (storage, error) {
	client, err := redisstore.Dial(p.store)
	if err != nil {
		return storage{}, err
	}
	client.AddHook(roundTrips{p.metrics.storeTrips})
	s, err := redisstore.New(ctx, redisstore.Config{Client: client, Now: p.now, Replicas: p.replicas, InsecureAnyPolicy: p.test})
	if err != nil {
		return storage{}, errors.Join(err, client.Close())
	}
	return storage{s, s.Check, client.Close}, nil
}

// readers is how many connections read a database at once. A read takes some microseconds and does not wait, so that one for
// each processor serves everybody, and each costs about a megabyte; at least two, so that a long export leaves one.
func readers() int { return max(2, runtime.GOMAXPROCS(0)) }

// part is one package's share of the database.
type part struct {
	component string
	files     fs.FS
}

// parts are all packages that keep something in the database of the registry.
func parts() []part {
	return []part{
		{registry.Component, registry.Migrations()},
		{audit.Component, audit.Migrations()},
		{ledger.Component, ledger.Migrations()},
		{sqlstore.Component, sqlstore.Migrations()},
	}
}

// migrate applies what is missing.
func migrate(ctx context.Context, db *sqldb.DB, parts ...part) error {
	for _, p := range parts {
		if err := db.Migrate(ctx, p.component, p.files); err != nil {
			return err
		}
	}
	return nil
}

// pending names what migrate would apply.
func pending(ctx context.Context, db *sqldb.DB, parts ...part) ([]string, error) {
	var out []string
	for _, p := range parts {
		names, err := db.Pending(ctx, p.component, p.files)
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			out = append(out, p.component+"/"+n)
		}
	}
	return out, nil
}

// derive makes a key of its own for one use out of a secret (RFC 5869).
func derive(secret []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "tillid cmd "+use, 32)
	if err != nil {
		panic(fmt.Sprintf("32 octets of SHA-256 are always to be had: %v", err))
	}
	return key
}

// exists reports whether a database file is there, so that reading commands do not make one.
func exists(address string) error {
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok || path == ":memory:" {
		return nil
	}
	_, err := os.Stat(path)
	return err
}
