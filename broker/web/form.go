package web

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
)

// The bounds of broker.Input.
const (
	maxFields = 32
	maxValue  = 4 << 10
)

// readForm returns the fields of a submitted form, or the failure to answer instead. Only the body counts: what is in a link
// must never submit anything.
func (p *Pages) readForm(w http.ResponseWriter, r *http.Request) (url.Values, *failure) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.ContentLength != 0 &&
		(err != nil || kind != "application/x-www-form-urlencoded") {
		return nil, &failure{status: http.StatusUnsupportedMediaType, key: "form"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, p.config.MaxBody)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &failure{status: http.StatusRequestEntityTooLarge, key: "toolarge", err: err}
		}
		return nil, &failure{status: http.StatusBadRequest, key: "form"} // the cause could hold a password
	}
	return r.PostForm, nil
}

// fields turns a form into the fields of an Input: each at most once, few, and short.
func fields(form url.Values) (map[string]string, *failure) {
	if len(form) > maxFields {
		return nil, &failure{status: http.StatusBadRequest, key: "form"}
	}
	out := make(map[string]string, len(form))
	for name, values := range form {
		if len(values) != 1 || len(name) > maxValue || len(values[0]) > maxValue {
			return nil, &failure{status: http.StatusBadRequest, key: "form"}
		}
		out[name] = values[0]
	}
	return out, nil
}

// chosenLanguage is the language that a link of ours asks for, "" for none.
func chosenLanguage(r *http.Request) string {
	for _, l := range languages {
		if r.URL.Query().Get("lang") == l {
			return l
		}
	}
	return ""
}
