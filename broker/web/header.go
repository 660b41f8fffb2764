package web

import "net/http"

// policy is the Content-Security-Policy of every page. form-action is the only part that one kind of page changes.
func policy(formAction string) string {
	return "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self'; connect-src 'self'; form-action " +
		formAction + "; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
}

// secure sets the headers that everything we send has. Pages hold what concerns one person, so nothing may keep them.
func (p *Pages) secure(h http.Header) {
	h.Set("Content-Security-Policy", policy("'self'"))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if !p.config.InsecureHTTP {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}
