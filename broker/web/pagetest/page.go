// Package pagetest reads the pages of this module in tests and says what is wrong with their markup: what WCAG 2.2 asks
// for and can be told without a browser, and what our own Content-Security-Policy would block.
//
// It sees no colours, no sizes and no order of focus; those are looked at in a browser.
package pagetest

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Element is one element of a page.
type Element struct {
	Name     string
	Attrs    map[string]string
	Parent   *Element // nil for html
	Children []*Element
	text     strings.Builder
}

// Has reports whether the element has the attribute, empty or not.
func (e *Element) Has(attr string) bool { _, ok := e.Attrs[attr]; return ok }

// Text is the text inside the element and everything in it, in one line. Of an image it is the text that stands for it.
func (e *Element) Text() string { return strings.Join(strings.Fields(e.text.String()), " ") }

// Within returns the closest element of the name around this one, itself included; nil for none.
func (e *Element) Within(name string) *Element {
	for ; e != nil; e = e.Parent {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Parse returns the elements of a page in the order of their start tags. It is strict: our pages are written so that XML
// and HTML read the same in them, and what is not well-formed is an error.
func Parse(page string) ([]*Element, error) {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = map[string]string{}
	var all []*Element
	var at *Element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the page is not well-formed: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			e := &Element{Name: t.Name.Local, Attrs: make(map[string]string), Parent: at}
			for _, a := range t.Attr {
				if e.Has(a.Name.Local) {
					return nil, fmt.Errorf("<%s> has %s twice", e.Name, a.Name.Local)
				}
				e.Attrs[a.Name.Local] = a.Value
			}
			if at != nil {
				at.Children = append(at.Children, e)
			}
			e.Parent.write(e.Attrs["alt"])
			all, at = append(all, e), e
		case xml.EndElement:
			at = at.Parent
		case xml.CharData:
			at.write(string(t))
		}
	}
}

// write adds text to an element and to those around it. What is hidden from assistive technology is no text.
func (e *Element) write(text string) {
	for ; e != nil && e.Attrs["aria-hidden"] != "true"; e = e.Parent {
		e.text.WriteString(text)
	}
}
