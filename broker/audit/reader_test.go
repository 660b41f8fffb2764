package audit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/authn/sqldb/sqltest"
	"github.com/tillid/tillid/broker"
)

func TestReaderRefusesWhatNoExportHolds(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	must(t, b.open().Close(t.Context()))
	genuine := string(b.export())
	for name, in := range map[string]string{
		"empty":           "",
		"no end":          genuine[:strings.LastIndex(genuine, `{"end"`)],
		"goes on":         genuine + genuine,
		"no last newline": strings.TrimSuffix(genuine, "\n"),
		"key in capitals": strings.Replace(genuine, `"seq"`, `"SEQ"`, 1),
		"key twice":       strings.Replace(genuine, `"seq":1`, `"seq":1,"seq":1`, 1),
		"unknown key":     strings.Replace(genuine, `"seq":1`, `"seq":1,"x":1`, 1),
		"white space":     strings.Replace(genuine, `"seq":1`, `"seq": 1`, 1),
		"another zone":    strings.Replace(genuine, `Z","prev"`, `+00:00","prev"`, 1),
		"two records":     strings.Replace(genuine, "}\n{", "}{", 1),
		"too long":        strings.Repeat("x", maxRecord+1) + "\n" + genuine,
		"no record":       "{}\n" + genuine,
		"a byte order":    "\ufeff" + genuine,
	} {
		var f *Fault
		if _, err := VerifyExport(t.Context(), strings.NewReader(in), b.check()); !errors.As(err, &f) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VerifyExport(t.Context(), strings.NewReader(genuine), b.check()); err != nil {
		t.Errorf("the benign twin: %v", err)
	}
	broken := errors.New("broken pipe")
	var f *Fault
	_, err := VerifyExport(t.Context(), io.MultiReader(strings.NewReader(genuine), errReader{broken}), b.check())
	if !errors.Is(err, broken) || errors.As(err, &f) {
		t.Errorf("a reader that fails is no fault of the log: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := VerifyExport(ctx, strings.NewReader(genuine), b.check()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// An anchor that is no checkpoint of ours would make any log pass.
func TestAnchorMustBeGenuine(t *testing.T) {
	b := newBench(t, sqltest.Memory)
	must(t, b.open().Close(t.Context()))
	anchor := b.verify().Anchors[0]
	anchor.Seq++
	if _, err := Verify(t.Context(), b.db, b.check(anchor)); err == nil {
		t.Error("a changed anchor was taken")
	}
}

// Whatever is made of an export, the reader accepts it only if it is the export.
func FuzzVerifyExport(f *testing.F) {
	b := newBench(f, sqltest.Memory)
	history(f, b)
	genuine := b.export()
	report, err := VerifyExport(context.Background(), bytes.NewReader(genuine), b.check())
	if err != nil {
		f.Fatal(err)
	}
	check := b.check(report.Anchors...)
	f.Add(genuine)
	f.Add([]byte(nil))
	for _, line := range bytes.SplitAfter(genuine, []byte("\n")) {
		f.Add(line)
		f.Add(bytes.Replace(genuine, line, nil, 1))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		report, err := VerifyExport(context.Background(), bytes.NewReader(in), check)
		var fault *Fault
		switch {
		case err == nil && !bytes.Equal(in, genuine):
			t.Errorf("a forged export was accepted: %+v", report)
		case err != nil && !errors.As(err, &fault):
			t.Errorf("an error that is no fault: %v", err)
		}
	})
}

func ExampleVerify() {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: "sqlite::memory:"})
	must(err)
	defer db.Close()
	must(db.Migrate(ctx, Component, Migrations()))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	log, err := Open(ctx, Config{DB: db, Signer: key})
	must(err)
	must(log.Record(ctx, broker.Line{Event: "issued", Party: "demo"}, broker.Line{Event: "issued", Party: "shop"}))
	must(log.Close(ctx))

	report, err := Verify(ctx, db, Check{Keys: []crypto.PublicKey{key.Public()}})
	fmt.Println(report.Lines, "lines,", report.Unsigned, "unsigned,", err)
	anchors := report.Anchors // to be kept elsewhere

	must(db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM audit_entries WHERE seq = 2`)
		return err
	}))
	_, err = Verify(ctx, db, Check{Keys: []crypto.PublicKey{key.Public()}, Anchors: anchors})
	var fault *Fault
	fmt.Println(errors.As(err, &fault), fault.Seq, fault.Reason)
	// Output:
	// 3 lines, 0 unsigned, <nil>
	// true 2 the line is missing or out of order; line 3 follows line 1
}

func BenchmarkRecord(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			bench := newBench(b, sqltest.File(b))
			l := bench.open()
			line := broker.Line{Event: "issued", Transaction: "t", Party: "demo", Person: "p", Check: "sso", Outcome: "code"}
			b.ReportAllocs()
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			done := make(chan error, writers)
			b.ResetTimer()
			for range writers {
				go func() {
					var err error
					for range left {
						err = errors.Join(err, l.Record(context.Background(), line))
					}
					done <- err
				}()
			}
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNote(b *testing.B) {
	l := newBench(b, sqltest.Memory).open()
	line := broker.Line{Event: "issued", Transaction: "t", Party: "demo", Person: "p", Check: "sso", Outcome: "code"}
	b.ReportAllocs()
	for b.Loop() {
		err := l.Note(line)
		if errors.Is(err, broker.ErrUnavailable) { // full
			b.StopTimer()
			err = l.Record(context.Background())
			b.StartTimer()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
