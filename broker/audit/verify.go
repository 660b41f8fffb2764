package audit

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tillid/tillid/broker"
)

// Check is what a log is verified against.
type Check struct {
	// Keys are the public keys that checkpoints may be signed with, retired ones included. At least one.
	Keys []crypto.PublicKey
	// Anchors are checkpoints that an earlier Report returned and that were kept where the log's writers have no access.
	// Each must still be in the log. Without them, a cut tail cannot be found.
	Anchors []Checkpoint
}

// Report says what was verified.
type Report struct {
	Chains      uint64 `json:"chains"`
	Lines       uint64 `json:"lines"`       // erased ones included
	Erased      uint64 `json:"erased"`      // lines whose contents were erased, each accounted for by a line of event EventErased
	Checkpoints uint64 `json:"checkpoints"` // with a good signature
	// Unsigned counts the lines that no checkpoint covers: whoever can write to the database could have made them.
	Unsigned uint64 `json:"unsigned"`
	// Anchors are the checkpoints to keep elsewhere and to compare with the next time: the newest of every chain, but for
	// chains whose end is named by the opening of a chain that is listed itself, directly or through others.
	Anchors []Checkpoint `json:"anchors"`
}

// Fault is the first thing found wrong with a log. It is what Verify and VerifyExport return when the log is not what its
// writers wrote; any other error of theirs means that it could not be read.
type Fault struct {
	Writer string // "" when it is not known whose line is meant
	Seq    uint64
	Reason string
}

// Error names the writer, the line and what is wrong with it.
func (f *Fault) Error() string {
	writer := f.Writer
	if writer == "" {
		writer = "unknown"
	}
	return fmt.Sprintf("audit: writer %s, line %d: %s", writer, f.Seq, f.Reason)
}

// link marks an entry that an opening names, so that one pass suffices: the hash is remembered until the opening comes.
type link struct {
	Chain  uint64 `json:"chain"`
	Seq    uint64 `json:"seq"`
	Opener uint64 `json:"opener"` // the chain whose opening names it
}

// end closes an export, so that one that was cut short on its way shows.
type end struct {
	Chains      uint64 `json:"chains"`
	Lines       uint64 `json:"lines"`
	Checkpoints uint64 `json:"checkpoints"`
}

// place is one line of one chain.
type place struct{ chain, seq uint64 }

// erasure is the evidence about one erasure: the lines that lack contents, and the line that accounts for them.
type erasure struct {
	lines  uint64
	sum    hash.Hash
	first  Head // the first line that lacks its contents
	by     Head // the line that accounts for it; Seq 0 while none was seen
	claim  Digest
	claims uint64
}

// verifier takes a log's records in order: chain by chain, in each the entries by number, after an entry the checkpoints
// and links that name it. It holds one chain's state, and of all others what openings and erasures refer to.
type verifier struct {
	keys     map[string]crypto.PublicKey
	anchors  map[place][]Checkpoint
	report   Report
	at       Head   // the newest entry
	count    uint64 // checkpoints of the chain
	covered  uint64 // the newest entry under a checkpoint
	final    bool
	heads    []Head // what the opening names
	pinned   map[uint64]Checkpoint
	writers  map[string]bool
	linked   map[place]Head
	openers  map[place]uint64 // by which chain a linked entry must be named
	erasures map[string]*erasure
}

func newVerifier(check Check) (*verifier, error) {
	v := &verifier{
		keys: map[string]crypto.PublicKey{}, anchors: map[place][]Checkpoint{}, writers: map[string]bool{},
		pinned: map[uint64]Checkpoint{},
		linked: map[place]Head{}, openers: map[place]uint64{}, erasures: map[string]*erasure{},
	}
	if len(check.Keys) == 0 {
		return nil, errors.New("audit: no key to verify checkpoints with")
	}
	for _, k := range check.Keys {
		id, err := KeyID(k)
		if err != nil {
			return nil, err
		}
		v.keys[id] = k
	}
	for _, a := range check.Anchors {
		if err := a.verify(v.keys); err != nil {
			return nil, fmt.Errorf("audit: the checkpoint to compare with, of writer %q at line %d: %w", a.Writer, a.Seq, err)
		}
		p := place{a.Chain, a.Seq}
		v.anchors[p] = append(v.anchors[p], a)
	}
	return v, nil
}

func fault(h Head, format string, args ...any) error {
	return &Fault{Writer: h.Writer, Seq: h.Seq, Reason: fmt.Sprintf(format, args...)}
}

func (v *verifier) entry(e *Entry) error {
	here := Head{Chain: e.Chain, Writer: e.Writer, Seq: e.Seq, Hash: e.Hash}
	switch {
	case e.Chain == v.at.Chain && v.at.Chain != 0:
		next := v.at
		next.Seq++
		switch {
		case e.Writer != v.at.Writer:
			return fault(next, "a line of another writer stands here")
		case e.Seq != next.Seq:
			return fault(next, "the line is missing or out of order; line %d follows line %d", e.Seq, v.at.Seq)
		case v.final:
			return fault(here, "the writer had stopped before")
		case e.Prev != v.at.Hash:
			return fault(here, "it does not follow from the line before")
		}
	case e.Chain != v.at.Chain+1:
		return fault(here, "chain %d follows chain %d", e.Chain, v.at.Chain)
	default:
		if err := v.leave(); err != nil {
			return err
		}
		if e.Seq != 1 {
			return &Fault{Writer: e.Writer, Seq: 1, Reason: fmt.Sprintf("the opening is missing; the chain begins with line %d", e.Seq)}
		}
		if e.Prev != (Digest{}) {
			return fault(here, "an opening follows no line")
		}
		if v.writers[e.Writer] {
			return fault(here, "the writer opened twice")
		}
		v.writers[e.Writer] = true
		v.report.Chains++
		v.count, v.covered, v.final = 0, 0, false
	}
	if e.sum() != e.Hash {
		return fault(here, "it was changed: the hash is wrong")
	}
	v.at = here
	v.report.Lines++
	return v.payload(e, here)
}

// payload checks what the line says, or that it was erased by somebody who may.
func (v *verifier) payload(e *Entry, here Head) error {
	if e.Erasure != "" {
		if len(e.Line) != 0 || len(e.Salt) != 0 || e.event != nil || e.Seq == 1 {
			return fault(here, "it is marked as erased and is not, or may not be")
		}
		x := v.erasureOf(e.Erasure)
		if x.lines == 0 {
			x.first = here
		}
		x.lines++
		fold(x.sum, e.Chain, e.Seq)
		v.report.Erased++
		return nil
	}
	if len(e.Salt) != saltSize || contents(e.Salt, e.Line) != e.Digest {
		return fault(here, "what it says was changed or removed")
	}
	var line broker.Line
	if err := json.Unmarshal(e.Line, &line); err != nil {
		return fault(here, "it does not hold a line")
	}
	if e.event != nil && *e.event != line.Event {
		return fault(here, "it is filed under an event that it does not name")
	}
	if (line.Event == EventOpened) != (e.Seq == 1) {
		return fault(here, "the first line of a chain, and no other, is its opening")
	}
	switch line.Event {
	case EventOpened:
		return v.opening(line, here)
	case EventErased:
		id := line.Detail["erasure"]
		x := v.erasureOf(id)
		if x.by.Seq != 0 {
			return fault(here, "the erasure %q was recorded before", id)
		}
		n, err := strconv.ParseUint(line.Detail["lines"], 10, 64)
		if err != nil || id == "" || x.claim.UnmarshalText([]byte(line.Detail["digest"])) != nil {
			return fault(here, "the record of an erasure is unreadable")
		}
		x.by, x.claims = here, n
	}
	return nil
}

func (v *verifier) erasureOf(id string) *erasure {
	x := v.erasures[id]
	if x == nil {
		x = &erasure{sum: sha256.New()}
		v.erasures[id] = x
	}
	return x
}

// opening compares the ends of earlier chains, as this writer saw them when it began, with what was read.
func (v *verifier) opening(line broker.Line, here Head) error {
	var heads []Head
	if err := json.Unmarshal([]byte(line.Detail["heads"]), &heads); err != nil {
		return fault(here, "the opening is unreadable")
	}
	for _, h := range heads {
		p := place{h.Chain, h.Seq}
		if got, ok := v.linked[p]; !ok || got != h || v.openers[p] != here.Chain {
			return fault(h, "it is missing or changed since writer %s opened", here.Writer)
		}
		delete(v.linked, p)
		delete(v.openers, p)
	}
	v.heads = heads
	for p, opener := range v.openers {
		if opener <= here.Chain {
			return fault(v.linked[p], "chain %d does not name it as it should", opener)
		}
	}
	return nil
}

func (v *verifier) checkpoint(c *Checkpoint) error {
	named := Head{Chain: c.Chain, Writer: c.Writer, Seq: c.Seq, Hash: c.Hash}
	switch {
	case named.Chain != v.at.Chain || named.Seq != v.at.Seq || named.Writer != v.at.Writer:
		return fault(named, "a checkpoint names it, but it is missing or out of order")
	case named.Hash != v.at.Hash:
		return fault(named, "it is not the line that the checkpoint names")
	case c.Count != v.count+1 || !v.linked[place{c.Chain, c.Seq}].zero():
		return fault(named, "checkpoint %d of the writer is missing or out of order", v.count+1)
	case v.final:
		return fault(named, "the writer had stopped before")
	}
	if err := c.verify(v.keys); err != nil {
		return fault(named, "its checkpoint is not genuine: %v", err)
	}
	p := place{c.Chain, c.Seq}
	kept := v.anchors[p][:0]
	for _, a := range v.anchors[p] {
		if a.Count != c.Count {
			kept = append(kept, a)
		} else if a.Writer != c.Writer || a.Hash != c.Hash {
			return fault(named, "an earlier checkpoint saw another line here")
		}
	}
	if v.anchors[p] = kept; len(kept) == 0 {
		delete(v.anchors, p)
	}
	v.count, v.covered, v.final = c.Count, c.Seq, c.Final
	v.report.Checkpoints++
	if v.count == 1 { // from here on the signature vouches for what the opening names, too
		for _, h := range v.heads {
			if v.pinned[h.Chain].Seq <= h.Seq {
				delete(v.pinned, h.Chain)
			}
		}
	}
	v.pinned[c.Chain] = *c
	return nil
}

func (v *verifier) link(l link) error {
	p := place{l.Chain, l.Seq}
	if l.Chain != v.at.Chain || l.Seq != v.at.Seq || l.Opener <= l.Chain {
		h := Head{Seq: l.Seq}
		if l.Chain == v.at.Chain {
			h.Writer = v.at.Writer
		}
		return fault(h, "an opening names this line of chain %d, but it is missing or out of order", l.Chain)
	}
	if _, twice := v.linked[p]; twice {
		return fault(v.at, "two openings name it")
	}
	v.linked[p], v.openers[p] = v.at, l.Opener
	return nil
}

// leave ends a chain: an anchor in it that was not met is a tail cut off.
func (v *verifier) leave() error {
	v.report.Unsigned += v.at.Seq - v.covered
	v.covered = v.at.Seq
	for _, p := range sorted(v.anchors) {
		if p.chain == v.at.Chain {
			return v.cut(p, v.anchors[p][0])
		}
	}
	return nil
}

// sorted returns the keys in the order of the log, so that the first fault is the first.
func sorted[V any](m map[place]V) []place { return slices.SortedFunc(maps.Keys(m), byPlace) }

func byPlace(a, b place) int { return cmp.Or(cmp.Compare(a.chain, b.chain), cmp.Compare(a.seq, b.seq)) }

func (v *verifier) cut(p place, a Checkpoint) error {
	h := Head{Writer: a.Writer, Seq: p.seq}
	switch {
	case !v.writers[a.Writer]:
		h.Seq = 1
	case a.Writer == v.at.Writer && v.at.Seq < p.seq:
		h.Seq = v.at.Seq + 1
	}
	return fault(h, "the log was cut off: an earlier checkpoint saw line %d of this writer", p.seq)
}

// finish checks what can only be known at the end. A nil e stands for a log that is read from the database.
func (v *verifier) finish(e *end) (Report, error) {
	if err := v.leave(); err != nil {
		return v.report, err
	}
	for _, p := range sorted(v.anchors) {
		return v.report, v.cut(p, v.anchors[p][0])
	}
	for _, p := range sorted(v.openers) {
		return v.report, fault(v.linked[p], "the opening of chain %d, which names it, is missing", v.openers[p])
	}
	wrong := map[place]error{}
	for id, x := range v.erasures {
		switch {
		case x.by.Seq == 0:
			wrong[place{x.first.Chain, x.first.Seq}] = fault(x.first, "what it said was removed, and no erasure %q is on record", id)
		case x.claims != x.lines || !bytes.Equal(x.sum.Sum(nil), x.claim[:]):
			wrong[place{x.by.Chain, x.by.Seq}] = fault(x.by, "the erasure recorded here took other lines than those that are empty")
		}
	}
	for _, p := range sorted(wrong) {
		return v.report, wrong[p]
	}
	if e != nil && *e != v.summary() {
		return v.report, fault(v.at, "the export does not hold as much as its last record says")
	}
	v.report.Anchors = make([]Checkpoint, 0, len(v.pinned))
	for _, chain := range slices.Sorted(maps.Keys(v.pinned)) {
		v.report.Anchors = append(v.report.Anchors, v.pinned[chain])
	}
	return v.report, nil
}

func (v *verifier) summary() end {
	return end{Chains: v.report.Chains, Lines: v.report.Lines, Checkpoints: v.report.Checkpoints}
}

// fold adds one erased line to the digest of an erasure.
func fold(h hash.Hash, chain, seq uint64) {
	fmt.Fprintf(h, "%d/%d\n", chain, seq) // a hash never fails to write
}

// erasedLine accounts for an erasure.
func erasedLine(id string, lines uint64, sum []byte, why map[string]string, now time.Time) broker.Line {
	detail := map[string]string{"erasure": id, "lines": strconv.FormatUint(lines, 10), "digest": hex.EncodeToString(sum)}
	for k, s := range why {
		detail[k] = s
	}
	return broker.Line{Time: now, Event: EventErased, Detail: detail}
}
