package e2e

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/tillid/tillid/broker"
)

// auditLines are the lines of an exported log, in order.
type auditLines []broker.Line

// exportAudit runs `tillid audit export`.
func exportAudit(ctx context.Context, database string) (auditLines, error) {
	out, err := tillid(ctx, os.TempDir(), "audit", "export", "--registry", database)
	if err != nil {
		return nil, err
	}
	var all auditLines
	for text := range strings.Lines(out) {
		var record struct {
			Entry struct {
				Line broker.Line `json:"line"`
			} `json:"entry"`
		}
		if err := json.Unmarshal([]byte(text), &record); err != nil {
			return nil, err
		}
		if record.Entry.Line.Event != "" {
			all = append(all, record.Entry.Line)
		}
	}
	return all, nil
}

func (a auditLines) of(event string) auditLines {
	var out auditLines
	for _, l := range a {
		if l.Event == event {
			out = append(out, l)
		}
	}
	return out
}

// verifyAudit runs `tillid audit verify`.
func verifyAudit(ctx context.Context, database string) error {
	_, err := tillid(ctx, os.TempDir(), "audit", "verify", "--registry", database)
	return err
}
