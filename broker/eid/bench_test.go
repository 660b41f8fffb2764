package eid

import (
	"testing"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/broker"
)

// BenchmarkAppApproval is a login by app without broker and database: start, claim, the phone's signature, answer, finish.
func BenchmarkAppApproval(b *testing.B) {
	w := open(b)
	emma := w.people["emma"]
	b.ReportAllocs()
	for b.Loop() {
		d := w.start(b, broker.Ask{Want: loa(assurance.Substantial), Hint: "emma"})
		if err := d.approve(b, emma, authn.UnlockPIN); err != nil {
			b.Fatal(err)
		}
		d.send(b).identity(b)
	}
}

// BenchmarkCode is a login with code display up to the password.
func BenchmarkCode(b *testing.B) {
	w := open(b)
	jens := w.people["jens"]
	at := now
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(authn.CodePeriod)
		w.start(b, broker.Ask{Want: loa(assurance.Substantial), Hint: "jens", Now: at}).
			send(b, "code", jens.CodeDisplay.Code(at)).expect(b, "password:password")
	}
}
