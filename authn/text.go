package authn

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// TextLimit is the greatest length in characters of a text shown for approval: that of the reference text in
// the documentation of Signaturgruppen Broker.
const TextLimit = 130

// maxMarks is how many combining marks may follow one letter; more of them pile up over the line above.
const maxMarks = 2

// ApprovalText returns the form in which a text to be approved is shown and signed, NFC, or an error that says why it
// cannot be shown: longer than 130 characters, not UTF-8, or with characters that are invisible, control the direction of
// writing or the layout, or belong to another script than Latin. A person must see exactly what is
// signed; the empty text is nothing to approve and is fine.
func ApprovalText(s string) (string, error) {
	// No character of the permitted scripts grows beyond four octets, so this bounds the work of normalising.
	if len(s) > 4*(maxMarks+1)*TextLimit || !utf8.ValidString(s) {
		return "", fmt.Errorf("authn: the text is longer than %d characters or not UTF-8", TextLimit)
	}
	s = norm.NFC.String(s)
	if utf8.RuneCountInString(s) > TextLimit {
		return "", fmt.Errorf("authn: the text is longer than %d characters", TextLimit)
	}
	marks := 0
	for _, c := range s {
		if !visible(c) {
			return "", fmt.Errorf("authn: the text has a character that cannot be shown safely: %U", c)
		}
		if !unicode.Is(unicode.M, c) {
			marks = 0
		} else if marks++; marks > maxMarks {
			return "", errors.New("authn: the text piles up combining marks")
		}
	}
	return s, nil
}

// visible reports whether c is drawn, where it stands, and cannot be mistaken for nothing.
func visible(c rune) bool {
	switch {
	case !unicode.IsPrint(c): // controls, format characters, spaces other than U+0020, private use, unassigned
		return false
	case unicode.Is(unicode.Variation_Selector, c), c == '\u034f', c == '\ufffc', c == '\ufffd', c == '\u2800':
		return false
	}
	return unicode.In(c, unicode.Latin, unicode.Common, unicode.Inherited)
}
