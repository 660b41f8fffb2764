package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tillid/tillid/broker"
)

// ending is a login's page that can be used for that long yet.
func (s *stage) ending(left time.Duration) http.HandlerFunc {
	tx := broker.Transaction{ID: strings.Repeat("a", 43), Language: "da", Begun: now.Add(left - 10*time.Minute),
		Request: broker.Request{Protocol: "test", Party: "demo"}}
	return func(w http.ResponseWriter, r *http.Request) { s.pages.showPrompt(w, r, tx, identify("")) }
}

// TestALoginSaysWhenItEnds: without a script the page says until when, and a page shown in the last minute warns.
func TestALoginSaysWhenItEnds(t *testing.T) {
	s := newStage(t)
	const warns = `role="alert">Der er højst ét minut tilbage.`
	for left, warned := range map[time.Duration]bool{10 * time.Minute: false, 61 * time.Second: false, time.Minute: true, time.Second: true, -time.Hour: true} {
		w := httptest.NewRecorder()
		s.ending(left)(w, httptest.NewRequest(http.MethodGet, "/", nil))
		page := w.Body.String()
		if !strings.Contains(page, "Du har til kl. ") || strings.Contains(page, `data-left="-`) {
			t.Errorf("%v left: the page does not say until when", left)
		}
		if strings.Contains(page, warns) != warned {
			t.Errorf("%v left: warned %v, want %v", left, !warned, warned)
		}
	}
	if warning < 20*time.Second {
		t.Errorf("the warning comes %v before the end (WCAG 2.2, 2.2.1)", warning)
	}
	v := s.visitor()
	page := v.begin("party=demo")
	v.get(page+"?lang=en").wants(t, 200, "You have until 13:15 to finish.")
	v.post(page, "user_id", "anna").wants(t, 200, "You have until 13:15 to finish.") // it does not move
	v.post(page, "code", answer)
	v.post(page, "password", "Prøve-kode-2026").leads(t, s.service.URL+"/cb", "loa", "Substantial")
	page = v.begin("logout&nowhere&party=demo")
	v.get(page).wants(t, 200, "Du har til kl. 13.15")
	if end := v.post(page, "logout", "yes"); strings.Contains(end.body, `id="limit"`) {
		t.Error("a page that asks for nothing says until when")
	}
}

// TestTheScriptWarnsBeforeTheEnd: a page that was shown earlier warns by itself, and says when it is over.
func TestTheScriptWarnsBeforeTheEnd(t *testing.T) {
	ctx := chromium(t)
	s := newStage(t)
	mux := http.NewServeMux()
	mux.Handle("/login/assets/", s.pages)
	mux.Handle("/soon", s.ending(warning+time.Second))
	mux.Handle("/over", s.ending(time.Second))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{"/soon": s.pages.words("da").T("limit.soon"), "/over": s.pages.words("da").T("limit.over")} {
		must(t, chromedp.Do(ctx, chromedp.Navigate(server.URL+path)))
		said, err := chromedp.Run(ctx, chromedp.Evaluate[string](`new Promise((done) => {
			const notice = document.querySelector("#limit [role=alert]");
			const look = () => notice.textContent === `+"`"+want+"`"+` && done(notice.textContent);
			new MutationObserver(look).observe(notice, { childList: true, characterData: true, subtree: true });
			look();
		})`, chromedp.EvalAwaitPromise))
		if err != nil || said != want {
			t.Errorf("%s: the page says %q (%v), want %q", path, said, err, want)
		}
	}
}
