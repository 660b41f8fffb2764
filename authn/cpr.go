package authn

import (
	"encoding"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// CPR is a Danish civil registration number (CPR-nummer), ten digits. It masks itself wherever it could leak: in formatted
// text, in JSON and in logs. Reveal is the only way out. The zero value means that the person has no number.
//
// Private parties may process the number only on a legal basis of their own (databeskyttelsesloven section 11).
type CPR struct{ digits string }

const masked = "######-####"

var (
	_ fmt.Formatter          = CPR{}
	_ slog.LogValuer         = CPR{}
	_ encoding.TextMarshaler = CPR{}
)

// ParseCPR reads ten digits, with or without a hyphen after the sixth. The day may carry the 60 that marks fictitious
// numbers. The check digit is not required: numbers without it have been issued since 2007. The error never holds the input.
func ParseCPR(s string) (CPR, error) {
	if len(s) == 11 && s[6] == '-' {
		s = s[:6] + s[7:]
	}
	if len(s) != 10 {
		return CPR{}, fmt.Errorf("authn: a CPR number has ten digits")
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return CPR{}, fmt.Errorf("authn: a CPR number has ten digits")
		}
	}
	day, month := int(s[0]-'0')*10+int(s[1]-'0'), int(s[2]-'0')*10+int(s[3]-'0')
	if day > 60 {
		day -= 60
	}
	if day < 1 || day > 31 || month < 1 || month > 12 {
		return CPR{}, fmt.Errorf("authn: a CPR number begins with a date")
	}
	return CPR{s}, nil
}

// IsZero reports that there is no number.
func (c CPR) IsZero() bool { return c.digits == "" }

// Fictitious reports whether the day carries the 60 that no real number has.
func (c CPR) Fictitious() bool { return !c.IsZero() && c.digits[0] >= '6' }

// Purpose is why a CPR number is revealed. Whoever reveals one writes the purpose to the audit log.
type Purpose string

// Reveal returns the ten digits for the given purpose, which may not be empty; without one it returns "".
func (c CPR) Reveal(p Purpose) string {
	if p == "" {
		return ""
	}
	return c.digits
}

// String returns a mask, never the number.
func (c CPR) String() string {
	if c.IsZero() {
		return ""
	}
	return masked
}

// Format prints the mask for every verb.
func (c CPR) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) } // fmt.State reports no errors of its own

// MarshalText writes the mask, so that JSON and the like never hold the number.
func (c CPR) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue is the mask.
func (c CPR) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Date is a calendar day without a time or a zone, as birth dates are.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// String returns YYYY-MM-DD; the zero Date is "".
func (d Date) String() string {
	if d == (Date{}) {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// ParseDate reads YYYY-MM-DD; "" is the zero Date.
func ParseDate(s string) (Date, error) {
	if s == "" {
		return Date{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("authn: a date is written YYYY-MM-DD")
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// before reports whether d is an earlier day than o.
func (d Date) before(o Date) bool {
	if d.Year != o.Year {
		return d.Year < o.Year
	}
	if d.Month != o.Month {
		return d.Month < o.Month
	}
	return d.Day < o.Day
}

// Age returns the number of whole years between d and the day now falls on in its own location.
func (d Date) Age(now time.Time) int {
	age := now.Year() - d.Year
	if now.Month() < d.Month || (now.Month() == d.Month && now.Day() < d.Day) {
		age--
	}
	return age
}
