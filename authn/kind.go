// Package authn is about what people hold and prove: persons, their authenticators, the schemes those belong to, and the
// ceremonies in which a person proves to hold one.
//
// It decides purely: nothing here opens a socket, reads a clock or stores a thing. Durable records are the business of
// authn/registry, the conversation with a browser that of broker and its connectors.
package authn

// Kind is a kind of authenticator (identifikationsmiddel). The set is closed; the values are the names used in forms
// and in the control interface of the dev profile.
type Kind string

// The authenticators of MitID (seeds/000, seeds/003) and of NemID (seeds/001).
const (
	App         Kind = "app"          // MitID app: a key in the phone, unlocked by PIN or biometrics, or swiped only
	AppEnhanced Kind = "app_enhanced" // MitID app enrolled at level High with a hardware-backed key
	CodeDisplay Kind = "code_display" // kodeviser: shows a one-time code
	AudioReader Kind = "audio_reader" // kodeoplæser: reads a one-time code aloud
	Password    Kind = "password"     // adgangskode
	Chip        Kind = "chip"         // MitID chip: a WebAuthn security key
	KeyCard     Kind = "key_card"     // nøglekort: 148 printed single-use keys
	KeyApp      Kind = "key_app"      // nøgleapp
	KeyViewer   Kind = "key_viewer"   // nøgleviser
)

// Factor is a category of proof (NSIS 2.0.2a section 3.2.1): two factors count as two only if their categories differ.
type Factor string

// The three categories.
const (
	Knowledge  Factor = "knowledge"
	Possession Factor = "possession"
	Inherence  Factor = "inherence"
)

// Use is one authenticator as it was used in an authentication.
type Use struct {
	Kind Kind `json:"kind"`
	// Unlocked says that the device itself checked a second factor, a PIN or biometrics, before it answered. False is a
	// swipe alone. It means nothing for kinds that have no lock of their own.
	Unlocked bool `json:"unlocked,omitempty"`
}

// Name is what the kind is called in an English sentence, such as "code display". A kind that is not in the set is called
// by its value.
func (k Kind) Name() string {
	switch k {
	case App:
		return "app"
	case AppEnhanced:
		return "enhanced app"
	case CodeDisplay:
		return "code display"
	case AudioReader:
		return "audio code reader"
	case Password:
		return "password"
	case Chip:
		return "chip"
	case KeyCard:
		return "key card"
	case KeyApp:
		return "key app"
	case KeyViewer:
		return "key viewer"
	}
	return string(k)
}

// Factor is the category of the kind itself, "" for one that is not in the set. Whatever unlocks a device adds a category
// of its own.
func (k Kind) Factor() Factor {
	switch k {
	case Password:
		return Knowledge
	case App, AppEnhanced, CodeDisplay, AudioReader, Chip, KeyCard, KeyApp, KeyViewer:
		return Possession
	}
	return ""
}

// lockable reports whether the device can check a second factor, so that Unlocked means something.
func (k Kind) lockable() bool { return k == App || k == AppEnhanced || k == KeyApp }

// factors counts the categories that u stands for by itself: the lock of a device is always of another category than
// having the device.
func (u Use) factors() int {
	if u.Unlocked && u.Kind.lockable() {
		return 2
	}
	return 1
}

// covers reports whether having used u proves everything that having used w would.
func (u Use) covers(w Use) bool { return u.Kind == w.Kind && (u.Unlocked || !w.Unlocked) }
