package web

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

//go:embed texts
var textFiles embed.FS

// languages that every text exists in, the first being what a browser that wants neither gets.
var languages = []string{"da", "en"}

// open are the beginnings of keys that connectors may add texts under.
var open = []string{"prompt.", "wait.", "field.", "connector.", "kind.", "claim.", "problem."}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// catalogue returns the embedded texts with replacements applied, or every fault of the replacements.
func catalogue(replace map[string]map[string]string) (map[string]map[string]string, error) {
	out := make(map[string]map[string]string)
	for _, l := range languages {
		raw, err := textFiles.ReadFile("texts/" + l + ".json")
		if err != nil {
			return nil, err
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("texts/%s.json: %w", l, err)
		}
		out[l] = texts
	}
	var faults []error
	for _, l := range slices.Sorted(maps.Keys(replace)) {
		texts, ok := out[l]
		if !ok {
			faults = append(faults, fmt.Errorf("there is no language %q; there are %s", l, strings.Join(languages, ", ")))
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(replace[l])) {
			if err := replaceable(texts, replace, key, replace[l][key]); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", l, err))
				continue
			}
			texts[key] = replace[l][key]
		}
	}
	return out, errors.Join(faults...)
}

// replaceable reports why a text cannot stand under a key.
func replaceable(texts map[string]string, replace map[string]map[string]string, key, text string) error {
	old, known := texts[key]
	if !known {
		if !slices.ContainsFunc(open, func(o string) bool { return strings.HasPrefix(key, o) }) {
			return fmt.Errorf("there is no text %q", key)
		}
		for _, l := range languages {
			if _, there := replace[l][key]; !there {
				return fmt.Errorf("the new text %q is missing in %q", key, l)
			}
		}
		return nil
	}
	for _, ph := range placeholder.FindAllString(text, -1) {
		if !strings.Contains(old, ph) {
			return fmt.Errorf("the text %q has no value for %s", key, ph)
		}
	}
	return nil
}

// words are the texts of one language.
type words struct {
	Lang  string
	texts map[string]string
}

func (p *Pages) words(language string) words {
	if _, ok := p.texts[language]; !ok {
		language = languages[0]
	}
	return words{language, p.texts[language]}
}

// T returns a text with its placeholders filled from pairs of name and value.
func (w words) T(key string, pairs ...string) string {
	text, ok := w.texts[key]
	if !ok {
		return key
	}
	if len(pairs) == 0 {
		return text
	}
	args := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		args = append(args, "{"+pairs[i]+"}", pairs[i+1])
	}
	return strings.NewReplacer(args...).Replace(text)
}

// first returns the first of the keys that has a text, "" for none.
func (w words) first(keys ...string) string {
	for _, k := range keys {
		if _, ok := w.texts[k]; ok {
			return k
		}
	}
	return ""
}

var months = map[string][12]string{
	"da": {"januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november", "december"},
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
}

// day is a date in words: "6. juni 2023", "6 June 2023".
func (w words) day(year int, month time.Month, day int) string {
	if month < time.January || month > time.December {
		return ""
	}
	dot := ""
	if w.Lang == "da" {
		dot = "."
	}
	return fmt.Sprintf("%d%s %s %d", day, dot, months[w.Lang][month-1], year)
}

// clock is a time of day: "kl. 13.05", "13:05".
func (w words) clock(t time.Time) string {
	if w.Lang == "da" {
		return t.Format("kl. 15.04")
	}
	return t.Format("15:04")
}

// instant is a date and a time of day, in the zone of t: "6. juni 2023 kl. 13.05", "6 June 2023 at 13:05".
func (w words) instant(t time.Time) string {
	join := " "
	if w.Lang == "en" {
		join = " at "
	}
	return w.day(t.Date()) + join + w.clock(t)
}

// until is when something ends, without the date where it ends today.
func (w words) until(t, now time.Time) string {
	ty, tm, td := t.Date()
	ny, nm, nd := now.Date()
	if ty == ny && tm == nm && td == nd {
		return w.clock(t)
	}
	return w.instant(t)
}
