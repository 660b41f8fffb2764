package authn

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestUserIDs(t *testing.T) {
	mitid, dev, nemid := MitID(MitIDOptions{}).UserIDs, MitID(MitIDOptions{UserIDMin: 2}).UserIDs, UserIDRule{5, 48, "0123456789-abc", true}
	for _, c := range []struct {
		rule     UserIDRule
		in, want string // want "": refused
	}{
		{mitid, "Ærlig Bo!", "ærlig bo!"},
		{mitid, "A\u030argang", "årgang"}, // the ring as a mark of its own
		{mitid, "abcd", ""},
		{dev, "bo", "bo"},
		{mitid, strings.Repeat("a", 48), strings.Repeat("a", 48)},
		{mitid, strings.Repeat("a", 49), ""},
		{mitid, strings.Repeat("a", 1<<20), ""},
		{mitid, " abcde", ""},
		{mitid, "abcde ", ""},
		{mitid, "abc\tde", ""},
		{mitid, "abc\u200bde", ""},
		{mitid, "аbcde", ""}, // Cyrillic а
		{mitid, "abc\xffde", ""},
		{mitid, "6101901234", ""},
		{mitid, "610190-1234", ""},
		{mitid, "610190 1234", ""},
		{mitid, "61019012345", "61019012345"},
		{nemid, "6101901234", "6101901234"},
		{mitid, "", ""},
	} {
		got, err := c.rule.Normalise(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%.60q: %q, %v", c.in, got, err)
		}
		if err != nil && len(c.in) > 5 && strings.Contains(err.Error(), c.in) {
			t.Errorf("the error holds the input: %v", err)
		}
	}
}

func TestPasswords(t *testing.T) {
	r := MitID(MitIDOptions{}).Passwords
	for _, c := range []struct {
		password, user string
		ok             bool
	}{
		{"Prøve-kode-2026", "anna", true},
		{"syvtegn", "", false},
		{"otte teg", "", true},
		{strings.Repeat("æ", 64), "", true},
		{strings.Repeat("æ", 65), "", false},
		{"xANNAxyz", "anna", false},
		{"id 6101901234 id", "", false},
		{"id 610190-1234 id", "", true},
		{"my PassWord!", "", false},
		{"Adgangskode1", "", false},
		{"1Qwertyuiop", "", false},
		{"asdfghjkl", "", false},
		{"abc12345", "", false},
		{"abc\xff12345", "", false},
	} {
		if err := r.Check(c.password, c.user); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.password, err)
		} else if err != nil && strings.Contains(err.Error(), c.password) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
	if r.Normalise("Pro\u0308ve") != "Pr\u00f6ve" || r.Normalise("AbC") != "AbC" || (PasswordRule{}).Normalise("AbC") != "abc" {
		t.Error("normalisation")
	}
	if (PasswordRule{Min: 1, Max: 9, AlphabetOnly: "abc"}).Check("abd", "") == nil {
		t.Error("alphabet")
	}
}

func TestPINs(t *testing.T) {
	r := MitID(MitIDOptions{}).PINs
	for pin, ok := range map[string]bool{"135790": true, "13579": false, "1357901": false, "13579a": false, "": false} {
		if (r.Check(pin) == nil) != ok {
			t.Errorf("%q", pin)
		}
	}
}

func TestApprovalText(t *testing.T) {
	for _, c := range []struct {
		name, in string
		ok       bool
	}{
		{"empty", "", true},
		{"leaflet", "Godkend følgende? Overførsel af 2.300 kr. til konto 9978 000123456", true},
		{"symbols", "Betal 25 € (½ pris) – \"nu\" & her", true},
		{"130 characters", strings.Repeat("å", 130), true},
		{"130 characters, decomposed", strings.Repeat("a\u030a", 130), true},
		{"131 characters", strings.Repeat("å", 131), false},
		{"huge", strings.Repeat("a", 1<<20), false},
		{"right-to-left override", "Betal 100\u202e001 kr.", false},
		{"right-to-left isolate", "Betal \u2067100", false},
		{"right-to-left mark", "Betal \u200f100", false},
		{"zero-width space", "Betal 1\u200b00 kr.", false},
		{"zero-width joiner", "a\u200db", false},
		{"soft hyphen", "a\u00adb", false},
		{"byte order mark", "\ufeffa", false},
		{"variation selector", "a\ufe0f", false},
		{"grapheme joiner", "a\u034fb", false},
		{"tag", "a\U000e0041", false},
		{"newline", "a\nb", false},
		{"tab", "a\tb", false},
		{"no-break space", "a\u00a0b", false},
		{"line separator", "a\u2028b", false},
		{"Hangul filler", "a\u3164b", false},
		{"Cyrillic look-alike", "Bеtal", false},
		{"Hebrew", "אבג", false},
		{"blank Braille", "a\u2800b", false},
		{"object replacement", "a\ufffcb", false},
		{"stacked marks", "a\u0301\u0302\u0303\u0304", false},
		{"not UTF-8", "a\xff", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ApprovalText(c.in)
			if (err == nil) != c.ok {
				t.Fatalf("%q, %v", got, err)
			}
			if err != nil && got != "" {
				t.Fatal("a refused text was returned")
			}
		})
	}
}

func FuzzApprovalText(f *testing.F) {
	f.Add("Overførsel af 2.300 kr.")
	f.Add("a\u202e\u0301")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ApprovalText(s)
		if err != nil {
			return
		}
		if utf8.RuneCountInString(got) > TextLimit || !norm.NFC.IsNormalString(got) {
			t.Fatalf("%q is too long or not NFC", got)
		}
		if again, err := ApprovalText(got); err != nil || again != got {
			t.Fatalf("%q is not stable: %q, %v", got, again, err)
		}
	})
}

func FuzzUserID(f *testing.F) {
	f.Add("anna-42")
	f.Add("610190-1234")
	rule := MitID(MitIDOptions{}).UserIDs
	f.Fuzz(func(t *testing.T, s string) {
		got, err := rule.Normalise(s)
		if err != nil {
			return
		}
		if again, err := rule.Normalise(got); err != nil || again != got {
			t.Fatalf("%q is not stable: %q, %v", got, again, err)
		}
		if _, err := ParseCPR(got); err == nil {
			t.Fatalf("a CPR number passed")
		}
	})
}
