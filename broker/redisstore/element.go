package redisstore

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/tillid/tillid/broker"
)

// The elements of a record's list begin with a letter each, so that none can be mistaken for another: a pivot that is a
// token never matches a value.
const (
	letterToken = 't' // then 8 bytes of version
	letterHead  = 'h' // then see head
	letterValue = 'p' // then the value
	noPrevious  = "-"
)

// place of the elements in the list.
const (
	placeToken = iota
	placeHead
	placeValue
	placePrevious
	elements
)

// How a head came to be.
const (
	created = 'c'
	updated = 'u'
)

// errForeign says that the list under a record's key is none that this package wrote for that key, or, worse, that the
// reply was meant for another request. Nothing in it may be used.
var errForeign = errors.New("redisstore: reply holds something other than the record asked for")

// head is what a record's list says about the record beside its value. Its encoding is a letter, the kind, two times in
// milliseconds since 1970 of 8 bytes each, one byte with the length of the key, the key and the index.
type head struct {
	kind    byte
	expires int64
	written int64
	key     string
	index   string
}

const headFixed = 1 + 1 + 8 + 8 + 1

func (h head) encode() string {
	b := make([]byte, 0, headFixed+len(h.key)+len(h.index))
	b = append(b, letterHead, h.kind)
	b = binary.BigEndian.AppendUint64(b, uint64(h.expires))
	b = binary.BigEndian.AppendUint64(b, uint64(h.written))
	b = append(b, byte(len(h.key)))
	b = append(b, h.key...)
	b = append(b, h.index...)
	return string(b)
}

// decodeHead returns errForeign unless s is a head of the key.
func decodeHead(s, key string) (head, error) {
	if len(s) < headFixed || s[0] != letterHead || s[1] != created && s[1] != updated {
		return head{}, errForeign
	}
	h := head{
		kind:    s[1],
		expires: int64(binary.BigEndian.Uint64([]byte(s[2:10]))),
		written: int64(binary.BigEndian.Uint64([]byte(s[10:18]))),
	}
	rest, n := s[headFixed:], int(s[headFixed-1])
	if len(rest) < n || rest[:n] != key {
		return head{}, errForeign
	}
	h.key, h.index = rest[:n], rest[n:]
	return h, nil
}

func encodeToken(version uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{letterToken}, version))
}

func decodeToken(s string) (uint64, error) {
	if len(s) != 9 || s[0] != letterToken {
		return 0, errForeign
	}
	return binary.BigEndian.Uint64([]byte(s[1:])), nil
}

// state is a record without its value, as it was when a command ran.
type state struct {
	version uint64
	head    head
	sound   bool // not updated after it had expired
}

// decodeState returns errForeign for anything but the elements of a record under the key.
func decodeState(token, current, previous, key string) (state, error) {
	version, err := decodeToken(token)
	if err != nil {
		return state{}, err
	}
	h, err := decodeHead(current, key)
	if err != nil {
		return state{}, err
	}
	s := state{version: version, head: h, sound: true}
	if h.kind == updated {
		before, err := decodeHead(previous, key)
		if err != nil {
			return state{}, err
		}
		s.sound = h.written < before.expires
	}
	return s, nil
}

// live reports whether the record is there at that time.
func (s state) live(now time.Time) bool { return s.sound && now.UnixMilli() < s.head.expires }

// decodeRecord reads a whole list. It returns ErrNotFound for a record that is not live and errForeign for anything else.
func decodeRecord(list []string, key string, now time.Time) (broker.Record, error) {
	if len(list) == 0 {
		return broker.Record{}, broker.ErrNotFound
	}
	if len(list) != elements {
		return broker.Record{}, errForeign
	}
	s, err := decodeState(list[placeToken], list[placeHead], list[placePrevious], key)
	if err != nil {
		return broker.Record{}, err
	}
	value := list[placeValue]
	if len(value) == 0 || value[0] != letterValue {
		return broker.Record{}, errForeign
	}
	if !s.live(now) {
		return broker.Record{}, broker.ErrNotFound
	}
	return broker.Record{
		Key:     s.head.key,
		Value:   []byte(value[1:]),
		Index:   s.head.index,
		Expires: time.UnixMilli(s.head.expires).UTC(),
		Version: s.version,
	}, nil
}
