package web

import (
	"math"
	"net/http"

	"github.com/tillid/tillid/broker"
)

type waitBody struct {
	Help    string
	Status  string
	QR      *qrCode
	Number  string // to be typed where the QR code cannot be scanned
	Channel string // names the transaction to a device
	State   string // see serveState
	Poll    int    // milliseconds between two questions of the script
	choices
}

// showWait is the page that waits for another device. Without a script it loads itself anew; with one it asks for its state
// and loads itself once, when that has changed, so that a screen reader is not torn out of the page every few seconds.
func (p *Pages) showWait(w http.ResponseWriter, r *http.Request, tx broker.Transaction, t broker.Wait) {
	v := p.of(r, tx)
	code, err := p.plans.draw(t.Show["code"])
	if err != nil {
		p.errored(w, r, tx.ID, tx.Language, err)
		return
	}
	text := func(part string) string {
		if key := v.first("wait."+t.Name+"."+part, "wait.other."+part); key != "" {
			return v.T(key)
		}
		return ""
	}
	v.Cancel, v.Title, v.Text = true, text("title"), t.Text
	if t.Action != "" {
		v.Context = v.T("action."+string(action(t.Action)), "party", p.party(r, tx))
	}
	v.Refresh = max(1, int(math.Ceil(t.Poll.Seconds())))
	channel := t.Show["channel"]
	if channel == "" {
		channel = t.Show["code"]
	}
	status := text("status")
	if key := v.first("wait." + t.Name + ".status." + t.Show["status"]); key != "" {
		status = v.T(key)
	}
	v.Body = waitBody{Help: text("help"), Status: status, QR: code, Number: t.Show["number"], Channel: channel,
		State: mark(tx), Poll: max(500, int(t.Poll.Milliseconds())), choices: p.choices(r, v, tx, false, t.Others)}
	p.render(w, r, http.StatusOK, "wait", v, 0)
}
