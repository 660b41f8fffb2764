package devpages

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
)

// problem answers an error of the control interface.
func problem(w http.ResponseWriter, status int, sentence string) {
	answer(w, status, map[string]string{"error": sentence})
}

func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"The answer cannot be written."}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a script that has gone away needs no answer
}

// read takes in a JSON body; an empty one leaves v as it is. It answers itself and returns false when it cannot.
func read(w http.ResponseWriter, r *http.Request, v any) bool {
	body, ok := readAll(w, r)
	if !ok {
		return false
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return true
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		problem(w, http.StatusBadRequest, "The body cannot be read: "+err.Error())
		return false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		problem(w, http.StatusBadRequest, "The body holds more than one value.")
		return false
	}
	return true
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		problem(w, http.StatusRequestEntityTooLarge, "The body is over 64 KiB.")
	case err != nil:
		problem(w, http.StatusBadRequest, "The body cannot be read.")
	}
	return body, err == nil
}

// person finds the person that a path names, or answers 404.
func (p *Pages) person(w http.ResponseWriter, r *http.Request) (simulator.Holder, bool) {
	h, ok := p.people[r.PathValue("user")]
	if !ok {
		problem(w, http.StatusNotFound, "There is no such person.")
	}
	return h, ok
}

type apiAuthenticator struct {
	ID   string     `json:"id"`
	Kind authn.Kind `json:"kind"`
}

type apiPerson struct {
	UserID         string             `json:"user_id"`
	Name           string             `json:"name"`
	Scheme         string             `json:"scheme"`
	IAL            string             `json:"ial"`
	Authenticators []apiAuthenticator `json:"authenticators"`
}

func (p *Pages) apiPeople(w http.ResponseWriter, _ *http.Request) {
	out := []apiPerson{}
	for _, h := range p.config.People {
		one := apiPerson{h.UserID, h.Person.Name(), h.Scheme, h.Person.IAL.String(), []apiAuthenticator{}}
		for _, a := range h.Authenticators {
			one.Authenticators = append(one.Authenticators, apiAuthenticator{a.ID, a.Kind})
		}
		out = append(out, one)
	}
	answer(w, http.StatusOK, out)
}

// apiCode is the code that the person's display shows, or reads aloud, now.
func (p *Pages) apiCode(w http.ResponseWriter, r *http.Request) {
	h, ok := p.person(w, r)
	if !ok {
		return
	}
	d := h.CodeDisplay
	switch authn.Kind(r.URL.Query().Get("kind")) {
	case "":
		if d == nil {
			d = h.AudioReader
		}
	case authn.CodeDisplay:
	case authn.AudioReader:
		d = h.AudioReader
	default:
		problem(w, http.StatusBadRequest, "kind is code_display or audio_reader.")
		return
	}
	if d == nil {
		problem(w, http.StatusNotFound, "The person has no such device.")
		return
	}
	answer(w, http.StatusOK, map[string]string{"code": d.Code(p.config.Now())})
}

type apiWaiting struct {
	Channel string    `json:"channel"`
	Party   string    `json:"party"`
	Action  string    `json:"action"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
}

// apiApp lists what waits for the person's app.
func (p *Pages) apiApp(w http.ResponseWriter, r *http.Request) {
	h, ok := p.person(w, r)
	if !ok {
		return
	}
	waiting, err := p.waiting(r.Context(), h)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	out := []apiWaiting{}
	for _, at := range waiting {
		out = append(out, apiWaiting{at.Channel, at.Party, string(at.Action), at.Text, at.Since.UTC()})
	}
	answer(w, http.StatusOK, out)
}

func (p *Pages) apiApprove(w http.ResponseWriter, r *http.Request) { p.apiAnswer(w, r, true) }

func (p *Pages) apiReject(w http.ResponseWriter, r *http.Request) { p.apiAnswer(w, r, false) }

func (p *Pages) apiAnswer(w http.ResponseWriter, r *http.Request, approve bool) {
	h, ok := p.person(w, r)
	if !ok {
		return
	}
	touch := touch{approve: approve, Unlock: authn.UnlockPIN, PIN: simulator.PIN}
	if !read(w, r, &touch) {
		return
	}
	if !touch.Unlock.Valid() {
		problem(w, http.StatusBadRequest, "unlock is pin, biometrics or none.")
		return
	}
	if err := p.touch(r.Context(), h, touch); err != nil {
		p.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]bool{"approved": approve})
}

// apiChip is what a browser's virtual authenticator needs to be the person's chip, octets as unpadded base64url.
func (p *Pages) apiChip(w http.ResponseWriter, r *http.Request) {
	h, ok := p.person(w, r)
	if !ok {
		return
	}
	if h.Chip == nil {
		problem(w, http.StatusNotFound, "The person has no chip.")
		return
	}
	der, err := x509.MarshalPKCS8PrivateKey(h.Chip.Key)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"credential_id": base64.RawURLEncoding.EncodeToString(h.Chip.Credential),
		"private_key": base64.RawURLEncoding.EncodeToString(der), "rp_id": p.config.Issuer.Hostname(), "sign_count": h.Chip.SignCount})
}

// apiPost lists what would have been sent to a person. Nothing sends any yet.
func (p *Pages) apiPost(w http.ResponseWriter, r *http.Request) {
	if to := r.URL.Query().Get("to"); to != "" {
		if _, ok := p.people[to]; !ok {
			problem(w, http.StatusNotFound, "There is no such person.")
			return
		}
	}
	answer(w, http.StatusOK, []struct{}{})
}

// maxAdvance keeps the clock within what dates can be written in.
const maxAdvance = 10 * 365 * 24 * time.Hour

func (p *Pages) apiClock(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Advance *float64 `json:"advance_seconds"`
	}
	if !read(w, r, &body) {
		return
	}
	if body.Advance == nil || *body.Advance < 0 || *body.Advance > maxAdvance.Seconds() {
		problem(w, http.StatusBadRequest, "advance_seconds is a number of seconds, at most ten years: the clock never goes back.")
		return
	}
	p.config.Advance(time.Duration(*body.Advance * float64(time.Second)))
	answer(w, http.StatusOK, map[string]string{"now": p.config.Now().UTC().Format(time.RFC3339)})
}

func (p *Pages) apiReset(w http.ResponseWriter, r *http.Request) {
	err := p.config.Reset(r.Context())
	switch {
	case errors.Is(err, ErrKept):
		problem(w, http.StatusConflict, "The people are kept in a file or on a server: stop tillid and delete that.")
	case err != nil:
		p.refuse(w, r, err)
	default:
		answer(w, http.StatusOK, map[string]bool{"reset": true})
	}
}

func (p *Pages) apiClients(w http.ResponseWriter, r *http.Request) {
	body, ok := readAll(w, r)
	if !ok {
		return
	}
	c, err := p.config.ParseClient(body)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	c.InsecureAnyLoopbackRedirect = len(c.RedirectURIs) == 0
	if err := c.Validate(); err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := p.config.AddClient(r.Context(), c); err != nil {
		p.refuse(w, r, fmt.Errorf("client: %w", err))
		return
	}
	c.Secret, c.SecretDigest = "", ""
	answer(w, http.StatusCreated, c)
}
