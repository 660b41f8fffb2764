package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
)

// maxRecord limits one line of an export. Openings are the longest: they name every chain that was still running.
const maxRecord = 1 << 20

// record is one line of an export: exactly one field is set.
type record struct {
	Entry      *Entry      `json:"entry,omitempty"`
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
	Link       *link       `json:"link,omitempty"`
	End        *end        `json:"end,omitempty"`
}

// Export writes the whole log, as it stands at one instant, as JSON lines: chain by chain, each entry followed by the
// checkpoints that name it, and one record at the end that says how much there was. It writes what the database holds,
// changed or not; VerifyExport judges it. The error wraps broker.ErrUnavailable when the database cannot answer, and is a
// *Fault where a row is so damaged that no record can hold it.
func Export(ctx context.Context, db *sqldb.DB, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	var sum end
	write := func(r record) error {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("audit: export: %w", err)
		}
		return nil
	}
	err := stream(ctx, db, func(r record) error {
		switch {
		case r.Entry != nil:
			if sum.Lines++; r.Entry.Seq == 1 {
				sum.Chains++
			}
			r.Entry.Line = faithful(r.Entry.Line)
		case r.Checkpoint != nil:
			sum.Checkpoints++
		}
		return write(r)
	})
	if err != nil {
		return err
	}
	if err := write(record{End: &sum}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	return nil
}

// faithful returns what is exported for the stored bytes of a line. The JSON encoder would tidy up a content that somebody
// edited by hand, or refuse it; such a content goes out as a string, where nothing is hidden and no digest fits.
func faithful(stored json.RawMessage) json.RawMessage {
	if len(stored) == 0 {
		return nil
	}
	if again, err := json.Marshal(stored); err == nil && bytes.Equal(again, stored) {
		return stored
	}
	quoted, err := json.Marshal(string(stored))
	if err != nil {
		return json.RawMessage(`""`)
	}
	return quoted
}

// Verify reads the log in the database, as it stands at one instant, and returns what it found good. A *Fault says that
// the log is not what its writers wrote, and where the first difference is.
func Verify(ctx context.Context, db *sqldb.DB, check Check) (Report, error) {
	v, err := newVerifier(check)
	if err != nil {
		return Report{}, err
	}
	if err := stream(ctx, db, v.take); err != nil {
		return v.report, err
	}
	return v.finish(nil)
}

// VerifyExport does for an export what Verify does for a database. Every byte counts: a record in any other spelling than
// Export's is a fault. A record has at most 1 MiB.
func VerifyExport(ctx context.Context, r io.Reader, check Check) (Report, error) {
	v, err := newVerifier(check)
	if err != nil {
		return Report{}, err
	}
	in := bufio.NewReaderSize(r, 64<<10)
	var last *end
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return v.report, ctx.Err()
		}
		raw, err := readRecord(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return v.report, v.unreadable(err)
		}
		if last != nil {
			return v.report, fault(v.at, "the export goes on after its end")
		}
		rec, err := parse(raw)
		if err != nil {
			return v.report, v.unreadable(err)
		}
		if rec.End != nil {
			last = rec.End
			continue
		}
		if err := v.take(rec); err != nil {
			return v.report, err
		}
	}
	if last == nil {
		// An anchor that was not met says more than that the end is missing.
		if _, err := v.finish(nil); err != nil {
			return v.report, err
		}
		next := v.at
		next.Seq++
		return v.report, fault(next, "the export was cut short")
	}
	return v.finish(last)
}

// unreadable tells what cannot be parsed from what cannot be read at all.
func (v *verifier) unreadable(err error) error {
	var bad *malformed
	if !errors.As(err, &bad) {
		return fmt.Errorf("audit: export: %w", err)
	}
	next := v.at
	next.Seq++
	return fault(next, "after line %d stands a record that no export holds: %s", v.at.Seq, bad.why)
}

type malformed struct{ why string }

func (m *malformed) Error() string { return m.why }

// readRecord returns the next line without its end; io.EOF when there is none.
func readRecord(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxRecord {
			return nil, &malformed{"it is too long"}
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, &malformed{"its end is missing"}
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// parse reads one record and demands that writing it again gives the same bytes. That leaves no room for what
// encoding/json would let pass: keys in another case, keys twice, unknown keys, white space, times in another zone.
func parse(raw []byte) (record, error) {
	var r record
	if err := json.Unmarshal(raw, &r); err != nil {
		return record{}, &malformed{"it is not the JSON of a record"}
	}
	set := 0
	for _, is := range []bool{r.Entry != nil, r.Checkpoint != nil, r.Link != nil, r.End != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return record{}, &malformed{"it holds no record, or several"}
	}
	if again, err := json.Marshal(r); err != nil || !bytes.Equal(again, raw) {
		return record{}, &malformed{"it is not spelled as an export spells it"}
	}
	return r, nil
}

// take passes a record on.
func (v *verifier) take(r record) error {
	switch {
	case r.Entry != nil:
		return v.entry(r.Entry)
	case r.Checkpoint != nil:
		return v.checkpoint(r.Checkpoint)
	case r.Link != nil:
		return v.link(*r.Link)
	}
	return errors.New("audit: an empty record")
}

// everything reads the three tables in the order of an export. It is one statement, so that it sees one state of a log
// that goes on growing, and each part comes from its index, so that nothing is sorted.
const everything = `
SELECT chain, seq, 0 AS kind, 0 AS n, writer, at, prev, digest, hash, salt, line, event, erasure, 0 AS final, '' AS key_id
  FROM audit_entries
UNION ALL
SELECT chain, seq, 1, count, writer, at, NULL, NULL, hash, signature, NULL, NULL, NULL, final, key_id
  FROM audit_checkpoints
UNION ALL
SELECT chain, seq, 2, opener, '', 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, ''
  FROM audit_links
ORDER BY 1, 2, 3, 4`

// stream calls yield with every record in the database.
func stream(ctx context.Context, db *sqldb.DB, yield func(record) error) error {
	rows, err := db.Query(ctx, everything)
	if err != nil {
		return unavailable("read", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			chain, seq, n, at, final       int64
			kind                           int
			writer, key                    string
			prev, digest, hash, salt, line []byte
			event, erasure                 *string
		)
		if err := rows.Scan(&chain, &seq, &kind, &n, &writer, &at, &prev, &digest, &hash, &salt, &line, &event, &erasure, &final, &key); err != nil {
			return unavailable("read", err)
		}
		var r record
		switch kind {
		case 0:
			e := &Entry{Chain: uint64(chain), Writer: writer, Seq: uint64(seq), Time: time.UnixMicro(at).UTC(), Salt: salt, Line: line, event: event}
			if erasure != nil {
				e.Erasure = *erasure
			} else if event == nil {
				e.event = new(string) // filed under nothing is wrong, too
			}
			copy(e.Prev[:], prev)
			copy(e.Digest[:], digest)
			copy(e.Hash[:], hash)
			if len(prev) != len(e.Prev) || len(digest) != len(e.Digest) || len(hash) != len(e.Hash) {
				return fault(Head{Writer: writer, Seq: e.Seq}, "a digest has the wrong length")
			}
			r.Entry = e
		case 1:
			c := &Checkpoint{
				Chain: uint64(chain), Writer: writer, Seq: uint64(seq), Time: time.UnixMicro(at).UTC(),
				Count: uint64(n), Final: final != 0, Key: key, Signature: salt,
			}
			copy(c.Hash[:], hash)
			if len(hash) != len(c.Hash) {
				return fault(Head{Writer: writer, Seq: c.Seq}, "the digest in a checkpoint has the wrong length")
			}
			r.Checkpoint = c
		default:
			r.Link = &link{Chain: uint64(chain), Seq: uint64(seq), Opener: uint64(n)}
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unavailable("read", err)
	}
	return nil
}
