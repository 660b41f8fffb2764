package pagetest

import (
	"fmt"
	"strings"
	"testing"
)

const frame = `<!DOCTYPE html>
<html lang="da"><head><meta charset="utf-8"/><title>Side</title></head>
<body><a href="#content">Til indholdet</a><main id="content"><h1>Side</h1>%s</main></body></html>`

func TestAGoodPageHasNoFaults(t *testing.T) {
	for _, part := range []string{
		``,
		`<form method="post" action="/x"><label for="a">Navn</label><input id="a" name="a" autocomplete="username"/><button>Send</button></form>`,
		`<fieldset><legend>Valg</legend><label><input type="radio" name="r"/> Ja</label></fieldset>`,
		`<h2>To</h2><h3>Tre</h3><h2>To igen</h2>`,
		`<p class="problem" role="alert">Galt</p>`,
		`<svg role="img" aria-labelledby="t"><title id="t">Kode</title></svg><svg aria-hidden="true"/><a href="/"><img alt="Forside" src="/m"/></a>`,
		`<table><thead><tr><th scope="col">A</th></tr></thead></table>`,
	} {
		if got := Faults(fmt.Sprintf(frame, part)); got != nil {
			t.Errorf("%s: %v", part, got)
		}
	}
}

// TestEveryFaultIsFound plants one fault at a time: a check that passes everything would pass every page.
func TestEveryFaultIsFound(t *testing.T) {
	for want, part := range map[string]string{
		"not well-formed":               `<p>`,
		"has class twice":               `<p class="a" class="b">x</p>`,
		`the id "b" occurs twice`:       `<p id="b">x</p><p id="b">y</p>`,
		`comes after a heading`:         `<h3>x</h3>`,
		"<h2> is empty":                 `<h2> </h2>`,
		"2 h1":                          `<h1>x</h1>`,
		"2 main":                        `<main>x</main>`,
		"an image has no text":          `<img src="/x"/>`,
		"a drawing has no name":         `<svg/>`,
		"has no scope":                  `<table><tr><th>x</th></tr></table>`,
		"no legend":                     `<fieldset><p>x</p></fieldset>`,
		"an inline style is":            `<style>p {}</style>`,
		"an inline script is":           `<script>x</script>`,
		"the inline style of <p>":       `<p style="x">x</p>`,
		"the inline onclick of <p>":     `<p onclick="x">x</p>`,
		"has the tabindex 3":            `<p tabindex="3">x</p>`,
		"a problem is not announced":    `<p class="big problem">x</p>`,
		"<button> has no text":          `<button><img src="/x" alt=""/></button>`,
		"<a> has no text":               `<a href="/"><span aria-hidden="true">x</span></a>`,
		"leads nowhere":                 `<a>x</a>`,
		"can reach back":                `<a href="/" target="_blank">x</a>`,
		"and is called":                 `<a href="/" aria-label="Andet">Noget</a>`,
		"the input \"a\" has no label":  `<input name="a" autocomplete="off"/>`,
		"the select \"a\" has no label": `<select name="a"/>`,
		"has the autocomplete":          `<label>x <input name="a" autocomplete="name of a dog"/></label>`,
		"belongs to no fieldset":        `<label>x <input name="a" type="radio"/></label>`,
		"a form has the method":         `<form action="/x"/>`,
		`names "gone"`:                  `<p aria-describedby="gone">x</p>`,
		`for of <label> names "gone"`:   `<label for="gone">x</label>`,
		`a link leads to "gone"`:        `<a href="#gone">x</a>`,
	} {
		got := strings.Join(Faults(fmt.Sprintf(frame, part)), "\n")
		if !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: found %q, want %q alone", part, got, want)
		}
	}
	good := fmt.Sprintf(frame, "")
	for want, change := range map[string][2]string{
		"in the language":    {`lang="da"`, ``},
		"the page is in the": {`lang="da"`, `lang="de"`},
		"has no title":       {`<title>Side</title>`, ``},
		"no title (2.4.2)":   {`<title>Side</title>`, `<title> </title>`},
		"zooming is":         {`<meta charset="utf-8"/>`, `<meta name="viewport" content="maximum-scale=1"/>`},
		"no way to skip":     {`<a href="#content">Til indholdet</a>`, ``},
		"0 h1":               {`<h1>Side</h1>`, ``},
		"in quirks mode":     {`<!DOCTYPE html>`, ``},
	} {
		got := strings.Join(Faults(strings.Replace(good, change[0], change[1], 1)), "\n")
		if !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%v: found %q, want %q alone", change, got, want)
		}
	}
}
