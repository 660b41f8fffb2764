package oidc

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/rs/cors"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
)

// maxForm is the greatest length of a form sent to an endpoint for programs, in bytes.
const maxForm = 16 << 10

// apiWriter adds to an answer what its status calls for.
type apiWriter struct {
	http.ResponseWriter
	challenge string // WWW-Authenticate of a 401
}

// WriteHeader adds the challenge of a 401 (RFC 6749 section 5.2, RFC 6750 section 3) and when to come back after a 503.
func (w *apiWriter) WriteHeader(status int) {
	switch status {
	case http.StatusUnauthorized:
		if w.Header().Get("WWW-Authenticate") == "" {
			w.Header().Set("WWW-Authenticate", w.challenge)
		}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", retryAfter)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *apiWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// form guards an endpoint that takes a form from a program: POST only, a body within the limit, no parameter twice
// (RFC 6749 section 3.2), none in the address.
func (p *Provider) form(share *cors.Cors, next http.Handler) http.Handler {
	return shared(share, http.HandlerFunc(func(plain http.ResponseWriter, r *http.Request) {
		w := &apiWriter{plain, `Basic realm="` + p.issuer + `"`}
		hardenAPI(w.Header())
		if r.Method != http.MethodPost {
			notAllowed(w, http.MethodPost)
			return
		}
		values, err := formBody(w, r, maxForm)
		if err != nil {
			writeInvalid(w, bodyStatus(err), bodyText(err))
			return
		}
		if twice(values) {
			writeInvalid(w, http.StatusBadRequest, "A parameter is there more than once.")
			return
		}
		r.Form, r.PostForm = values, values
		next.ServeHTTP(w, r)
	}))
}

// grantType refuses every grant but the two that are spoken here before anything else is looked at.
func (p *Provider) grantType(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.PostForm.Get("grant_type") {
		case grantCode, grantRefresh, "": // a missing one is op's to answer
			next.ServeHTTP(w, r)
		default:
			writeError(w, http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported.")
		}
	})
}

// confidential refuses requests without any client authentication (RFC 7662 section 2.1) before op answers them with a
// status that is not the standard's.
func confidential(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && r.PostForm.Get("client_secret") == "" && r.PostForm.Get("client_assertion") == "" {
			writeError(w, http.StatusUnauthorized, "invalid_client", "The client could not be authenticated.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// resource guards an endpoint that an access token opens. The token comes in the Authorization header and nowhere else:
// anywhere else it would be logged or kept (RFC 6750 section 5.3).
func (p *Provider) resource(share *cors.Cors, next http.Handler, methods ...string) http.Handler {
	return shared(share, http.HandlerFunc(func(plain http.ResponseWriter, r *http.Request) {
		realm := `Bearer realm="` + p.issuer + `"`
		w := &apiWriter{plain, realm + `, error="invalid_token"`}
		hardenAPI(w.Header())
		allowed := false
		for _, m := range methods {
			allowed = allowed || r.Method == m
		}
		switch {
		case !allowed:
			notAllowed(w, methods...)
			return
		case r.URL.RawQuery != "":
			writeInvalid(w, http.StatusBadRequest, bodyText(errQuery))
			return
		case bearer(r) == "":
			w.challenge = realm // RFC 6750 section 3.1: no error code where there was no token
			writeInvalid(w, http.StatusUnauthorized, "An access token is needed in the Authorization header.")
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// bodiless drops the body of a userinfo request, which says nothing, before op looks for a token in it.
func bodiless(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := limitedBody(w, r, maxForm)
		if err != nil {
			writeInvalid(w, bodyStatus(err), bodyText(err))
			return
		}
		if values, err := url.ParseQuery(string(body)); err == nil && values.Has("access_token") {
			writeInvalid(w, http.StatusBadRequest, "An access token is needed in the Authorization header, and nowhere else.")
			return
		}
		r.Form, r.PostForm = url.Values{}, url.Values{}
		next.ServeHTTP(w, r)
	})
}

// bearer returns the token of the Authorization header, or "".
func bearer(r *http.Request) string {
	all := r.Header["Authorization"]
	if len(all) != 1 {
		return ""
	}
	scheme, token, ok := strings.Cut(all[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || len(token) > maxToken {
		return ""
	}
	return token
}

func twice(values url.Values) bool {
	for _, v := range values {
		if len(v) > 1 {
			return true
		}
	}
	return false
}

// hardenAPI sets what every answer to a program carries (RFC 6749 section 5.1).
func hardenAPI(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

// writeError answers an error that package op has no part in (RFC 6749 section 5.2).
func writeError(w http.ResponseWriter, status int, code, text string) {
	httphelper.MarshalJSONWithStatus(w, struct {
		Error string `json:"error"`
		Text  string `json:"error_description"`
	}{code, text}, status)
}

func writeInvalid(w http.ResponseWriter, status int, text string) {
	writeError(w, status, "invalid_request", text)
}

func notAllowed(w http.ResponseWriter, methods ...string) {
	w.Header().Set("Allow", strings.Join(methods, ", "))
	writeInvalid(w, http.StatusMethodNotAllowed, "The method is not supported here.")
}

func bodyText(err error) string {
	switch {
	case errors.Is(err, errTooLong):
		return "The body is too long."
	case errors.Is(err, errQuery):
		return "Parameters do not belong in the address."
	}
	return "The body is not a form (application/x-www-form-urlencoded)."
}

// crossOrigin lets scripts of any origin call an endpoint, without cookies: whatever they send they must have themselves.
func crossOrigin(methods ...string) *cors.Cors {
	return cors.New(cors.Options{AllowedOrigins: []string{"*"}, AllowedMethods: methods,
		AllowedHeaders: []string{"Authorization", "Content-Type"}, ExposedHeaders: []string{"WWW-Authenticate", "Retry-After"},
		MaxAge: documentAge})
}

func shared(c *cors.Cors, next http.Handler) http.Handler {
	if c == nil {
		return next
	}
	return c.Handler(next)
}
