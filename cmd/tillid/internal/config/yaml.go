package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deeply values may be nested.
const maxDepth = 20

// parse reads one YAML document whose root is a mapping; nil for an empty document. Aliases are refused: a small file
// would stand for a large one.
func parse(path string, data []byte) (*yaml.Node, *Fault) {
	root, fault := document(path, data)
	if fault != nil || root == nil {
		return nil, fault
	}
	if root.Kind != yaml.MappingNode {
		return nil, &Fault{fmt.Sprintf("%s:%d", path, root.Line), "", "must be a list of keys with values"}
	}
	return root, nil
}

var lineOfError = regexp.MustCompile(`line (\d+): `)

func document(path string, data []byte) (*yaml.Node, *Fault) {
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		where := path
		if m := lineOfError.FindStringSubmatch(text); m != nil {
			where, text = path+":"+m[1], strings.Replace(text, m[0], "", 1)
		}
		return nil, &Fault{where, "", "not YAML: " + text}
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Fault{path, "", "holds more than one document"}
	}
	if line := forbidden(&doc, 0); line != 0 {
		return nil, &Fault{fmt.Sprintf("%s:%d", path, line), "", "anchors and aliases, and nesting this deep, are not read"}
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// forbidden returns the line of the first node that is not read, or 0.
func forbidden(n *yaml.Node, depth int) int {
	if n.Kind == yaml.AliasNode || n.Anchor != "" || depth > maxDepth {
		return max(n.Line, 1)
	}
	for _, c := range n.Content {
		if line := forbidden(c, depth+1); line != 0 {
			return line
		}
	}
	return 0
}

// Decode reads one YAML (or JSON) document into a struct, or a slice of structs, by their yaml tags. Unlike the decoder it
// stands on it reports every unknown key, key set twice and value of a wrong type at once, as Faults with their lines and
// the nearest key. path only names the document in Faults.
func Decode(path string, data []byte, into any) error {
	if len(data) > maxFile {
		return &Fault{path, "", fmt.Sprintf("larger than %d octets", maxFile)}
	}
	root, fault := document(path, data)
	if fault != nil {
		return fault
	}
	if root == nil {
		return &Fault{path, "", "empty"}
	}
	s := strict{path: path}
	s.value(root, reflect.TypeOf(into).Elem(), "")
	if s.faults != nil {
		return errors.Join(s.faults...)
	}
	if err := root.Decode(into); err != nil {
		return &Fault{path, "", strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	return nil
}

// strict walks a document beside the type it is meant for.
type strict struct {
	path   string
	faults []error
}

func (s *strict) fail(n *yaml.Node, key, format string, args ...any) {
	s.faults = append(s.faults, &Fault{fmt.Sprintf("%s:%d", s.path, n.Line), key, fmt.Sprintf(format, args...)})
}

func (s *strict) value(n *yaml.Node, t reflect.Type, key string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	pointer := reflect.PointerTo(t)
	own := leaf(t) || pointer.Implements(reflect.TypeFor[yaml.Unmarshaler]()) ||
		pointer.Implements(reflect.TypeFor[interface{ UnmarshalYAML(func(any) error) error }]()) // the older form, without a type of the library's
	switch {
	case !own && t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		s.mapping(n, t, key)
	case !own && t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			s.value(c, t.Elem(), key)
		}
	default:
		if err := n.Decode(reflect.New(t).Interface()); err != nil {
			text := lineOfError.ReplaceAllString(strings.TrimPrefix(err.Error(), "yaml: "), "")
			text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
			s.fail(n, key, "%s", text)
		}
	}
}

func (s *strict) mapping(n *yaml.Node, t reflect.Type, prefix string) {
	types := make(map[string]reflect.Type)
	collect(t, types)
	var known, seen []string
	for name := range types {
		known = append(known, name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := strings.TrimPrefix(prefix+"."+k.Value, ".")
		switch {
		case slices.Contains(seen, k.Value):
			s.fail(k, key, "set twice")
		case types[k.Value] == nil:
			s.fail(k, key, "%s", unknown(k.Value, slices.Clone(known)))
		default:
			s.value(v, types[k.Value], key)
		}
		seen = append(seen, k.Value)
	}
}

// collect names the fields of a struct as the decoder does, those of inlined structs included.
func collect(t reflect.Type, into map[string]reflect.Type) {
	for f := range fields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case options == "inline":
			collect(f.Type, into)
		case name == "":
			into[strings.ToLower(f.Name)] = f.Type
		default:
			into[name] = f.Type
		}
	}
}
