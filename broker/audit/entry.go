// Package audit keeps the log of everything that was asked, decided and answered, so that a changed, removed, reordered
// or inserted line shows. It does not decide what is logged, and it keeps nobody who can write to the database and also
// holds the signing key from rewriting the log.
//
// The lines of one writer, which is one run of one process, form a hash chain over digests of their contents. A content
// may therefore be erased when its retention ends, and the chain still verifies. Every chain begins with a line that
// names the ends of the chains before it, and a signed checkpoint each minute and at stop fixes how far a chain had come.
// What was cut off after the newest checkpoint that somebody keeps elsewhere cannot be found.
package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tillid/tillid/broker"
)

// The events that only the log itself writes. Append, Record and Note refuse them.
const (
	// EventOpened is the first line of every chain. Its detail names the ends of earlier chains that no opening has named.
	EventOpened = "opened"
	// EventErased says which contents were erased. It is never erased itself, or a content that somebody removed could
	// not be told from one whose retention had ended.
	EventErased = "erased"
)

const (
	maxPayload = 16 << 10 // of one line as JSON, openings excepted
	saltSize   = 16
)

// Digest is a SHA-256 hash. As text it is 64 lower-case hexadecimal digits.
type Digest [sha256.Size]byte

// String returns the hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText returns the hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (d *Digest) UnmarshalText(text []byte) error {
	var v Digest
	if len(text) != hex.EncodedLen(len(v)) {
		return errors.New("audit: a digest has 64 lower-case hexadecimal digits")
	}
	if _, err := hex.Decode(v[:], text); err != nil || v.String() != string(text) {
		return errors.New("audit: a digest has 64 lower-case hexadecimal digits")
	}
	*d = v
	return nil
}

// Entry is one line of the log in its chain.
type Entry struct {
	Chain  uint64    `json:"chain"`  // number of the chain, from 1, in the order in which the writers opened
	Writer string    `json:"writer"` // random id of the writer, 32 hexadecimal digits
	Seq    uint64    `json:"seq"`    // from 1; 1 is the opening
	Time   time.Time `json:"time"`   // when the line was accepted, UTC, to the microsecond
	Prev   Digest    `json:"prev"`   // Hash of the entry before; zero for the opening
	Digest Digest    `json:"digest"` // SHA-256 of Salt followed by Line
	Hash   Digest    `json:"hash"`   // over all of the above

	// Salt is 16 random bytes that go when the line goes, so that what an erased line said cannot be found by guessing.
	Salt []byte `json:"salt,omitempty"`
	// Line is the broker.Line as the exact bytes that were digested; nil when it was erased.
	Line json.RawMessage `json:"line,omitempty"`
	// Erasure is the id of the erasure that took Salt and Line; empty while they are there.
	Erasure string `json:"erasure,omitempty"`

	// event is the column that retention selects by; nil in an export. Somebody who changed it would have a line erased early.
	event *string
}

// sum computes what Hash must be. The fields have fixed widths, or a length in front, so that no two entries share an
// encoding.
func (e *Entry) sum() Digest {
	b := make([]byte, 0, 256)
	b = append(b, "tillid audit entry 1\x00"...)
	b = binary.BigEndian.AppendUint64(b, e.Chain)
	b = binary.BigEndian.AppendUint64(b, uint64(len(e.Writer)))
	b = append(b, e.Writer...)
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	b = append(b, e.Prev[:]...)
	b = append(b, e.Digest[:]...)
	return sha256.Sum256(b)
}

// contents computes what Digest must be.
func contents(salt, line []byte) Digest {
	b := make([]byte, 0, len(salt)+len(line))
	return sha256.Sum256(append(append(b, salt...), line...))
}

// Head is the end of a chain, or a place in it.
type Head struct {
	Chain  uint64 `json:"chain"`
	Writer string `json:"writer"`
	Seq    uint64 `json:"seq"`
	Hash   Digest `json:"hash"`
}

func (h Head) zero() bool { return h == Head{} }

// accepted is a line that the log has taken, in the form in which it is digested.
type accepted struct {
	at    time.Time
	event string
	line  []byte
	seq   uint64 // the place it was last tried at, for a commit whose outcome is unknown; 0 for none
}

// accept makes the canonical form of a line: UTC to the microsecond, fields in the order of broker.Line, keys of the
// detail sorted, no white space.
func accept(line broker.Line, now time.Time) (accepted, error) {
	now = now.UTC().Truncate(time.Microsecond)
	if line.Event == "" {
		return accepted{}, errors.New("audit: a line without an event")
	}
	if line.Time.IsZero() {
		line.Time = now
	}
	line.Time = line.Time.UTC().Truncate(time.Microsecond)
	raw, err := json.Marshal(line)
	if err != nil {
		return accepted{}, fmt.Errorf("audit: a line of event %q: %w", line.Event, err)
	}
	return accepted{at: now, event: line.Event, line: raw}, nil
}

// acceptAll accepts lines of the log's callers, which may not pose as the log itself.
func acceptAll(lines []broker.Line, now time.Time) ([]accepted, error) {
	out := make([]accepted, 0, len(lines))
	for _, line := range lines {
		if line.Event == EventOpened || line.Event == EventErased {
			return nil, fmt.Errorf("audit: the event %q is written by the log only", line.Event)
		}
		a, err := accept(line, now)
		if err != nil {
			return nil, err
		}
		if len(a.line) > maxPayload {
			return nil, fmt.Errorf("audit: a line of event %q has %d bytes, more than %d", line.Event, len(a.line), maxPayload)
		}
		out = append(out, a)
	}
	return out, nil
}
