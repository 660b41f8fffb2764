package authn

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errVerifier is what a verifier that was damaged, or written by a later version, amounts to: nobody passes it.
var errVerifier = errors.New("authn: the verifier cannot be read")

// maxVerifier is the length in octets beyond which a stored verifier is not even parsed.
const maxVerifier = 4096

// A verifier is text in the PHC string format, $name$v=version$parameters$octets$octets, whatever its kind: the name and
// version say which ceremony can read it, so that old ones stay readable when a new form comes.
type phc struct {
	name    string
	version int
	params  []param
	octets  [][]byte
}

type param struct {
	name  string
	value uint64
}

func (p phc) encode() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "$%s$v=%d", p.name, p.version)
	for i, q := range p.params {
		sep := ","
		if i == 0 {
			sep = "$"
		}
		fmt.Fprintf(&b, "%s%s=%d", sep, q.name, q.value)
	}
	for _, o := range p.octets {
		b.WriteByte('$')
		b.WriteString(base64.RawStdEncoding.EncodeToString(o))
	}
	return []byte(b.String())
}

// parsePHC reads exactly what encode writes for the given name, parameter names and number of octet strings. There is one
// spelling of everything: what parses encodes to the same octets again.
func parsePHC(verifier []byte, name string, params []string, octets int) (phc, error) {
	if len(verifier) > maxVerifier {
		return phc{}, errVerifier
	}
	parts := strings.Split(string(verifier), "$")
	head := 3
	if len(params) > 0 {
		head++
	}
	if len(parts) != head+octets || parts[0] != "" || parts[1] != name {
		return phc{}, errVerifier
	}
	p := phc{name: name}
	version, err := parseParam(parts[2], "v")
	if err != nil || version > 1<<16 {
		return phc{}, errVerifier
	}
	p.version = int(version)
	if len(params) > 0 {
		fields := strings.Split(parts[3], ",")
		if len(fields) != len(params) {
			return phc{}, errVerifier
		}
		for i, f := range fields {
			v, err := parseParam(f, params[i])
			if err != nil {
				return phc{}, errVerifier
			}
			p.params = append(p.params, param{params[i], v})
		}
	}
	for _, s := range parts[head:] {
		o, err := base64.RawStdEncoding.Strict().DecodeString(s)
		if err != nil || strings.ContainsAny(s, "\r\n") {
			return phc{}, errVerifier
		}
		p.octets = append(p.octets, o)
	}
	return p, nil
}

func parseParam(s, name string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, name+"=")
	v, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || strconv.FormatUint(v, 10) != digits {
		return 0, errVerifier
	}
	return v, nil
}
