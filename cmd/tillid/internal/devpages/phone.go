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
	Clock   string // the time on the phone
	PIN     string // of every app, filled in beforehand

	Problem, ProblemLang string // what went wrong, and the language that it could be said in
	Done                 string // key of what was done
}

// phone shows one person's phone with what waits on it.
func (p *Pages) phone(w http.ResponseWriter, r *http.Request) {
	p.showPhone(w, r, r.URL.Query().Get("user"), http.StatusOK, "", map[string]string{"approved": "phone.approved", "declined": "phone.declined"}[r.URL.Query().Get("done")])
}

func (p *Pages) showPhone(w http.ResponseWriter, r *http.Request, user string, status int, trouble, done string) {
	page := p.language(r)
	body := phoneBody{User: user, Done: done, PIN: simulator.PIN, Clock: p.config.Now().In(p.zone).Format(clockFormats[page])}
	told := func(trouble string) {
		body.Problem, body.ProblemLang = text(page, trouble), page
		if _, ours := texts[trouble]; !ours { // a sentence of the broker's
			body.ProblemLang = "en"
		}
	}
	if trouble != "" {
		told(trouble)
	}
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
			status, trouble = refusal(err)
			told(trouble)
		}
	}
	if body.Name == "" && user != "" {
		status, trouble = refusal(errNoPhone)
		told(trouble)
	}
	p.render(w, r, status, "phone.html", "phone.title", body)
}

var clockFormats = map[string]string{"da": "15.04", "en": "15:04"}

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

type codesBody struct {
	Devices []codeDevice
	Left    int    // seconds for which the codes are shown yet
	Until   string // the time of day at which they change
	Still   bool   // the page stays as it is
	Toggle  string // address of the page that does not stay, or does
}

type codeDevice struct {
	User, Name, Kind string
	Code             string
}

// codeDisplays shows what every code display and audio reader says now. The page loads itself anew with every code, unless
// the reader wants it to stay (WCAG 2.2, 2.2.2).
func (p *Pages) codeDisplays(w http.ResponseWriter, r *http.Request) {
	now := p.config.Now()
	page := page{Lang: p.language(r), zone: p.zone}
	left := authn.CodePeriod - time.Duration(now.Unix()%int64(authn.CodePeriod/time.Second))*time.Second
	body := codesBody{Left: int(left / time.Second), Until: page.Clock(now.Add(left)), Still: r.URL.Query().Get("still") != ""}
	body.Toggle = "/sim/codedisplay?lang=" + page.Lang
	if !body.Still {
		body.Toggle += "&still=1"
	}
	for _, h := range p.config.People {
		if d := h.CodeDisplay; d != nil {
			body.Devices = append(body.Devices, codeDevice{h.UserID, h.Person.Name(), "kind." + string(authn.CodeDisplay), d.Code(now)})
		}
		if d := h.AudioReader; d != nil {
			body.Devices = append(body.Devices, codeDevice{h.UserID, h.Person.Name(), "kind." + string(authn.AudioReader), d.Code(now)})
		}
	}
	p.render(w, r, http.StatusOK, "codes.html", "codes.title", body)
}
