package web

import (
	"encoding/base32"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/tillid/tillid/broker"
)

// failure is an error page to be shown.
type failure struct {
	status int
	key    string // of its texts: error.KEY.title and error.KEY.text
	text   string // key of the text, where other pages have it too; empty: error.KEY.text
	detail string // one English sentence that may be shown; may be empty
	code   broker.Code
	retry  int    // seconds after which it is worth trying again; zero: it is not
	again  string // where to try again; empty: nowhere
	lang   string // empty: the browser's
	err    error  // private, for the log
}

// outcomes says which page and status each code has. A code that a party would be told ends up here only where there is
// nobody to tell.
var outcomes = map[broker.Code]failure{
	broker.Internal:        {status: http.StatusInternalServerError, key: "internal"},
	broker.InvalidRequest:  {status: http.StatusBadRequest, key: "request", text: "rp.redirect"},
	broker.UnknownParty:    {status: http.StatusBadRequest, key: "party"},
	broker.NotAllowed:      {status: http.StatusForbidden, key: "notallowed"},
	broker.LoginRequired:   {status: http.StatusForbidden, key: "stopped"},
	broker.ChoiceRequired:  {status: http.StatusForbidden, key: "stopped"},
	broker.ConsentRequired: {status: http.StatusForbidden, key: "stopped"},
	broker.LevelUnmet:      {status: http.StatusForbidden, key: "level", text: "loa.low"},
	broker.Cancelled:       {status: http.StatusOK, key: "cancelled"},
	broker.Refused:         {status: http.StatusForbidden, key: "refused"},
	broker.Expired:         {status: http.StatusGone, key: "session", text: "sys.session"},
	broker.WrongBrowser:    {status: http.StatusForbidden, key: "session", text: "sys.session"},
	broker.Unavailable:     {status: http.StatusServiceUnavailable, key: "store", text: "sys.store", retry: 5},
	broker.Busy:            {status: http.StatusServiceUnavailable, key: "busy", retry: 2},
}

func outcome(code broker.Code) failure {
	f, ok := outcomes[code]
	if !ok {
		f = outcomes[broker.Internal]
	}
	f.code = code
	return f
}

// Error shows an error page with a reference number, which is logged as well, and the explanation of the code. text is one
// English sentence that may be shown, from broker.TextOf; it may be empty. A status of zero is that of the code.
//
// Protocol adapters are given it for requests that may not be answered by a redirect.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, status int, code broker.Code, text string) {
	f := outcome(code)
	if status != 0 {
		f.status = status
	}
	f.detail = text
	p.fail(w, r, f)
}

// errored shows the page for an error of the broker's.
func (p *Pages) errored(w http.ResponseWriter, r *http.Request, id, language string, err error) {
	f := outcome(broker.CodeOf(err))
	f.err, f.lang, f.detail = err, language, broker.TextOf(err)
	switch f.code {
	case broker.Unavailable, broker.Busy:
		f.again, f.detail = p.Path(id), ""
	case broker.InvalidRequest: // of a form of ours: the service had no part in it
		f.key, f.text, f.again = "form", "", p.Path(id)
	case broker.Expired, broker.WrongBrowser, broker.Internal:
		f.detail = ""
	}
	p.fail(w, r, f)
}

// fail logs a failure and shows its page, both with the same reference number.
func (p *Pages) fail(w http.ResponseWriter, r *http.Request, f failure) {
	ref := p.reference()
	level := slog.LevelInfo
	if f.status >= 500 {
		level = slog.LevelError
	}
	attrs := []any{"reference", ref, "status", f.status, "page", f.key, "code", string(f.code)}
	if f.err != nil {
		attrs = append(attrs, "error", f.err)
	}
	p.config.Logger.Log(r.Context(), level, "an error page was shown", attrs...)
	v := p.view(p.language(r, f.lang))
	v.Title = v.T("error." + f.key + ".title")
	if f.text == "" {
		f.text = "error." + f.key + ".text"
	}
	v.Body = errorBody{Text: v.T(f.text), Detail: f.detail, Reference: ref,
		Time: v.instant(p.now()), Again: f.again}
	p.render(w, r, f.status, "error", v, f.retry)
}

type errorBody struct{ Text, Detail, Reference, Time, Again string }

// crockford is an alphabet that survives being read aloud (Crockford's base 32).
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// reference names one shown error: eight characters, 40 random bits.
func (p *Pages) reference() string {
	var raw [5]byte
	if _, err := io.ReadFull(p.config.Random, raw[:]); err != nil {
		return "--------" // the page is still better than none
	}
	s := crockford.EncodeToString(raw[:])
	return s[:4] + "-" + s[4:]
}

// language picks the language of a page: what its link asks for, what the transaction has, what the browser prefers.
func (p *Pages) language(r *http.Request, transaction string) string {
	if l := chosenLanguage(r); l != "" {
		return l
	}
	if transaction != "" {
		return transaction
	}
	header := r.Header.Get("Accept-Language")
	if len(header) > 200 {
		header = ""
	}
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(tag, "-")
		for _, l := range languages {
			if strings.EqualFold(primary, l) {
				return l
			}
		}
	}
	return languages[0]
}
