package web

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"strings"
	"text/template/parse"
)

//go:embed templates
var templateFiles embed.FS

// pageName names a page in one language.
type pageName struct{ language, page string }

// fixed is what every page of one configuration shows alike, by the name of the view's field. A field that is empty is not
// shown at all.
type fixed map[string]string

// parseTemplates returns every page in every language, by the name of its file, inside the layout that all share. Texts
// without placeholders and what is fixed are set in here: looking each of them up by reflection for every visit costs more
// than the rest of a page.
func parseTemplates(texts map[string]map[string]string, fixed fixed) (map[pageName]*template.Template, error) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	out := make(map[pageName]*template.Template)
	for _, f := range files {
		name, _ := strings.CutSuffix(f.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		for language := range texts {
			t, err := template.New("layout.html").ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+f.Name())
			if err != nil {
				return nil, fmt.Errorf("web: %w", err)
			}
			set := setter{words{language, texts[language]}, fixed}
			for _, part := range t.Templates() {
				if part.Tree != nil {
					set.list(part.Tree.Root, true)
				}
			}
			out[pageName{language, name}] = t
		}
	}
	return out, nil
}

// setter replaces every call of T that has a constant key and no values by the text, and what is fixed by what it is. Pages
// hold both as text and in quoted attributes only, where the same characters have to be escaped; what is fixed and holds an
// address was checked when the pages were made.
type setter struct {
	words words
	fixed fixed
}

// list goes through a list. view says that the dot is the view that every template is given.
func (s setter) list(l *parse.ListNode, view bool) {
	if l == nil {
		return
	}
	var out []parse.Node
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			if text, ok := s.constant(n.Pipe, view); ok {
				out = append(out, &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(html.EscapeString(text))})
				continue
			}
		case *parse.IfNode:
			s.list(n.List, view)
			s.list(n.ElseList, view)
			if text, ok := s.constant(n.Pipe, view); ok {
				if text != "" {
					out = append(out, n.List.Nodes...)
				} else if n.ElseList != nil {
					out = append(out, n.ElseList.Nodes...)
				}
				continue
			}
		case *parse.RangeNode:
			s.list(n.List, false)
			s.list(n.ElseList, view)
		case *parse.WithNode:
			s.list(n.List, false)
			s.list(n.ElseList, view)
		}
		out = append(out, n)
	}
	l.Nodes = out
}

// constant returns what a pipeline comes to where that is the same for every visit.
func (s setter) constant(p *parse.PipeNode, view bool) (string, bool) {
	if len(p.Decl) != 0 || len(p.Cmds) != 1 {
		return "", false
	}
	args := p.Cmds[0].Args
	name := ""
	switch f := args[0].(type) {
	case *parse.FieldNode:
		if view && len(f.Ident) == 1 {
			name = f.Ident[0]
		}
	case *parse.VariableNode:
		if len(f.Ident) == 2 && f.Ident[0] == "$" {
			name = f.Ident[1]
		}
	}
	switch {
	case len(args) == 1 && name == "Lang":
		return s.words.Lang, true
	case len(args) == 1:
		text, ok := s.fixed[name]
		return text, ok
	case len(args) == 2 && name == "T":
		if key, ok := args[1].(*parse.StringNode); ok {
			return s.words.T(key.Text), true
		}
	}
	return "", false
}
