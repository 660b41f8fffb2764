package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration.
type Fault struct {
	Where string // "tillid.yaml:12", "TILLID_STORE", "--store", or "" where nobody set the key
	Key   string // the key that is meant, as it is written in the file
	Text  string // what is wrong with it; never the value of a secret
}

// Error reads "tillid.yaml:12: isuer: unknown key; did you mean issuer?".
func (f *Fault) Error() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{f.Where, f.Key, f.Text} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// Faults returns every Fault in err, in the order in which they were found.
func Faults(err error) []*Fault {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var out []*Fault
		for _, e := range joined.Unwrap() {
			out = append(out, Faults(e)...)
		}
		return out
	}
	var f *Fault
	if errors.As(err, &f) {
		return []*Fault{f}
	}
	return nil
}

// unknown words the fault of a key that does not exist, with the nearest that does.
func unknown(key string, known []string) string {
	if near := nearest(key, known); near != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", near)
	}
	slices.Sort(known)
	return "unknown key; there are " + strings.Join(known, ", ")
}

// nearest returns the known word that takes the fewest single edits, "" when every one takes more than half of the word.
func nearest(word string, known []string) string {
	best, at := "", len(word)/2+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := edits(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(row[j]+1, corner+1, cost)
		}
	}
	return row[len(b)]
}
