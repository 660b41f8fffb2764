package devpages

import (
	"errors"
	"net/http"
	"time"

	"github.com/tillid/tillid/authn"
	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker"
)

type phoneBody struct {
	People  []simulator.Holder // who has a phone
	User    string             // whose phone is shown
	Name    string
	Waiting []broker.Waiting
	Problem string
	Done    string // key of what was done
}

// phone shows one person's phone with what waits on it.
func (p *Pages) phone(w http.ResponseWriter, r *http.Request) {
	p.showPhone(w, r, r.URL.Query().Get("user"), http.StatusOK, "", map[string]string{"approved": "phone.approved", "declined": "phone.declined"}[r.URL.Query().Get("done")])
}

func (p *Pages) showPhone(w http.ResponseWriter, r *http.Request, user string, status int, trouble, done string) {
	body := phoneBody{User: user, Problem: trouble, Done: done}
	for _, h := range p.config.People {
		if h.Phone == nil {
			continue
		}
		body.People = append(body.People, h)
		if h.UserID != user {
			continue
		}
		body.Name = h.Person.Name()
		var err error
		if body.Waiting, err = p.waiting(r.Context(), h); err != nil && trouble == "" {
			status, body.Problem = refusal(err)
		}
	}
	if body.Name == "" && user != "" {
		status, body.Problem = refusal(errNoPhone)
	}
	p.render(w, r, status, "phone.html", "phone.title", body)
}

// phoneAnswer is a finger on the phone.
func (p *Pages) phoneAnswer(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		problem(w, status, "The form cannot be read.")
		return
	}
	h, ok := p.people[r.PostForm.Get("user")]
	if !ok {
		problem(w, http.StatusNotFound, "There is no such person.")
		return
	}
	t := touch{approve: r.PostForm.Get("do") == "approve", Channel: r.PostForm.Get("channel"),
		Unlock: authn.Unlock(r.PostForm.Get("unlock")), PIN: r.PostForm.Get("pin")}
	if t.approve && !t.Unlock.Valid() {
		problem(w, http.StatusBadRequest, "unlock is pin, biometrics or none.")
		return
	}
	if err := p.touch(r.Context(), h, t); err != nil {
		status, sentence := refusal(err)
		if status >= http.StatusInternalServerError {
			p.config.Logger.ErrorContext(r.Context(), "the simulated phone failed", "error", err)
		}
		p.showPhone(w, r, h.UserID, status, sentence, "")
		return
	}
	done := "declined"
	if t.approve {
		done = "approved"
	}
	query := "?user=" + h.UserID + "&done=" + done
	if l := r.URL.Query().Get("lang"); l == "da" || l == "en" {
		query += "&lang=" + l
	}
	http.Redirect(w, r, "/sim/phone"+query, http.StatusSeeOther)
}

type codeDevice struct {
	User, Name, Kind string
	Code             string
}

// codeDisplays shows what every code display and audio reader says now. The page loads itself anew with every code.
func (p *Pages) codeDisplays(w http.ResponseWriter, r *http.Request) {
	now := p.config.Now()
	var devices []codeDevice
	for _, h := range p.config.People {
		for kind, d := range map[authn.Kind]*simulator.CodeDevice{authn.CodeDisplay: h.CodeDisplay, authn.AudioReader: h.AudioReader} {
			if d != nil {
				devices = append(devices, codeDevice{h.UserID, h.Person.Name(), "kind." + string(kind), d.Code(now)})
			}
		}
	}
	left := authn.CodePeriod - time.Duration(now.Unix()%int64(authn.CodePeriod/time.Second))*time.Second
	p.render(w, r, http.StatusOK, "codes.html", "codes.title", struct {
		Devices []codeDevice
		Left    int
	}{devices, int(left / time.Second)})
}
