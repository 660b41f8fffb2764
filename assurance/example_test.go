package assurance_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tillid/tillid/assurance"
)

// The level of assurance is the weakest of three things.
func ExampleLevels_LoA() {
	login := assurance.Levels{IAL: assurance.High, AAL: assurance.Substantial, FAL: assurance.High}
	fmt.Println(login.LoA())
	fmt.Println(login.Under(assurance.Low).LoA())
	// Output:
	// Substantial
	// Low
}

// A person who could do better, behind a broker that cannot.
func ExampleMinimum_Check() {
	high := assurance.Minimum{LoA: assurance.High}
	err := high.Check(assurance.Levels{IAL: assurance.High, AAL: assurance.High, FAL: assurance.Substantial})
	var short *assurance.ShortfallError
	fmt.Println(errors.As(err, &short), short)
	fmt.Println(short.BrokerLimited())
	// Output:
	// true assurance: LoA is Substantial, High is required
	// true
}

// What acr_values asks for is read in order; what the relying party registered holds whatever it asks for.
func ExampleAsk_Pick() {
	ask := assurance.Ask{
		Floor:        assurance.Minimum{LoA: assurance.Substantial},
		Alternatives: []assurance.Minimum{{LoA: assurance.High}, {LoA: assurance.Low}},
	}
	fmt.Println(ask.Least())
	fmt.Println(ask.Pick(assurance.Levels{IAL: assurance.High, AAL: assurance.Substantial, FAL: assurance.High}))
	fmt.Println(ask.Pick(assurance.Levels{IAL: assurance.High, AAL: assurance.Low, FAL: assurance.High}))
	// Output:
	// Substantial
	// 1 <nil>
	// -1 assurance: LoA is Low, Substantial is required
}

// A request that nobody can satisfy is known before anybody logs in.
func ExampleAsk_Validate() {
	ask := assurance.Ask{
		Floor:        assurance.Minimum{LoA: assurance.Substantial},
		Alternatives: []assurance.Minimum{{LoA: assurance.Low}},
		Comparison:   assurance.Exact,
	}
	fmt.Println(ask.Validate())
	// Output:
	// assurance: nothing that meets the floor Substantial is also exactly [Low]
}

// Answering in the dialect that was asked in.
func ExampleRecognise() {
	level, dialect, ok := assurance.Recognise("urn:grn:authn:dk:mitid:high")
	fmt.Println(level, dialect, ok)
	answer, _ := dialect.Spell(assurance.Substantial)
	fmt.Println(answer)

	level, _, ok = assurance.Recognise("https://data.gov.dk/concept/core/nsis/loa/Medium")
	fmt.Println(level, ok)
	// Output:
	// High idura true
	// urn:grn:authn:dk:mitid:substantial
	// None false
}

// A service that calls High 4.
func ExampleNumberPolicy() {
	fmt.Println(assurance.AssuranceLevel.Spell(assurance.High))
	four := assurance.NumberPolicy{High: 4}
	fmt.Println(four.Spell(assurance.AssuranceLevel, assurance.High))
	fmt.Println(four.Recognise("urn:dk:gov:saml:attribute:AssuranceLevel:4"))
	// Output:
	// 3 true
	// 4 true
	// High assurance-level-urn true
}

// Proofing at the desk with a passport: the level follows from what was done, and the assessment says what High lacks.
func ExampleScope_Assess() {
	evidence := assurance.Evidence{
		"3.1.1(1)": "terms handed out",
		"3.1.1(2)": "leaflet on safe use handed out",
		"3.1.1(3)": "name, date of birth and address recorded",
		"3.1.1(4)": "terms signed",
		"3.1.2(1)": "procedure for the desk, version 4",
		"3.1.2(3)": "passport valid",
		"3.1.2(4)": "passport shown",
		"3.1.2(5)": "chip signature verified",
		"3.1.2(6)": "looked up in the person register and in the register of lost passports",
		"3.1.2(7)": "clerk trained in document fraud",
		"3.1.2(8)": "clerk logged in at Substantial",
	}
	a := assurance.NaturalPerson.Assess(evidence)
	fmt.Println(a.Level, a.Missing)
	fmt.Println(a.Basis("proofed at the desk with passport"))
	// Output:
	// Substantial [3.1.2(9) 3.1.2(10) 3.1.2(11)]
	// {Substantial proofed at the desk with passport}
}

// Every level can be explained, in a sentence and in the audit log.
func ExampleDerivation() {
	login := assurance.Derivation{
		IAL: assurance.Basis{Level: assurance.High, Reason: "proofed at the desk"},
		AAL: assurance.Basis{Level: assurance.Substantial, Reason: "app + PIN"},
		FAL: assurance.Basis{Level: assurance.High, Reason: "the scheme"},
	}.Under(assurance.Basis{Level: assurance.Substantial, Reason: "this broker"})
	fmt.Println(login)
	line, _ := json.Marshal(login)
	fmt.Println(string(line))
	// Output:
	// Substantial because IAL=High (proofed at the desk), AAL=Substantial (app + PIN), FAL=Substantial (this broker)
	// {"loa":"Substantial","ial":{"level":"High","reason":"proofed at the desk"},"aal":{"level":"Substantial","reason":"app + PIN"},"fal":{"level":"Substantial","reason":"this broker"},"limits":["AAL","FAL"]}
}

// A refusal names what stood in the way, and says so when it is the broker.
func ExampleDerivation_Refusal() {
	login := assurance.Derivation{
		IAL: assurance.Basis{Level: assurance.High, Reason: "proofed at the desk"},
		AAL: assurance.Basis{Level: assurance.High, Reason: "password + chip"},
		FAL: assurance.Basis{Level: assurance.Substantial, Reason: "this broker"},
	}
	fmt.Println(login.Refusal(assurance.Ask{Floor: assurance.Minimum{LoA: assurance.High}}))
	// Output:
	// High is required, but Substantial was reached: limited by FAL=Substantial (this broker); whoever logs in, no more than Substantial can be asserted through this broker
}
