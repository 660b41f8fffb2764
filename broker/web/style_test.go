package web

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

// TestColoursCanBeTold computes the contrasts that WCAG 2.2 asks for, 4.5 for text (1.4.3) and 3 for what is not text
// (1.4.11), in the light and the dark scheme.
func TestColoursCanBeTold(t *testing.T) {
	css := Look()
	light, dark := make(map[string]string), make(map[string]string)
	blocks := strings.SplitN(string(css), "@media (prefers-color-scheme: dark)", 2)
	for _, m := range colour.FindAllStringSubmatch(blocks[0], -1) {
		light[m[1]], dark[m[1]] = m[2], m[2]
	}
	for _, m := range colour.FindAllStringSubmatch(blocks[1], -1) {
		dark[m[1]] = m[2]
	}
	for scheme, c := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range []struct {
			on, under string
			least     float64
		}{
			{"ink", "box", 4.5}, {"ink", "mist", 4.5}, {"soft", "box", 4.5}, {"soft", "mist", 4.5}, {"green", "box", 4.5},
			{"green", "mist", 4.5}, {"green-dark", "box", 4.5}, {"on-green", "green", 4.5}, {"on-green", "green-dark", 4.5},
			{"red", "box", 4.5}, {"red", "red-mist", 4.5}, {"on-band", "band", 4.5}, {"field", "box", 3}, {"focus", "box", 3},
		} {
			if c[pair.on] == "" || c[pair.under] == "" {
				t.Fatalf("%s: no colour %s or %s", scheme, pair.on, pair.under)
			}
			if got := contrast(c[pair.on], c[pair.under]); got < pair.least {
				t.Errorf("%s: %s on %s has the contrast %.2f, want %.1f", scheme, pair.on, pair.under, got, pair.least)
			}
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8) // the pattern lets nothing else through
		v := float64(n) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func TestTheScriptIsSmallAndWritesNoMarkup(t *testing.T) {
	js, err := assetFiles.ReadFile("assets/pages.js")
	must(t, err)
	if len(js) > 10<<10 {
		t.Errorf("the script has %d bytes", len(js))
	}
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "new Function", ".style", "localStorage"} {
		if strings.Contains(string(js), bad) {
			t.Errorf("the script uses %s", bad)
		}
	}
}
