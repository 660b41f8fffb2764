package pagetest

import (
	"fmt"
	"slices"
	"strings"
)

// tokens of autofill that our pages use (HTML, autofill detail tokens).
var tokens = []string{"off", "on", "username", "current-password", "one-time-code"}

// Faults returns what is wrong with a page, each as a sentence with the criterion of WCAG 2.2 where there is one; nil for
// a page without faults.
func Faults(page string) []string {
	all, err := Parse(page)
	if err != nil {
		return []string{err.Error()}
	}
	c := check{ids: make(map[string]*Element), labels: make(map[string]string), count: make(map[string]int)}
	for _, e := range all {
		c.collect(e)
	}
	for _, e := range all {
		c.element(e)
		c.control(e)
		c.references(e)
	}
	c.whole(page)
	return c.faults
}

type check struct {
	ids     map[string]*Element
	labels  map[string]string // text by the id that is labelled
	count   map[string]int    // of elements by name
	heading int               // level of the heading before
	faults  []string
}

func (c *check) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *check) collect(e *Element) {
	c.count[e.Name]++
	if id := e.Attrs["id"]; e.Has("id") {
		if c.ids[id] != nil || strings.TrimSpace(id) == "" || strings.ContainsAny(id, " \t\n") {
			c.fault("the id %q occurs twice or is none", id)
		}
		c.ids[id] = e
	}
	if e.Name == "label" && e.Has("for") {
		c.labels[e.Attrs["for"]] = e.Text()
	}
}

// element checks what concerns one kind of element.
func (c *check) element(e *Element) {
	switch e.Name {
	case "html":
		if l := e.Attrs["lang"]; l != "da" && l != "en" {
			c.fault("the page is in the language %q (3.1.1)", l)
		}
	case "title":
		if e.Within("svg") == nil && e.Text() == "" {
			c.fault("the page has no title (2.4.2)")
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		level := int(e.Name[1] - '0')
		if level > c.heading+1 {
			c.fault("<%s> %q comes after a heading of level %d (1.3.1)", e.Name, e.Text(), c.heading)
		}
		if e.Text() == "" {
			c.fault("<%s> is empty (2.4.6)", e.Name)
		}
		c.heading = level
	case "img":
		if !e.Has("alt") {
			c.fault("an image has no text (1.1.1)")
		}
	case "svg":
		if e.Attrs["aria-hidden"] != "true" && (e.Attrs["role"] != "img" || !e.Has("aria-labelledby")) {
			c.fault("a drawing has no name and is not hidden (1.1.1)")
		}
	case "meta":
		if e.Attrs["name"] == "viewport" && (strings.Contains(e.Attrs["content"], "user-scalable") || strings.Contains(e.Attrs["content"], "maximum-scale")) {
			c.fault("zooming is forbidden (1.4.4)")
		}
	case "th":
		if e.Attrs["scope"] == "" {
			c.fault("the heading %q of a table has no scope (1.3.1)", e.Text())
		}
	case "fieldset":
		if len(e.Children) == 0 || e.Children[0].Name != "legend" || e.Children[0].Text() == "" {
			c.fault("a fieldset has no legend (1.3.1)")
		}
	case "style":
		c.fault("an inline style is blocked by our own policy")
	case "script":
		if e.Attrs["src"] == "" {
			c.fault("an inline script is blocked by our own policy")
		}
	}
	for a := range e.Attrs {
		if a == "style" || strings.HasPrefix(a, "on") {
			c.fault("the inline %s of <%s> is blocked by our own policy", a, e.Name)
		}
	}
	if n := e.Attrs["tabindex"]; n != "" && n != "0" && n != "-1" {
		c.fault("<%s> has the tabindex %s (2.4.3)", e.Name, n)
	}
	if slices.Contains(strings.Fields(e.Attrs["class"]), "problem") && e.Attrs["role"] != "alert" {
		c.fault("a problem is not announced (4.1.3)")
	}
}

// control checks what a person operates.
func (c *check) control(e *Element) {
	name := e.Text()
	if e.Has("aria-label") {
		name = e.Attrs["aria-label"]
	}
	switch e.Name {
	case "a", "button", "summary":
		if strings.TrimSpace(name) == "" {
			c.fault("<%s> has no text (2.4.4, 4.1.2)", e.Name)
		}
		if e.Name == "a" && e.Attrs["href"] == "" {
			c.fault("the link %q leads nowhere", name)
		}
		if e.Attrs["target"] == "_blank" && !strings.Contains(e.Attrs["rel"], "noreferrer") {
			c.fault("the link %q opens a window that can reach back", name)
		}
		if e.Has("aria-label") && e.Text() != "" && !strings.Contains(e.Attrs["aria-label"], e.Text()) {
			c.fault("<%s> reads %q and is called %q (2.5.3)", e.Name, e.Text(), name)
		}
	case "input", "select", "textarea":
		c.field(e)
	case "form":
		if m := e.Attrs["method"]; m != "get" && m != "post" || e.Attrs["action"] == "" {
			c.fault("a form has the method %q and the action %q", m, e.Attrs["action"])
		}
	}
}

func (c *check) field(e *Element) {
	kind := e.Attrs["type"]
	if kind == "hidden" {
		return
	}
	label := c.labels[e.Attrs["id"]]
	if around := e.Within("label"); around != nil {
		label += around.Text()
	}
	if strings.TrimSpace(label) == "" {
		c.fault("the %s %q has no label (3.3.2)", e.Name, e.Attrs["name"])
	}
	switch kind {
	case "radio", "checkbox", "range":
		if kind == "radio" && e.Within("fieldset") == nil {
			c.fault("the choice %q belongs to no fieldset (1.3.1)", e.Attrs["name"])
		}
		return
	}
	if e.Name == "input" && !slices.Contains(tokens, e.Attrs["autocomplete"]) {
		c.fault("the input %q has the autocomplete %q (1.3.5)", e.Attrs["name"], e.Attrs["autocomplete"])
	}
}

func (c *check) references(e *Element) {
	for _, attr := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for"} {
		for id := range strings.FieldsSeq(e.Attrs[attr]) {
			if c.ids[id] == nil {
				c.fault("%s of <%s> names %q, which is not there (1.3.1)", attr, e.Name, id)
			}
		}
	}
	if to, inside := strings.CutPrefix(e.Attrs["href"], "#"); inside && c.ids[to] == nil {
		c.fault("a link leads to %q, which is not there", to)
	}
}

// whole checks what only the whole page shows.
func (c *check) whole(page string) {
	for _, name := range []string{"h1", "main", "html", "head", "body"} {
		if c.count[name] != 1 {
			c.fault("the page has %d %s (1.3.1)", c.count[name], name)
		}
	}
	if c.count["title"] == 0 {
		c.fault("the page has no title (2.4.2)")
	}
	if c.ids["content"] == nil || c.ids["content"].Name != "main" || !strings.Contains(page, `href="#content"`) {
		c.fault("the page has no way to skip to its content (2.4.1)")
	}
	if !strings.HasPrefix(page, "<!DOCTYPE html>") {
		c.fault("the page is in quirks mode")
	}
}
