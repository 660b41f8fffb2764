package authn

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// UserIDRule says which user IDs a scheme accepts.
type UserIDRule struct {
	Min, Max int    // length in characters
	Alphabet string // permitted characters, after lower-casing
	AllowCPR bool   // NemID allowed a CPR number as user ID, MitID forbids it (seeds/000)
}

// Normalise returns the form of a user ID under which it is stored and looked up, or an error that says which rule it
// breaks and does not hold the input. User IDs are case-insensitive; one that begins or ends with a space is refused, as
// is a CPR number, with or without its hyphen, and any other ten digits where the scheme forbids CPR numbers.
func (r UserIDRule) Normalise(s string) (string, error) {
	// The longest character of the alphabet has four octets; whatever is longer needs no normalising to be refused.
	if len(s) > 4*max(r.Max, 0) || !utf8.ValidString(s) {
		return "", fmt.Errorf("authn: a user ID has at most %d characters", r.Max)
	}
	s = norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	if n := utf8.RuneCountInString(s); n < max(r.Min, 1) || n > r.Max {
		return "", fmt.Errorf("authn: a user ID has %d to %d characters", r.Min, r.Max)
	}
	for _, c := range s {
		if !strings.ContainsRune(r.Alphabet, c) {
			return "", errors.New("authn: a user ID has a character that is not permitted")
		}
	}
	if strings.TrimSpace(s) != s {
		return "", errors.New("authn: a user ID neither begins nor ends with a space")
	}
	if bare := strings.Map(dropSeparators, s); !r.AllowCPR && len(bare) == 10 && digits(bare) == 10 {
		return "", errors.New("authn: a user ID is not a CPR number")
	}
	return s, nil
}

func dropSeparators(c rune) rune {
	if c == '-' || c == ' ' {
		return -1
	}
	return c
}

// PasswordRule says which passwords a scheme accepts.
type PasswordRule struct {
	Min, Max      int    // length in characters
	AlphabetOnly  string // permitted characters; empty permits all
	CaseSensitive bool
	ForbidUserID  bool     // the user ID may not be part of the password
	MaxDigits     int      // digits in a row; zero is no limit. MitID forbids ten, the length of a CPR number
	Forbidden     []string // lower-case words and keyboard rows that may not be part of the password
}

// Normalise returns the form of a password that is hashed: NFC, because a keyboard may send the same letter in two
// ways, and lower-case where the scheme does not tell cases apart.
func (r PasswordRule) Normalise(password string) string {
	password = norm.NFC.String(password)
	if !r.CaseSensitive {
		password = norm.NFC.String(strings.ToLower(password))
	}
	return password
}

// Check reports every rule that a new password breaks, at once; the error never holds the password. The user ID is the
// normalised one. Check is for choosing a password, not for proving one.
func (r PasswordRule) Check(password, userID string) error {
	if !utf8.ValidString(password) {
		return errors.New("authn: a password is text in UTF-8")
	}
	password = r.Normalise(password)
	var errs []error
	if n := utf8.RuneCountInString(password); n < r.Min || n > r.Max {
		errs = append(errs, fmt.Errorf("authn: a password has %d to %d characters", r.Min, r.Max))
	}
	if r.AlphabetOnly != "" && strings.ContainsFunc(password, func(c rune) bool { return !strings.ContainsRune(r.AlphabetOnly, c) }) {
		errs = append(errs, errors.New("authn: the password has a character that is not permitted"))
	}
	lower := strings.ToLower(password)
	if r.ForbidUserID && userID != "" && strings.Contains(lower, userID) {
		errs = append(errs, errors.New("authn: the password contains the user ID"))
	}
	if r.MaxDigits > 0 && digits(password) > r.MaxDigits {
		errs = append(errs, fmt.Errorf("authn: the password has more than %d digits in a row", r.MaxDigits))
	}
	for _, f := range r.Forbidden {
		if strings.Contains(lower, f) {
			errs = append(errs, errors.New("authn: the password contains a common word or a row of keys"))
			break
		}
	}
	return errors.Join(errs...)
}

// digits is the length of the longest row of ASCII digits in s.
func digits(s string) (longest int) {
	row := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			row = 0
			continue
		}
		row++
		longest = max(longest, row)
	}
	return longest
}

// PINRule says how long PINs are. They are checked by the device, never by the server.
type PINRule struct {
	Digits    int // of the PIN that the holder chooses for an app
	Temporary int // of the one sent by SMS to activate or reset it
}

// Check reports whether pin has the length of a chosen PIN and consists of digits.
func (r PINRule) Check(pin string) error {
	if len(pin) != r.Digits || digits(pin) != r.Digits {
		return fmt.Errorf("authn: a PIN has %d digits", r.Digits)
	}
	return nil
}
