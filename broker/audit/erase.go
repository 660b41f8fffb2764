package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tillid/tillid/authn/sqldb"
	"github.com/tillid/tillid/broker"
)

// eraseBatch is how many lines one commit erases at most, so that logins need not wait long for retention.
const eraseBatch = 500

// Erase removes what the lines accepted before an instant say, because their retention has ended. With events, only lines
// of those events are touched, so that each kind of line can have a retention of its own. The places and digests stay and
// the log still verifies; a line of event EventErased for every 500 lines says which ones were emptied, so that contents
// that anybody else removed show. Openings and those lines are never erased.
//
// It returns how many lines it emptied. When it fails it has emptied that many, and may be called again.
func (l *Log) Erase(ctx context.Context, before time.Time, events ...string) (uint64, error) {
	for _, e := range events {
		if e == "" || e == EventOpened || e == EventErased || strings.Contains(e, ",") {
			return 0, fmt.Errorf("audit: lines of event %q cannot be erased", e)
		}
	}
	events = slices.Sorted(slices.Values(events))
	where := `at < ? AND event NOT IN ('` + EventOpened + `', '` + EventErased + `')`
	args := []any{before.UnixMicro()}
	if len(events) > 0 {
		where += ` AND event IN (?` + strings.Repeat(", ?", len(events)-1) + `)`
		for _, e := range events {
			args = append(args, e)
		}
	}
	why := map[string]string{"before": before.UTC().Format(time.RFC3339Nano)}
	if len(events) > 0 {
		why["events"] = strings.Join(events, ",")
	}
	var total uint64
	var from place
	for {
		n, last, err := l.erase(ctx, from, where, args, why)
		if err != nil {
			return total, err
		}
		if n == 0 {
			return total, nil
		}
		total, from = total+n, last
	}
}

// EraseLine removes what one line says, for example because it should never have said it. It returns broker.ErrNotFound
// when there is no such line, when it was emptied before, or when it may not be erased.
func (l *Log) EraseLine(ctx context.Context, writer string, seq uint64) error {
	n, _, err := l.erase(ctx, place{}, `writer = ? AND seq = ? AND event NOT IN ('`+EventOpened+`', '`+EventErased+`')`,
		[]any{writer, int64(seq)}, map[string]string{"reason": "single line"})
	if err == nil && n == 0 {
		err = fmt.Errorf("audit: erase: %w: line %d of writer %q", broker.ErrNotFound, seq, writer)
	}
	return err
}

// erase empties the first lines after a place that a condition selects, and returns how many they were and the last.
func (l *Log) erase(ctx context.Context, from place, where string, args []any, why map[string]string) (uint64, place, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(l.random, raw); err != nil {
		return 0, from, fmt.Errorf("audit: random: %w", err)
	}
	id := hex.EncodeToString(raw)
	var lines []place
	err := l.db.Write(ctx, func(ctx context.Context, tx *sqldb.Tx) error {
		l.mu.Lock()
		closed := l.closed
		l.mu.Unlock()
		if closed {
			return errClosed
		}
		var err error
		if lines, err = empty(ctx, tx, id, from, where, args); err != nil || len(lines) == 0 {
			return err
		}
		sum := sha256.New()
		for _, p := range lines {
			fold(sum, p.chain, p.seq)
		}
		record, err := accept(erasedLine(id, uint64(len(lines)), sum.Sum(nil), why, l.now()), l.now())
		if err != nil {
			return err
		}
		return l.append(ctx, tx, []accepted{record})
	})
	if err != nil || len(lines) == 0 {
		return 0, from, unavailable("erase", err)
	}
	return uint64(len(lines)), lines[len(lines)-1], nil
}

// empty takes salt and contents from the lines and returns their places in order.
func empty(ctx context.Context, tx *sqldb.Tx, id string, from place, where string, args []any) ([]place, error) {
	// The condition is repeated outside, because PostgreSQL evaluates it again on rows that another process has just changed.
	rows, err := tx.Query(ctx, `
UPDATE audit_entries SET salt = NULL, line = NULL, event = NULL, erasure = ?
 WHERE line IS NOT NULL AND (chain, seq) IN (
	SELECT chain, seq FROM audit_entries
	 WHERE (chain > ? OR (chain = ? AND seq > ?)) AND line IS NOT NULL AND `+where+`
	 ORDER BY chain, seq LIMIT ?)
RETURNING chain, seq`,
		append([]any{id, int64(from.chain), int64(from.chain), int64(from.seq)}, append(slices.Clone(args), eraseBatch)...)...)
	if err != nil {
		return nil, err
	}
	var lines []place
	for rows.Next() {
		var chain, seq int64
		if err := rows.Scan(&chain, &seq); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		lines = append(lines, place{uint64(chain), uint64(seq)})
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	slices.SortFunc(lines, byPlace)
	return lines, nil
}
