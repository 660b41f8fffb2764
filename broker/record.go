package broker

import (
	"errors"
	"fmt"
)

// The limits of a Record, which every Store enforces before it writes anything.
const (
	MaxKeyBytes   = 200      // of Key and of Index
	MaxValueBytes = 64 << 10 // of Value
)

// Validate reports every limit that the record breaks: key and index of 1 to MaxKeyBytes bytes of printable ASCII without
// space (the index may be empty), a value of at most MaxValueBytes, an expiry that is not the zero time. The texts name
// the field and never its content, because a key can be a secret.
func (r Record) Validate() error {
	var errs []error
	if !ValidKey(r.Key) {
		errs = append(errs, fmt.Errorf("broker: key of a record is not 1 to %d bytes of printable ASCII without space", MaxKeyBytes))
	}
	if r.Index != "" && !ValidKey(r.Index) {
		errs = append(errs, fmt.Errorf("broker: index of a record is not 1 to %d bytes of printable ASCII without space", MaxKeyBytes))
	}
	if len(r.Value) > MaxValueBytes {
		errs = append(errs, fmt.Errorf("broker: value of a record has %d bytes, more than %d", len(r.Value), MaxValueBytes))
	}
	if r.Expires.IsZero() {
		errs = append(errs, errors.New("broker: record without expiry"))
	}
	return errors.Join(errs...)
}

// ValidKey reports whether a Store can hold a record under the key. No record lives under a key that is not valid, so a
// Store answers a look-up of one as it answers any absent key.
func ValidKey(key string) bool {
	if len(key) == 0 || len(key) > MaxKeyBytes {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}
