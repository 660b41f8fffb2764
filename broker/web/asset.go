package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

//go:embed assets/look.css
var lookFile []byte

//go:embed assets/mark.svg
var markFile []byte

// Look is the part of the style sheet that has nothing to do with a login: colours in the light and the dark scheme, type,
// links, buttons and fields. Pages of an installation's own that begin their style sheet with it look like ours, and follow
// when ours change. The bytes are the caller's own.
func Look() []byte { return bytes.Clone(lookFile) }

// Mark is our mark, an SVG drawing of 32 by 32 units. The bytes are the caller's own.
func Mark() []byte { return bytes.Clone(markFile) }

// asset is a file whose name holds the digest of its content, so that a browser may keep it for ever.
type asset struct {
	content []byte
	kind    string // media type
}

// hrefs are the addresses of the assets.
type hrefs struct{ Style, Script, Mark, Theme string }

func collectAssets(prefix string, theme []byte) (map[string]asset, hrefs, error) {
	out := make(map[string]asset)
	add := func(name, kind string, content []byte) string {
		stem, ext, _ := strings.Cut(name, ".")
		sum := sha256.Sum256(content)
		full := stem + "-" + hex.EncodeToString(sum[:8]) + "." + ext
		out[full] = asset{content, kind}
		return prefix + "assets/" + full
	}
	var h hrefs
	for _, f := range []struct {
		href       *string
		name, kind string
	}{
		{&h.Style, "pages.css", "text/css; charset=utf-8"},
		{&h.Script, "pages.js", "text/javascript; charset=utf-8"},
		{&h.Mark, "mark.svg", "image/svg+xml"},
	} {
		content, err := assetFiles.ReadFile("assets/" + f.name)
		if err != nil {
			return nil, h, err
		}
		if f.href == &h.Style {
			content = append(Look(), content...)
		}
		*f.href = add(f.name, f.kind, content)
	}
	if len(theme) > 0 {
		h.Theme = add("theme.css", "text/css; charset=utf-8", theme)
	}
	return out, h, nil
}

func (p *Pages) serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	a, ok := p.assets[name]
	switch {
	case !ok:
		p.fail(w, r, failure{status: http.StatusNotFound, key: "notfound"})
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		p.fail(w, r, failure{status: http.StatusMethodNotAllowed, key: "method"})
		return
	}
	p.secure(w.Header())
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", a.kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
