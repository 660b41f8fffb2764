package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func findLists(t *testing.T, h *harness) {
	h.wantKeys(t, "i")
	if found, err := h.Find(t.Context(), "i"); err != nil || found == nil {
		t.Errorf("Find of nothing = %v, %v; want an empty slice", found, err)
	}
	var want []string
	for n := range 150 {
		r := h.record(fmt.Sprint("k", n), fmt.Sprint("value", n))
		if n%3 == 0 {
			r.Index = "i"
			want = append(want, r.Key)
		} else if n%3 == 1 {
			r.Index = "other"
		}
		h.mustCreate(t, r)
	}
	h.wantKeys(t, "i", want...)
	for key, value := range h.keys(t, "i") {
		if value != "value"+key[1:] {
			t.Errorf("%s is listed with %q", key, value)
		}
	}
	found, err := h.Find(t.Context(), "i")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found { // what Find returns can be updated
		h.mustUpdate(t, r)
	}
	h.wantKeys(t, "i", want...)
}

func findFollows(t *testing.T, h *harness) {
	r := h.record("k", "v")
	h.mustCreate(t, r)
	for _, index := range []string{"a", "b", "b", "", "a", "a", "b", "a"} {
		r = h.mustGet(t, "k")
		r.Index = index
		h.mustUpdate(t, r)
		for _, i := range []string{"a", "b"} {
			if i == index {
				h.wantKeys(t, i, "k")
			} else {
				h.wantKeys(t, i)
			}
		}
	}
	h.mustTake(t, "k")
	h.wantKeys(t, "a")
	r.Index = "b"
	h.mustCreate(t, r)
	h.wantKeys(t, "a")
	h.wantKeys(t, "b", "k")
}

func findForgets(t *testing.T, h *harness) {
	// Many lives of few keys, so that forgetting one life could forget the next.
	for round := range 12 {
		for n := range 6 {
			r := h.record(fmt.Sprint("k", n), fmt.Sprint(round))
			r.Index = "i"
			h.mustCreate(t, r)
		}
		h.wantKeys(t, "i", "k0", "k1", "k2", "k3", "k4", "k5")
		h.mustTake(t, "k0")
		if err := h.Delete(t.Context(), "k1"); err != nil {
			t.Fatal(err)
		}
		r := h.mustGet(t, "k2")
		r.Index = ""
		h.mustUpdate(t, r)
		r = h.mustGet(t, "k3")
		r.Expires = h.in(time.Millisecond)
		h.mustUpdate(t, r)
		h.clock.advance(time.Millisecond)
		h.wantKeys(t, "i", "k4", "k5")
		h.clock.advance(time.Minute)
		h.wantKeys(t, "i")
	}
}

func findChurn(t *testing.T, h *harness) {
	const workers, each = 12, 20
	for _, err := range together(t.Context(), workers, func(ctx context.Context, i int) error {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		for n := range each {
			r := h.record(fmt.Sprint("k", i), fmt.Sprint(n))
			r.Index = "i"
			if n%2 == 1 { // half of them enter the index by an update
				r.Index = fmt.Sprint("own", i)
			}
			if err := h.Create(ctx, r); err != nil {
				return err
			}
			if n%2 == 1 {
				got, err := h.Get(ctx, r.Key)
				if err != nil {
					return err
				}
				got.Index = "i"
				if _, err := h.Update(ctx, got); err != nil {
					return err
				}
			}
			found, err := h.Find(ctx, "i")
			if err != nil {
				return err
			}
			listed := false
			for _, f := range found {
				listed = listed || f.Key == r.Key && string(f.Value) == fmt.Sprint(n)
			}
			if !listed {
				return fmt.Errorf("worker %d: record %d is not among the %d found", i, n, len(found))
			}
			if random.IntN(2) == 0 {
				_, err = h.Take(ctx, r.Key)
			} else {
				err = h.Delete(ctx, r.Key)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	h.wantKeys(t, "i")
}

func namesApart(t *testing.T, h *harness) {
	names := []string{"a", "A", "a:", "a:b", "a%", "a_", "*", "{a}", "{a}:b", "r:a", "i:a", "'", `"`, `\`, "a;", "?", "$1"}
	for _, name := range names {
		r := h.record(name, "value of "+name)
		r.Index = name
		h.mustCreate(t, r)
	}
	for _, name := range names {
		h.wantKeys(t, name, name)
		if got := h.mustGet(t, name); string(got.Value) != "value of "+name {
			t.Errorf("%s holds %q", name, got.Value)
		}
	}
	for _, name := range names {
		h.mustTake(t, name)
		h.wantKeys(t, name)
	}
}
