package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is where a configuration is read from.
type Source struct {
	File    string // path of the YAML file; empty: none
	Getenv  func(string) (string, bool)
	Flags   map[string]string // key to value, as given on the command line; lists are separated by commas
	Environ []string          // as os.Environ returns it: a TILLID_ variable that is no key is a fault
}

// maxFile is the largest configuration file, in octets.
const maxFile = 1 << 20

// Read reads and checks a configuration. An error holds every Fault that was found.
func Read(s Source) (Config, error) {
	r := reader{where: make(map[string]string), broken: make(map[string]bool)}
	for _, k := range keys {
		if k.def != "" {
			r.set(k.name, []string{k.def}, "")
		}
	}
	if s.File != "" && !r.file(s.File) {
		return r.config, errors.Join(r.faults...) // what else is missing cannot be known
	}
	r.environment(s.Environ)
	for _, name := range slices.Sorted(maps.Keys(s.Flags)) {
		values := []string{s.Flags[name]}
		if i := slices.IndexFunc(keys, func(k key) bool { return k.name == name }); i >= 0 && keys[i].list {
			values = split(s.Flags[name])
		}
		r.set(name, values, "--"+name)
	}
	r.check()
	return r.config, errors.Join(r.faults...)
}

// reader collects values and faults.
type reader struct {
	config Config
	where  map[string]string // of the value that counts, by key
	broken map[string]bool   // keys whose last value could not be taken: checking them again would say it twice
	faults []error
}

func (r *reader) fail(where, key, format string, args ...any) {
	r.faults = append(r.faults, &Fault{where, key, fmt.Sprintf(format, args...)})
}

func names() []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.name)
	}
	return out
}

func (r *reader) set(name string, values []string, where string) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		r.fail(where, name, "%s", unknown(name, names()))
		return
	}
	r.where[name] = where
	delete(r.broken, name)
	if err := keys[i].set(&r.config, values); err != nil {
		r.broken[name] = true
		r.fail(where, name, "%v", err)
	}
}

// split reads a list as it stands in a variable or a flag.
func split(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	if out == nil {
		return []string{""}
	}
	return out
}

// reserved are variables with our prefix that are not settings.
var reserved = []string{"TILLID_CONFIG", "TILLID_REQUIRE_SERVERS", "TILLID_KILLS"}

func (r *reader) environment(environ []string) {
	known := make(map[string]key)
	var all []string
	for _, k := range keys {
		known[k.env()] = k
		all = append(all, k.env())
	}
	for _, pair := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "TILLID_") || slices.Contains(reserved, name) {
			continue
		}
		k, ok := known[name]
		switch {
		case ok && k.list:
			r.set(k.name, split(value), name)
		case ok:
			r.set(k.name, []string{value}, name)
		case !r.referred(name):
			r.fail(name, "", "%s", unknown(name, all))
		}
	}
}

// referred reports that some value points at the variable, which then is not a misspelt setting.
func (r *reader) referred(name string) bool {
	for _, k := range keys {
		if slices.Contains(k.get(r.config), "env:"+name) {
			return true
		}
	}
	return false
}

// file reports whether the file could be read at all.
func (r *reader) file(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		r.fail(path, "", "cannot be read: %v", errors.Unwrap(err))
		return false
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		r.fail(path, "", "cannot be read: %v", err)
		return false
	case len(data) > maxFile:
		r.fail(path, "", "larger than %d octets", maxFile)
		return false
	}
	root, fault := parse(path, data)
	if fault != nil {
		r.faults = append(r.faults, fault)
		return false
	}
	if root != nil {
		r.mapping(path, "", root)
	}
	return true
}

// mapping takes one group of the file.
func (r *reader) mapping(path, prefix string, n *yaml.Node) {
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		where := fmt.Sprintf("%s:%d", path, k.Line)
		name := prefix + k.Value
		if line := seen[name]; line != 0 {
			r.fail(where, name, "set before, in line %d", line)
			continue
		}
		seen[name] = k.Line
		group := slices.ContainsFunc(keys, func(o key) bool { return strings.HasPrefix(o.name, name+".") })
		switch {
		case group && v.Kind == yaml.MappingNode:
			r.mapping(path, name+".", v)
		case group:
			r.fail(where, name, "is a group of keys")
		case v.Kind == yaml.ScalarNode && v.Tag == "!!null":
			// a key without a value keeps its default
			if !slices.Contains(names(), name) {
				r.fail(where, name, "%s", r.unknownIn(prefix, k.Value))
			}
		case !slices.Contains(names(), name):
			r.fail(where, name, "%s", r.unknownIn(prefix, k.Value))
		case v.Kind == yaml.ScalarNode:
			r.set(name, []string{v.Value}, where)
		case v.Kind == yaml.SequenceNode:
			values, ok := scalars(v)
			if !ok {
				r.fail(where, name, "takes a list of single values")
				continue
			}
			r.set(name, values, where)
		default:
			r.fail(where, name, "takes a value")
		}
	}
}

func scalars(n *yaml.Node) ([]string, bool) {
	out := make([]string, 0, len(n.Content))
	for _, v := range n.Content {
		if v.Kind != yaml.ScalarNode {
			return nil, false
		}
		out = append(out, v.Value)
	}
	return out, true
}

// unknownIn suggests keys of the same group.
func (r *reader) unknownIn(prefix, word string) string {
	var known []string
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k.name, prefix)
		if !ok {
			continue
		}
		head, _, _ := strings.Cut(rest, ".")
		if !slices.Contains(known, head) {
			known = append(known, head)
		}
	}
	return unknown(word, known)
}
