package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/authn"
)

// The secrets that every seeded person has. They are published, and so protect nobody.
const (
	Password      = "Prøve-kode-2026" // of MitID
	NemIDPassword = "Prove2026kode"   // NemID allows letters and digits only
	PIN           = "135790"          // of the apps
)

// Holder is a seeded person with what they hold, both as the registry is to know it and as they carry it.
type Holder struct {
	Person         authn.Person
	Scheme         string // of UserID: "mitid" or "nemid"
	UserID         string
	Authenticators []authn.Authenticator
	Phone          *Phone      // nil: none
	CodeDisplay    *CodeDevice // nil: none
	AudioReader    *CodeDevice // nil: none
	Chip           *Chip       // nil: none
	// Failed are wrong attempts in the shared lane, as instants at which to reserve one with the default limits, in order.
	// They make up the person who is paused for an hour.
	Failed []Failure
}

// Failure is one wrong attempt.
type Failure struct {
	Authenticator string
	At            time.Time
}

// Authenticator returns the person's authenticator of a kind; false when they hold none.
func (h Holder) Authenticator(k authn.Kind) (authn.Authenticator, bool) {
	i := slices.IndexFunc(h.Authenticators, func(a authn.Authenticator) bool { return a.Kind == k })
	if i < 0 {
		return authn.Authenticator{}, false
	}
	return h.Authenticators[i], true
}

// seed is one row of the table of seeded people.
type seed struct {
	userID, given, family string
	birth                 string // YYYY-MM-DD
	serial                string // the last four digits of the CPR number
	uuid                  string // MitID UUID
	ial                   assurance.Level
	proofing              string
	holds                 []authn.Kind
	hash                  string // of Password, made beforehand: hashing takes longer than the dev server may take to start
}

const (
	desk     = "proofed at the desk"
	passport = "proofed with passport"
	declared = "self-declared"
)

var seeds = [...]seed{
	{"anna", "Anna", "Andersen", "1985-05-17", "1234", "c5c4491a-3d05-4945-baf3-204caf0da78e", assurance.Substantial, passport,
		[]authn.Kind{authn.Password, authn.CodeDisplay, authn.App},
		"$argon2id$v=19$m=19456,t=2,p=1$e4S0A6cLpLZPdNDdBh/NDw$eQAwgNwd0lELIj0bFIDDfAx4jFbfTMEGIbee5ZpuiVA"},
	{"bo", "Bo", "Bertelsen", "1972-11-03", "1235", "d1c79bc4-10e9-4854-8539-4805dc1ecf62", assurance.High, desk,
		[]authn.Kind{authn.Password, authn.Chip, authn.AppEnhanced},
		"$argon2id$v=19$m=19456,t=2,p=1$JYdUPu1vIPC8fOw6Fx941Q$oS69ixOM9APi5uat/6N1IRPwosHS/JDDhKNR1XUp6I4"},
	{"carla", "Carla", "Christensen", "1990-02-21", "2346", "3aff9d35-f970-4b3a-bc97-822cd2b9f7ad", assurance.Substantial, desk,
		[]authn.Kind{authn.Password, authn.AudioReader},
		"$argon2id$v=19$m=19456,t=2,p=1$iVOF54m9Xy9K2Xk5bHPyXg$cb3BQjlnnatDgHnN3KX6Vl1tCO+KW4MqaMgCu99gtjI"},
	{"david", "David", "Dahl", "1998-07-09", "3457", "d509239e-5ae7-45d9-98c2-b08258b018ff", assurance.Low, declared,
		[]authn.Kind{authn.Password, authn.App},
		"$argon2id$v=19$m=19456,t=2,p=1$lqdUm0HiHKGoswhlCJ4e3w$f/NBsCjoF3oGRlhp3keZGm40qlBc288IOyZFbFTrYqM"},
	{"emma", "Emma", "Eriksen", "", "5678", "185c917f-1c65-4f20-af70-4483975625f6", assurance.Substantial, passport,
		[]authn.Kind{authn.App}, ""},
	{"frida", "Frida", "Frandsen", "1979-09-30", "1458", "f9769b3d-0823-4614-974b-2bc72cc8e84b", assurance.Substantial, desk,
		[]authn.Kind{authn.Password, authn.CodeDisplay},
		"$argon2id$v=19$m=19456,t=2,p=1$Tho72rT8CXkV6tizL2A7Ag$jpFkK5O6QyGWy+p5FumsI1PyuR2jhx0X0/MyLi58rI8"},
	{"gorm", "Gorm", "Gregersen", "1958-04-12", "0569", "", assurance.Substantial, desk, nil, ""},
	{"hanne", "Hanne", "Holm", "1965-12-24", "0672", "97645e20-99e7-479b-b15a-4d9398435eb4", assurance.Substantial, passport,
		[]authn.Kind{authn.App}, ""},
	{"ib", "Ib", "Iversen", "1949-08-06", "0783", "69030895-9d0c-4366-b79c-76671418a620", assurance.Substantial, desk, nil, ""},
	{"jens", "Jens", "Jacobsen", "1944-01-15", "0895", "81747c0b-f353-4d95-adeb-0ac3f104a2f4", assurance.Substantial, desk,
		[]authn.Kind{authn.Password, authn.CodeDisplay},
		"$argon2id$v=19$m=19456,t=2,p=1$u/okuAvE7zm+BKnAndjvwA$6klOOvFJ8RD1a7rm1TxoQMYQ1RqloXIzfpNJ3Q+ywfk"},
	{"karl", "Karl", "Kjær", "1988-06-28", "1907", "2e5812f7-86e1-47d4-ae02-18627b2b13e5", assurance.Substantial, passport,
		[]authn.Kind{authn.App, authn.Password, authn.CodeDisplay},
		"$argon2id$v=19$m=19456,t=2,p=1$joiLNs9ExlbXTfiG8jJvfA$7bra/jPu9ydQG3D0NQFPsNbQatIR99EZJfGAPnvBu/Y"},
	{"locked", "Lone", "Lund", "1993-03-11", "2018", "f1901f7b-0993-4c06-8b74-93fc158c82da", assurance.Substantial, passport,
		[]authn.Kind{authn.Password, authn.CodeDisplay},
		"$argon2id$v=19$m=19456,t=2,p=1$2T5hB2Wv84I1xk7U/3spRw$R20y1Uyro7c02uo37nbQeFwhRmL5SeYVa6OzeE0CmbQ"},
}

// People returns the seeded people of the dev profile in alphabetical order, with devices that have never been used.
// All are fictitious: the day of their CPR numbers is 60 too high. They are the same every time, but for those who depend
// on now: emma turns 14 on 1 January of the year, and the last of locked's wrong attempts is made now.
func People(now time.Time) ([]Holder, error) {
	var out []Holder
	var errs []error
	for _, s := range seeds {
		h, err := s.holder(now)
		if err != nil {
			errs = append(errs, fmt.Errorf("simulator: %s: %w", s.userID, err))
		}
		out = append(out, h)
	}
	return out, errors.Join(errs...)
}

func (s seed) holder(now time.Time) (Holder, error) {
	birth, err := authn.ParseDate(s.birth)
	if err != nil {
		return Holder{}, err
	}
	if s.birth == "" {
		birth = authn.Date{Year: now.Year() - 14, Month: time.January, Day: 1}
	}
	cpr, err := authn.ParseCPR(fmt.Sprintf("%02d%02d%02d%s", birth.Day+60, birth.Month, birth.Year%100, s.serial))
	if err != nil {
		return Holder{}, err
	}
	h := Holder{Scheme: "mitid", UserID: s.userID, Person: authn.Person{
		ID: authn.PersonID(identifier(s.userID)), State: authn.PersonActive, GivenName: s.given, FamilyName: s.family,
		BirthDate: birth, CPR: cpr, UUID: s.uuid, IAL: s.ial, Proofing: s.proofing,
		Protected: s.userID == "frida", Language: "da",
	}}
	if s.userID == "gorm" {
		h.Scheme = "nemid"
	}
	for _, k := range s.holds {
		if err := h.give(k, s.hash); err != nil {
			return Holder{}, err
		}
	}
	if s.userID == "locked" {
		// Nine attempts at an hour's distance, well past the day's limit's reach, and the tenth in a row now: the pause that
		// follows it is the longest one.
		for i := 35; i > 26; i-- {
			h.Failed = append(h.Failed, Failure{h.CodeDisplay.Authenticator, now.Add(-time.Duration(i) * time.Hour)})
		}
		h.Failed = append(h.Failed, Failure{h.CodeDisplay.Authenticator, now})
	}
	return h, nil
}

// give adds an authenticator of the kind, and the device that belongs to it.
func (h *Holder) give(k authn.Kind, hash string) error {
	label := h.UserID + "/" + string(k)
	a := authn.Authenticator{ID: identifier(label), Person: h.Person.ID, Kind: k, State: authn.Active,
		Created: time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)}
	var err error
	switch k {
	case authn.Password:
		a.Verifier = []byte(hash)
	case authn.CodeDisplay, authn.AudioReader:
		d := &CodeDevice{Authenticator: a.ID}
		if d.Seed, err = authn.NewCodeSeed(authn.SHA1, octets(label + "/seed")[:20]); err != nil {
			return err
		}
		a.Verifier = d.Seed.Verifier()
		if k == authn.CodeDisplay {
			h.CodeDisplay = d
		} else {
			h.AudioReader = d
		}
	case authn.App, authn.AppEnhanced, authn.Chip:
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), octets(label+"/key"))
		if err != nil {
			return err
		}
		if a.Verifier, err = authn.DeviceVerifier(&key.PublicKey); err != nil {
			return err
		}
		if k == authn.Chip {
			h.Chip = &Chip{Authenticator: a.ID, Credential: octets(label + "/credential"), Key: key}
			break
		}
		if h.Phone, err = NewPhone(PhoneConfig{}); err != nil {
			return err
		}
		h.Phone.Install(a.ID, key, PIN, 0)
	default:
		return fmt.Errorf("nothing is prepared for %s", k.Name())
	}
	h.Authenticators = append(h.Authenticators, a)
	return nil
}

// octets are 32 octets that are the same every time and unlike those of any other label.
func octets(label string) []byte {
	sum := sha256.Sum256([]byte("tillid simulator, not secret: " + label))
	return sum[:]
}

func identifier(label string) string {
	return uuid.NewHash(sha256.New(), uuid.Nil, octets(label), 8).String()
}
