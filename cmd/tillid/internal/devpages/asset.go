package devpages

import (
	"net/http"
	"slices"

	"github.com/tillid/tillid/broker/web"
)

// asset serves a file of the pages by its name: their style, which is the look of the login pages with what only these
// have after it, their mark and their script.
func asset(w http.ResponseWriter, r *http.Request) {
	var kind string
	var content []byte
	var err error
	switch name := r.PathValue("name"); name {
	case "dev.css":
		kind = "text/css; charset=utf-8"
		content, err = files.ReadFile("assets/dev.css")
		content = slices.Concat(web.Look(), content)
	case "dev.js":
		kind = "text/javascript; charset=utf-8"
		content, err = files.ReadFile("assets/dev.js")
	case "mark.svg":
		kind, content = "image/svg+xml", web.Mark()
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		problem(w, http.StatusInternalServerError, "The file cannot be read.")
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(content) // a browser that has gone away needs no style
}
