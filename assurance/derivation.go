package assurance

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Derivation is the levels of one login with the reason for each: what is shown to whoever asks why, and what the
// audit log keeps. The zero Derivation asserts nothing.
type Derivation struct {
	IAL Basis // how the identity was proofed
	AAL Basis // what the person authenticated with
	FAL Basis // the broker that limits the chain
}

// Basis is the level on one axis and why it is that level.
type Basis struct {
	Level Level `json:"level"`
	// Reason is a few words without a full stop: "proofed at the desk", "app + PIN", "this broker", or the name of an
	// upstream broker. It is public text: no CPR number in it.
	Reason string `json:"reason,omitempty"`
}

// Levels returns the three levels without their reasons.
func (d Derivation) Levels() Levels {
	return Levels{IAL: d.IAL.Level, AAL: d.AAL.Level, FAL: d.FAL.Level}
}

// LoA is the level of assurance that may be asserted, the weakest of the three (NSIS 6.2).
func (d Derivation) LoA() Level { return d.Levels().LoA() }

// Under returns d as asserted by broker, whose Reason is its name ("this broker"). It becomes the basis of FAL when it
// is weaker than what the chain had; otherwise the earlier broker remains the limit.
func (d Derivation) Under(broker Basis) Derivation {
	if broker.Level.reached() < d.FAL.Level.reached() {
		d.FAL = broker
	}
	return d
}

// Limits returns the axes that hold the LoA down: all whose level is the LoA. It is empty at High, where nothing is
// held down.
func (d Derivation) Limits() []Axis {
	loa := d.LoA()
	if loa == High {
		return nil
	}
	var axes []Axis
	for _, a := range d.axes() {
		if a.basis.Level.reached() == loa {
			axes = append(axes, a.axis)
		}
	}
	return axes
}

type axisBasis struct {
	axis  Axis
	basis Basis
}

// String returns "IAL=High (proofed at the desk)".
func (a axisBasis) String() string {
	if a.basis.Reason == "" {
		return fmt.Sprintf("%s=%v", a.axis, a.basis.Level)
	}
	return fmt.Sprintf("%s=%v (%s)", a.axis, a.basis.Level, a.basis.Reason)
}

func (d Derivation) axes() [3]axisBasis {
	return [...]axisBasis{{IAL, d.IAL}, {AAL, d.AAL}, {FAL, d.FAL}}
}

// String returns the LoA and what it follows from, such as "Substantial because IAL=High (proofed at the desk),
// AAL=Substantial (app + PIN), FAL=Substantial (this broker)".
func (d Derivation) String() string {
	a := d.axes()
	return fmt.Sprintf("%v because %v, %v, %v", d.LoA(), a[0], a[1], a[2])
}

// Refusal returns why d does not satisfy a, in one sentence without a full stop that names every axis that was the
// limit; where that is the broker itself it says so. It is "" when d satisfies a.
func (d Derivation) Refusal(a Ask) string {
	err := a.Check(d.Levels())
	if err == nil {
		return ""
	}
	short := err.(*ShortfallError) // the only error that Check has
	if short.Wanted == (Minimum{}) {
		return fmt.Sprintf("an unknown level is required, but %v", d)
	}
	if short.Comparison != AtLeast {
		return fmt.Sprintf("%s%v is required, but %v", short.Comparison.prefix(), short.Wanted, d)
	}
	ial, aal := short.Wanted.Needs()
	var limits []string
	for i, need := range [...]Level{ial, aal, short.Wanted.LoA} {
		if b := d.axes()[i]; b.basis.Level.reached() < need {
			limits = append(limits, b.String())
		}
	}
	text := fmt.Sprintf("%v is required, but %v was reached: limited by %s", short.Wanted, d.LoA(), strings.Join(limits, " and "))
	if short.BrokerLimited() {
		name := d.FAL.Reason
		if name == "" {
			name = "the broker"
		}
		text += fmt.Sprintf("; whoever logs in, no more than %v can be asserted through %s", d.FAL.Level.reached(), name)
	}
	return text
}

// record is a Derivation in JSON.
type record struct {
	LoA    Level  `json:"loa"`
	IAL    Basis  `json:"ial"`
	AAL    Basis  `json:"aal"`
	FAL    Basis  `json:"fal"`
	Limits []Axis `json:"limits,omitempty"`
}

// MarshalJSON writes the three bases, and, for whoever reads the log without this package, the LoA and the axes that
// limit it. A value outside the levels is an error.
func (d Derivation) MarshalJSON() ([]byte, error) {
	return json.Marshal(record{LoA: d.LoA(), IAL: d.IAL, AAL: d.AAL, FAL: d.FAL, Limits: d.Limits()})
}

// UnmarshalJSON reads what MarshalJSON wrote. A LoA that does not follow from the three axes is an error, since such a
// record was not written here or was changed; d is then left as it was.
func (d *Derivation) UnmarshalJSON(data []byte) error {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	read := Derivation{IAL: r.IAL, AAL: r.AAL, FAL: r.FAL}
	if r.LoA != read.LoA() {
		return fmt.Errorf("assurance: LoA %v does not follow from %v", r.LoA, read)
	}
	*d = read
	return nil
}
