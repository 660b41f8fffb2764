package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
	"github.com/tillid/tillid/broker/memstore"
)

// A yardstick is one operation that every implementation of a login would have to carry out, repeated in a process of its
// own, whose processor time is the measure.

const (
	yardstickArgument = "-yardstick"
	// together is how many do something at the same time, in logins and in yardsticks.
	together = 4
	// recordSize is that of a transaction or session, sealed.
	recordSize = 1536
	// lineSize is that of a line in the audit log.
	lineSize = 300
)

// yardstick runs one in a child and returns the processor time of one operation.
func yardstick(ctx context.Context, name string, times int, place string) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, self, yardstickArgument, name, strconv.Itoa(times), place)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("yardstick %s: %w", name, err)
	}
	var took time.Duration
	if err := json.Unmarshal(out, &took); err != nil {
		return 0, fmt.Errorf("yardstick %s: %w", name, err)
	}
	return took, nil
}

// runYardstick is the child. The bare server serves until it is stopped; all others print the time that they used.
func runYardstick(name string, args []string) error {
	if name == "bare" {
		return serveBare()
	}
	if len(args) != 2 {
		return errors.New("a yardstick takes how often and where")
	}
	times, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	prepare, ok := yardsticks[name]
	if !ok {
		return fmt.Errorf("there is no yardstick %q", name)
	}
	s, err := prepare(context.Background(), args[1])
	if err != nil {
		return err
	}
	if _, err := repeat(max(together, times/10), s.do); err != nil {
		return err
	}
	count := func() uint64 { return 0 }
	if s.count != nil {
		count = s.count
	}
	var least time.Duration
	for range repetitions {
		before := count()
		took, e := repeat(times, s.do)
		if err = errors.Join(err, e); err != nil {
			break
		}
		done := times
		if s.count != nil {
			done = int(count() - before)
		}
		if one := took / time.Duration(done); least == 0 || one < least {
			least = one
		}
	}
	if s.close != nil {
		err = errors.Join(err, s.close())
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(least)
}

// repeat carries an operation out in several goroutines and returns the processor time that the process used.
func repeat(times int, operation func(i int) error) (time.Duration, error) {
	before, err := used()
	if err != nil {
		return 0, err
	}
	errs := make([]error, together)
	var all sync.WaitGroup
	for w := range together {
		all.Go(func() {
			for i := w; i < times && errs[w] == nil; i += together {
				errs[w] = operation(i)
			}
		})
	}
	all.Wait()
	after, err := used()
	return after - before, errors.Join(append(errs, err)...)
}

func used() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// stick is a prepared yardstick.
type stick struct {
	do    func(i int) error
	count func() uint64 // of what was done where that is not one for each call; may be nil
	close func() error  // may be nil
}

var yardsticks = map[string]func(ctx context.Context, place string) (stick, error){
	"memory": prepareMemory, "redis": prepareRedis, "commit": prepareCommit, "argon2id": preparePassword,
	"sign ES256": prepareES256, "sign RS256": prepareRS256, "verify ES256": prepareVerify,
}

// serveBare answers two bytes to everything.
func serveBare() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", l.Addr())
	s := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok")) // the client is ours
	})}
	return s.Serve(l)
}

// prepareRedis is one command there and its answer back: by turns a record written and read.
func prepareRedis(ctx context.Context, place string) (stick, error) {
	o, err := redis.ParseURL(place)
	if err != nil {
		return stick{}, err
	}
	client := redis.NewClient(o)
	value := make([]byte, recordSize)
	return stick{do: func(i int) error {
		key := fmt.Sprintf("yardstick:%d", i/2%1000)
		if i/together%2 == 0 {
			return client.Set(ctx, key, value, time.Minute).Err()
		}
		if err := client.Get(ctx, key).Err(); !errors.Is(err, redis.Nil) {
			return err
		}
		return nil
	}, close: client.Close}, nil
}

func prepareMemory(ctx context.Context, _ string) (stick, error) {
	store, err := memstore.New(memstore.Config{})
	if err != nil {
		return stick{}, err
	}
	value := make([]byte, recordSize)
	for i := range 1000 {
		if err := store.Create(ctx, broker.Record{Key: strconv.Itoa(i), Value: value, Expires: time.Now().Add(time.Hour)}); err != nil {
			return stick{}, err
		}
	}
	return stick{do: func(i int) error {
		r, err := store.Get(ctx, strconv.Itoa(i%1000))
		if err != nil || i/together%2 == 0 {
			return err
		}
		if _, err = store.Update(ctx, r); errors.Is(err, broker.ErrConflict) {
			return nil // another one was between, which costs as much
		}
		return err
	}}, nil
}

// prepareCommit makes lines of the length of an audit line durable. It counts the commits: as in the server, several lines
// that wait share one.
func prepareCommit(ctx context.Context, place string) (stick, error) {
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite:" + place})
	if err != nil {
		return stick{}, err
	}
	err = db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS yardstick (id INTEGER PRIMARY KEY, line BLOB NOT NULL)")
		return err
	})
	line := make([]byte, lineSize)
	return stick{do: func(int) error {
		return db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO yardstick (line) VALUES (?)", line)
			return err
		})
	}, count: func() uint64 { return db.Stats().Commits }, close: db.Close}, err
}

func preparePassword(ctx context.Context, _ string) (stick, error) {
	passwords, err := authn.NewPasswords(authn.PasswordConfig{})
	if err != nil {
		return stick{}, err
	}
	verifier, err := passwords.Hash(ctx, simulator.Password)
	return stick{do: func(int) error {
		turn, err := passwords.Begin(ctx)
		if err != nil {
			return err
		}
		defer turn.Abandon()
		_, err = turn.Finish(verifier, simulator.Password)
		return err
	}}, err
}

func prepareES256(context.Context, string) (stick, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return stick{do: signing(key)}, err
}

// prepareRS256 signs with a key of so many bits.
func prepareRS256(_ context.Context, bits string) (stick, error) {
	n, err := strconv.Atoi(bits)
	if err != nil {
		return stick{}, err
	}
	key, err := rsa.GenerateKey(rand.Reader, n)
	return stick{do: signing(key)}, err
}

func signing(key crypto.Signer) func(int) error {
	return func(i int) error {
		digest := sha256.Sum256([]byte(strconv.Itoa(i)))
		_, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	}
}

func prepareVerify(context.Context, string) (stick, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return stick{}, err
	}
	digest := sha256.Sum256([]byte("yardstick"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	return stick{do: func(int) error {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			return errUnexpected
		}
		return nil
	}}, err
}
