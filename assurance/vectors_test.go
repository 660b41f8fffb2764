package assurance_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tillid/tillid/assurance"
)

const vectorDir = "../testdata/levels"

// vector is one line of a vector file; the form is described in the README there.
type vector struct {
	where    string // file and line
	verb     string // both, read, write or refuse
	level    assurance.Level
	dialect  assurance.Dialect
	spelling string
	policy   assurance.NumberPolicy
}

// readVectors returns the vectors of every spelling file, and fails on any line that it does not understand.
func readVectors(t testing.TB) []vector {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(vectorDir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, name := range names {
		switch filepath.Base(name) {
		case "README.txt", "evidence.txt":
			continue
		}
		for _, l := range readLines(t, name) {
			v, err := parseVector(l.text)
			if err != nil {
				t.Fatalf("%s: %v", l.where, err)
			}
			v.where = l.where
			if v.verb == "policy" {
				all = append(all, v)
				continue
			}
			if n := len(all); n > 0 && sameFile(all[n-1].where, v.where) {
				v.policy = all[n-1].policy
			}
			all = append(all, v)
		}
	}
	if len(all) < 100 {
		t.Fatalf("only %d vectors", len(all))
	}
	return all
}

func sameFile(a, b string) bool {
	a, _, _ = strings.Cut(a, ":")
	b, _, _ = strings.Cut(b, ":")
	return a == b
}

type line struct{ where, text string }

// readLines returns the lines that are neither blank nor comments. A paragraph that does not begin with a comment fails
// the test: a vector without a source proves nothing.
func readLines(t testing.TB, name string) []line {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []line
	sourced := false
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		where, text := fmt.Sprintf("%s:%d", filepath.Base(name), n), strings.TrimSpace(s.Text())
		switch {
		case text == "":
			sourced = false
		case strings.HasPrefix(text, "#"):
			sourced = true
		case !sourced:
			t.Fatalf("%s: no comment says where this comes from", where)
		default:
			lines = append(lines, line{where, text})
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func parseVector(text string) (v vector, err error) {
	words := strings.Fields(text)
	v.verb = words[0]
	switch v.verb {
	case "policy":
		_, err = fmt.Sscanf(text, "policy %d %d %d", &v.policy.Low, &v.policy.Substantial, &v.policy.High)
		return v, err
	case "both", "read", "write":
		if len(words) < 4 {
			return v, fmt.Errorf("%q is too short", text)
		}
		if v.level, err = assurance.ParseLevel(words[1]); err != nil {
			return v, err
		}
		if v.dialect, err = assurance.ParseDialect(words[2]); err != nil {
			return v, err
		}
	case "refuse":
	default:
		return v, fmt.Errorf("%q is not a verb", v.verb)
	}
	v.spelling, err = strconv.Unquote(text[strings.Index(text, `"`):])
	return v, err
}

// evidenceCase is one case of evidence.txt.
type evidenceCase struct {
	where      string
	scope      assurance.Scope
	level      assurance.Level
	has, lacks []assurance.ID
}

func readEvidence(t testing.TB) []evidenceCase {
	t.Helper()
	var cases []evidenceCase
	for _, l := range readLines(t, filepath.Join(vectorDir, "evidence.txt")) {
		verb, rest, _ := strings.Cut(l.text, " ")
		var err error
		switch c := len(cases) - 1; verb {
		case "case":
			scope, word, _ := strings.Cut(rest, " = ")
			e := evidenceCase{where: l.where, scope: assurance.Scope(scope)}
			e.level, err = assurance.ParseLevel(word)
			cases = append(cases, e)
		case "has":
			cases[c].has, err = parseIDs(rest)
		case "lacks":
			cases[c].lacks, err = parseIDs(rest)
		default:
			err = fmt.Errorf("%q is not a verb", verb)
		}
		if err != nil {
			t.Fatalf("%s: %v", l.where, err)
		}
	}
	return cases
}

var idRange = regexp.MustCompile(`^([0-9.]+)\((\d+)(?:-(\d+))?\)$`)

// parseIDs reads ids and ranges of ids, "3.1.1(4) 3.1.2(1-6)"; "-" is none.
func parseIDs(text string) ([]assurance.ID, error) {
	var ids []assurance.ID
	for _, word := range strings.Fields(text) {
		if word == "-" {
			continue
		}
		m := idRange.FindStringSubmatch(word)
		if m == nil {
			return nil, fmt.Errorf("%q is neither an id nor a range", word)
		}
		first, _ := strconv.Atoi(m[2])
		last := first
		if m[3] != "" {
			last, _ = strconv.Atoi(m[3])
		}
		for n := first; n <= last; n++ {
			id := assurance.ID(fmt.Sprintf("%s(%d)", m[1], n))
			if _, ok := assurance.Lookup(id); !ok {
				return nil, fmt.Errorf("NSIS has no %s", id)
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}
