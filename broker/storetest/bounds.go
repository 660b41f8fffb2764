package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/broker"
)

func sizes(t *testing.T, h *harness) {
	var printable strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		printable.WriteByte(c)
	}
	bytesOf := make([]byte, broker.MaxValueBytes)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(bytesOf) // never fails
	for i, key := range []string{"k", printable.String(), strings.Repeat("k", broker.MaxKeyBytes), "{", "}{", "1", "-1"} {
		for j, value := range [][]byte{nil, {}, {0}, []byte("12345"), bytesOf} {
			r := broker.Record{Key: key, Value: value, Index: key, Expires: h.in(time.Hour)}
			h.mustCreate(t, r)
			got := h.mustGet(t, key)
			if err := same(got, r); err != nil {
				t.Errorf("key %d, value %d: %v", i, j, err)
			}
			r.Value = bytes.Clone(value)
			if len(r.Value) > 0 {
				r.Value[0]++
			}
			r.Version = got.Version
			h.mustUpdate(t, r)
			h.wantKeys(t, key, key)
			if err := same(h.mustTake(t, key), r); err != nil {
				t.Errorf("key %d, value %d, updated: %v", i, j, err)
			}
		}
	}
	for i, expires := range []time.Time{h.in(time.Millisecond), h.in(366 * 24 * time.Hour), time.Date(2199, 12, 31, 23, 59, 59, 999e6, time.UTC)} {
		r := h.record(fmt.Sprint("e", i), "v")
		r.Expires = expires
		h.mustCreate(t, r)
		if err := same(h.mustGet(t, r.Key), r); err != nil {
			t.Error(err)
		}
	}
}

func limits(t *testing.T, h *harness) {
	h.mustCreate(t, h.record("there", "v"))
	version := h.mustGet(t, "there").Version
	long := strings.Repeat("k", broker.MaxKeyBytes+1)
	for name, breach := range map[string]func(*broker.Record){
		"no key":                 func(r *broker.Record) { r.Key = "" },
		"long key":               func(r *broker.Record) { r.Key = long },
		"key with space":         func(r *broker.Record) { r.Key = "a b" },
		"key with newline":       func(r *broker.Record) { r.Key = "a\r\n" },
		"key beyond ASCII":       func(r *broker.Record) { r.Key = "å" },
		"key with zero":          func(r *broker.Record) { r.Key = "a\x00" },
		"long index":             func(r *broker.Record) { r.Index = long },
		"index with space":       func(r *broker.Record) { r.Index = "a b" },
		"long value":             func(r *broker.Record) { r.Value = make([]byte, broker.MaxValueBytes+1) },
		"no expiry":              func(r *broker.Record) { r.Expires = time.Time{} },
		"long value, no expiry ": func(r *broker.Record) { *r = broker.Record{Key: r.Key, Value: make([]byte, broker.MaxValueBytes+1)} },
	} {
		r := h.record("new", "v")
		breach(&r)
		refused(t, name+": Create", h.Create(t.Context(), r))
		if broker.ValidKey(r.Key) {
			h.absent(t, r.Key, 0)
			r.Key, r.Version = "there", version
			_, err := h.Update(t.Context(), r)
			refused(t, name+": Update", err)
		}
	}
	if got := h.mustGet(t, "there"); string(got.Value) != "v" || got.Version != version {
		t.Errorf("value %q, version %d after refused updates", got.Value, got.Version)
	}
}

// refused checks that a breach of the limits is told as such and not as something about a record.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s succeeded", what)
	}
	for _, other := range []error{broker.ErrExists, broker.ErrNotFound, broker.ErrConflict, broker.ErrUnavailable} {
		if errors.Is(err, other) {
			t.Errorf("%s: %v, which says something else", what, err)
		}
	}
}

func invalidKeys(t *testing.T, h *harness) {
	for _, key := range []string{"", " ", "a b", "\x00", "å", "*\n", strings.Repeat("k", broker.MaxKeyBytes+1), strings.Repeat("k", 1<<20)} {
		if _, err := h.Get(t.Context(), key); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("Get(%.20q): %v", key, err)
		}
		if _, err := h.Take(t.Context(), key); !errors.Is(err, broker.ErrNotFound) {
			t.Errorf("Take(%.20q): %v", key, err)
		}
		if err := h.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%.20q): %v", key, err)
		}
		if found, err := h.Find(t.Context(), key); err != nil || len(found) != 0 {
			t.Errorf("Find(%.20q): %d records, %v", key, len(found), err)
		}
	}
	h.mustCreate(t, h.record("none", "v")) // Index "" is no index
	if found, err := h.Find(t.Context(), ""); err != nil || len(found) != 0 {
		t.Errorf("Find of no index: %d records, %v", len(found), err)
	}
}

func cancelled(t *testing.T, h *harness) {
	r := h.record("k", "v")
	r.Index = "i"
	h.mustCreate(t, r)
	r.Version = h.mustGet(t, "k").Version
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v; want an error that wraps context.Canceled", what, err)
		}
	}
	check("Create", h.Create(ctx, h.record("new", "v")))
	_, err := h.Get(ctx, "k")
	check("Get", err)
	changed := r
	changed.Value = []byte("changed")
	_, err = h.Update(ctx, changed)
	check("Update", err)
	_, err = h.Take(ctx, "k")
	check("Take", err)
	_, err = h.Find(ctx, "i")
	check("Find", err)
	check("Delete", h.Delete(ctx, "k"))

	if got := h.mustGet(t, "k"); same(got, r) != nil || got.Version != r.Version {
		t.Errorf("the record changed: %q", got.Value)
	}
	h.absent(t, "new", 0)
}
