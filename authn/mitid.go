package authn

import "github.com/tillid/tillid/assurance"

// MitIDOptions settles what the sources of the MitID scheme contradict each other about or leave open. Where they
// disagree about a level, the zero value is the lower one.
type MitIDOptions struct {
	// AppEnhancedAlone is what an app enrolled at level High is worth with PIN or biometrics and nothing else. The
	// documentation of Idura Verify says High, mitid.dk says that High takes two authenticators. Zero is Substantial.
	AppEnhancedAlone assurance.Level
	// AppWithChip is what an unlocked ordinary app is worth together with the chip. It is offered where Substantial is
	// asked for; no source says that it is High. Zero is Substantial.
	AppWithChip assurance.Level
	// UserIDMin is the length of the shortest user ID. Zero is 5, as mitid.dk says.
	UserIDMin int
}

// MitID is the scheme of MitID (seeds/000, seeds/003, and the help pages of mitid.dk). In combinations of a one-time code
// and a password the code is asked for first, so that whoever guesses at passwords must hold the device.
func MitID(o MitIDOptions) Scheme {
	if o.AppEnhancedAlone == assurance.None {
		o.AppEnhancedAlone = assurance.Substantial
	}
	if o.AppWithChip == assurance.None {
		o.AppWithChip = assurance.Substantial
	}
	if o.UserIDMin == 0 {
		o.UserIDMin = 5
	}
	password, chip, code, audio := Use{Kind: Password}, Use{Kind: Chip}, Use{Kind: CodeDisplay}, Use{Kind: AudioReader}
	app, unlocked := Use{Kind: App}, Use{Kind: App, Unlocked: true}
	enhanced, enhancedUnlocked := Use{Kind: AppEnhanced}, Use{Kind: AppEnhanced, Unlocked: true}
	return Scheme{
		Name:  "mitid",
		Title: "MitID",
		Kinds: []Kind{App, AppEnhanced, CodeDisplay, AudioReader, Chip, Password},
		Combinations: []Combination{
			{[]Use{password}, assurance.Low, "password"},
			{[]Use{chip}, assurance.Low, "chip"},
			{[]Use{app}, assurance.Low, "app, swiped"},
			{[]Use{enhanced}, assurance.Low, "enhanced app, swiped"},
			{[]Use{unlocked}, assurance.Substantial, "app + PIN or biometrics"},
			{[]Use{code, password}, assurance.Substantial, "code display + password"},
			{[]Use{audio, password}, assurance.Substantial, "audio code reader + password"},
			{[]Use{unlocked, chip}, o.AppWithChip, "app + PIN or biometrics + chip"},
			{[]Use{enhancedUnlocked}, o.AppEnhancedAlone, "enhanced app + PIN or biometrics"},
			{[]Use{password, chip}, assurance.High, "password + chip"},
			{[]Use{enhancedUnlocked, chip}, assurance.High, "enhanced app + PIN or biometrics + chip"},
		},
		UserIDs: UserIDRule{Min: o.UserIDMin, Max: 48, Alphabet: "abcdefghijklmnopqrstuvwxyzæøå0123456789{}!#$^,*()_+-=:;?.@ "},
		Passwords: PasswordRule{Min: 8, Max: 64, CaseSensitive: true, ForbidUserID: true, MaxDigits: 9, Forbidden: []string{
			"password", "adgangskode", "kodeord", "qwertyui", "asdfghjk", "abc12345",
		}},
		PINs:       PINRule{Digits: 6, Temporary: 8},
		MinimumAge: 13,
		MaxApps:    3,
		Usual: [][]Kind{
			{App}, {App, Password}, {CodeDisplay, Password}, {App, CodeDisplay, Password}, {App}, {AudioReader, Password},
			{App, CodeDisplay, Password}, {CodeDisplay, Password},
		},
	}
}
