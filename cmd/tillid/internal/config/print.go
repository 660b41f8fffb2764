package config

import (
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Print writes c as a file that Read would accept. References are printed as such, never what they stand for, and
// passwords in addresses are left out.
func Print(w io.Writer, c Config) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	groups := map[string]*yaml.Node{"": root}
	for _, k := range keys {
		group, name := "", k.name
		if g, n, found := strings.Cut(k.name, "."); found {
			group, name = g, n
		}
		into := groups[group]
		if into == nil {
			into = &yaml.Node{Kind: yaml.MappingNode}
			groups[group] = into
			root.Content = append(root.Content, scalarNode(group), into)
		}
		values := k.get(c)
		if !k.list {
			into.Content = append(into.Content, scalarNode(name), k.node(values[0]))
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, v := range values {
			list.Content = append(list.Content, k.node(v))
		}
		into.Content = append(into.Content, scalarNode(name), list)
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return e.Close()
}

// node writes numbers as numbers, and everything else as text.
func (k key) node(value string) *yaml.Node {
	n := scalarNode(value)
	if k.number {
		n.Style, n.Tag = 0, ""
	}
	return n
}

func scalarNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
