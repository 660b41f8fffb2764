package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white border that readers need (ISO/IEC 18004 section 6.3.8), in modules.
const quiet = 4

// qrCode is a QR code as one SVG path.
type qrCode struct {
	Size int    // of a side in modules, border included
	Path string // the black modules, row by row
}

// newQR encodes text; "" has no code.
func newQR(text string) (*qrCode, error) {
	if text == "" {
		return nil, nil
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("web: the QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	return &qrCode{code.Size + 2*quiet, path.String()}, nil
}
