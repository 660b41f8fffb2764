package web

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"rsc.io/qr/coding"
)

// quiet is the white border that readers need (ISO/IEC 18004 section 6.3.8), in modules.
const quiet = 4

// qrCode is a QR code as one SVG path.
type qrCode struct {
	Size int    // of a side in modules, border included
	Path string // the black modules, row by row, as lines that are one module wide
}

// qrPlans keeps what QR codes of one size have in common, which takes longer to make than a code. The zero value is ready.
type qrPlans struct {
	mu sync.Mutex
	by map[coding.Version]*coding.Plan
}

var errQRText = errors.New("web: the QR code: the text is too long")

func (q *qrPlans) plan(bytes coding.String) (*coding.Plan, error) {
	version := coding.Version(coding.MinVersion)
	for bytes.Bits(version) > version.DataBytes(coding.M)*8 {
		if version++; version > coding.MaxVersion {
			return nil, errQRText
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.by[version]; p != nil {
		return p, nil
	}
	p, err := coding.NewPlan(version, coding.M, 0)
	if err != nil {
		return nil, fmt.Errorf("web: the QR code: %w", err)
	}
	if q.by == nil {
		q.by = make(map[coding.Version]*coding.Plan)
	}
	q.by[version] = p
	return p, nil
}

// draw encodes text; "" has no code.
func (q *qrPlans) draw(text string) (*qrCode, error) {
	if text == "" {
		return nil, nil
	}
	plan, err := q.plan(coding.String(text))
	if err != nil {
		return nil, err
	}
	code, err := plan.Encode(coding.String(text))
	if err != nil {
		return nil, fmt.Errorf("web: the QR code: %w", err)
	}
	path := make([]byte, 0, code.Size*code.Size*3)
	for y := range code.Size {
		at := -1 // where the last run of the row ended
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run == 0 {
				continue
			}
			if at < 0 {
				path = strconv.AppendInt(append(path, 'M'), int64(x+quiet), 10)
				path = append(strconv.AppendInt(append(path, ' '), int64(y+quiet), 10), ".5"...)
			} else {
				path = append(strconv.AppendInt(append(path, 'm'), int64(x-at), 10), " 0"...)
			}
			path = strconv.AppendInt(append(path, 'h'), int64(run), 10)
			x += run
			at = x
		}
	}
	return &qrCode{code.Size + 2*quiet, string(path)}, nil
}
