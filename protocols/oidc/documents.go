package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/text/language"

	"github.com/tillid/tillid/assurance"
)

// documents are the discovery document and the key set, prepared once for each state of the keys.
type documents struct {
	of        *keySet
	discovery document
	keys      document
}

// document is an answer whose bytes and header are ready.
type document struct {
	body                                    []byte
	kind, tag, cache, length, origin, sniff []string
}

// documentAge is how long clients may keep a document. A next key is to be published for at least twice as long before it
// signs.
const documentAge = 300

func newDocument(body []byte) document {
	sum := sha256.Sum256(body)
	return document{body: body,
		kind:   []string{"application/json"},
		tag:    []string{`"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`},
		cache:  []string{"public, max-age=" + strconv.Itoa(documentAge)},
		length: []string{strconv.Itoa(len(body))},
		origin: []string{"*"},
		sniff:  []string{"nosniff"},
	}
}

// serve writes the document. It sets the header by assignment: this is the whole cost beside the socket.
func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Access-Control-Allow-Origin"] = d.origin
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h["Etag"], h["Cache-Control"], h["X-Content-Type-Options"] = d.tag, d.cache, d.sniff
	if r.Header.Get("If-None-Match") == d.tag[0] {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"], h["Content-Length"] = d.kind, d.length
	if r.Method == http.MethodGet {
		_, _ = w.Write(d.body) // a client that has gone away needs no answer
	}
}

// prepared returns the documents for the keys as they are now.
func (p *Provider) prepared() *documents {
	set := p.keys.set.Load()
	if d := p.documents.Load(); d != nil && d.of == set {
		return d
	}
	body, err := json.Marshal(p.discovery(set))
	if err != nil {
		body = []byte("{}") // strings, lists and booleans always marshal
	}
	d := &documents{of: set, discovery: newDocument(body), keys: newDocument(set.jwks)}
	p.documents.Store(d)
	return d
}

// metadata is the discovery document: the library's type, and the members that it lacks.
type metadata struct {
	*oidc.DiscoveryConfiguration
	Prompts        []string `json:"prompt_values_supported"`                        // OpenID Connect Prompt Create 1.0 section 4.1
	IssInResponse  bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 section 3
	RequestObjects bool     `json:"request_parameter_supported"`                    // said even though it is false
}

// discovery says what this provider does, and nothing that it does not.
func (p *Provider) discovery(set *keySet) metadata {
	authenticated := []oidc.AuthMethod{AuthBasic, AuthPost, AuthPrivateKey}
	everybody := append([]oidc.AuthMethod{AuthNone}, authenticated...)
	assertions := []string{string(ES256), string(PS256), string(RS256)}
	var signing, levels []string
	for _, a := range set.algorithms() {
		signing = append(signing, string(a))
	}
	for _, d := range []assurance.Dialect{assurance.NEB, assurance.OIOSAML3, assurance.BareLower, assurance.Idura, assurance.Signicat, assurance.EIDAS} {
		for _, l := range []assurance.Level{assurance.Low, assurance.Substantial, assurance.High} {
			if word, ok := d.Spell(l); ok && l <= p.broker.FAL() {
				levels = append(levels, word)
			}
		}
	}
	return metadata{
		DiscoveryConfiguration: &oidc.DiscoveryConfiguration{
			Issuer:                                             p.issuer,
			AuthorizationEndpoint:                              p.address(pathAuthorize),
			TokenEndpoint:                                      p.address(pathToken),
			UserinfoEndpoint:                                   p.address(pathUserinfo),
			JwksURI:                                            p.address(pathKeys),
			IntrospectionEndpoint:                              p.address(pathIntrospect),
			RevocationEndpoint:                                 p.address(pathRevoke),
			EndSessionEndpoint:                                 p.address(pathLogout),
			ScopesSupported:                                    (scopeOpenID | scopeProfile | scopeMitID | scopeSSN | scopeOffline).names(),
			ResponseTypesSupported:                             []string{"code"},
			ResponseModesSupported:                             []string{"query", "form_post"},
			GrantTypesSupported:                                []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken},
			ACRValuesSupported:                                 levels,
			SubjectTypesSupported:                              []string{"pairwise"},
			IDTokenSigningAlgValuesSupported:                   signing,
			TokenEndpointAuthMethodsSupported:                  everybody,
			TokenEndpointAuthSigningAlgValuesSupported:         assertions,
			RevocationEndpointAuthMethodsSupported:             everybody,
			RevocationEndpointAuthSigningAlgValuesSupported:    assertions,
			IntrospectionEndpointAuthMethodsSupported:          authenticated,
			IntrospectionEndpointAuthSigningAlgValuesSupported: assertions,
			ClaimTypesSupported:                                []string{"normal"},
			ClaimsSupported: []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid",
				"idp", "loa", "ial", "aal", "identity_type", "name", "given_name", "family_name", "birthdate",
				claimMitIDUUID, claimMitIDAge, claimMitIDBirth, claimMitIDHasCPR, claimCPR},
			ClaimsParameterSupported:          true,
			CodeChallengeMethodsSupported:     []oidc.CodeChallengeMethod{oidc.CodeChallengeMethodS256},
			UILocalesSupported:                oidc.Locales{language.Danish, language.English},
			BackChannelLogoutSupported:        true,
			BackChannelLogoutSessionSupported: true,
		},
		Prompts:       []string{"none", "login", "select_account"},
		IssInResponse: true,
	}
}
