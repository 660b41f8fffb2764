package broker

import (
	"bytes"
	"encoding/json"
)

// shown is a Turn at rest: exactly one field is set.
type shown struct {
	Prompt   *Prompt   `json:"prompt,omitempty"`
	Wait     *Wait     `json:"wait,omitempty"`
	Redirect *Redirect `json:"redirect,omitempty"`
	Post     *Post     `json:"post,omitempty"`
}

// showing returns nil for a Turn that a browser cannot be shown. A secret typed before is never kept.
func showing(t Turn) *shown {
	switch t := t.(type) {
	case Prompt:
		return &shown{Prompt: &t}
	case Wait:
		return &shown{Wait: &t}
	case Redirect:
		return &shown{Redirect: &t}
	case Post:
		return &shown{Post: &t}
	}
	return nil
}

func (s *shown) turn() Turn {
	switch {
	case s.Prompt != nil:
		return *s.Prompt
	case s.Wait != nil:
		return *s.Wait
	case s.Redirect != nil:
		return *s.Redirect
	}
	return *s.Post
}

// waits reports that a visit of the page has to ask the connector whether something has happened.
func (s *shown) waits() bool { return s.Wait != nil }

// same reports that nothing changed between two visits of a waiting page.
func (s *shown) same(o *shown) bool {
	if s.Wait == nil || o == nil || o.Wait == nil {
		return false
	}
	a, err1 := json.Marshal(s)
	b, err2 := json.Marshal(o)
	return err1 == nil && err2 == nil && bytes.Equal(a, b)
}
