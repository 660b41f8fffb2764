package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ParseClients reads registrations from YAML or JSON: one client, a list of clients, or several documents of either. name
// is the file's, for errors. A key that is unknown, or a value of the wrong kind, is an error that says where, and which
// key may have been meant; everything that is wrong is reported at once.
func ParseClients(name string, text []byte) ([]Client, error) {
	var all []Client
	var faults []error
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var node yaml.Node
		err := documents.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = append(faults, located(name, err))
			break
		}
		clients, err := decodeClients(&node)
		if err != nil {
			faults = append(faults, located(name, err))
			continue
		}
		all = append(all, clients...)
	}
	if faults == nil {
		if err := validateAll(all); err != nil {
			faults = append(faults, located(name, err))
		}
		if len(all) == 0 {
			faults = append(faults, fmt.Errorf("%s: there is no client in it", name))
		}
	}
	return all, errors.Join(faults...)
}

func decodeClients(node *yaml.Node) ([]Client, error) {
	if len(node.Content) == 0 {
		return nil, nil
	}
	var faults []error
	entries := []*yaml.Node{node.Content[0]}
	if entries[0].Kind == yaml.SequenceNode {
		entries = entries[0].Content
	}
	var out []Client
	for _, entry := range entries {
		if entry.Kind != yaml.MappingNode {
			faults = append(faults, fmt.Errorf("line %d: a client is a mapping", entry.Line))
			continue
		}
		for i := 0; i+1 < len(entry.Content); i += 2 {
			if key := entry.Content[i]; !knownKey(key.Value) {
				faults = append(faults, fmt.Errorf("line %d: key %.60q is unknown; did you mean %q?", key.Line, key.Value, nearestKey(key.Value)))
			}
		}
		var c Client
		if err := entry.Decode(&c); err != nil {
			faults = append(faults, err)
		}
		out = append(out, c)
	}
	return out, errors.Join(faults...)
}

// located puts the file's name before every line of an error.
func located(name string, err error) error {
	text := yamlPrefix.ReplaceAllString(err.Error(), "")
	var faults []error
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			faults = append(faults, fmt.Errorf("%s: %s", name, line))
		}
	}
	return errors.Join(faults...)
}

var yamlPrefix = regexp.MustCompile(`yaml: (unmarshal errors:)?\s*`)

// clientKeys are the names on the wire.
func clientKeys() []string {
	var out []string
	for f := range reflect.TypeFor[Client]().Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "-" {
			out = append(out, name)
		}
	}
	return out
}

func knownKey(key string) bool {
	for _, k := range clientKeys() {
		if k == key {
			return true
		}
	}
	return false
}

// nearestKey is the key with the fewest letters to change.
func nearestKey(key string) string {
	if len(key) > 60 {
		key = key[:60]
	}
	best, least := "", 1<<30
	for _, k := range clientKeys() {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
