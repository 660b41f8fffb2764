package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// chromium starts a browser for one test. Without one the test is left out, unless TILLID_REQUIRE_SERVERS is set.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("TILLID_REQUIRE_SERVERS") != "" {
			t.Fatal("chromium is not installed, and TILLID_REQUIRE_SERVERS is set")
		}
		t.Skip("chromium is not installed")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("lang", "da"))
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser, whose profile is in a folder that is removed next
		leave()
	})
	must(t, chromedp.Do(ctx))
	bounded, release := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(release)
	return bounded
}

// arrives waits until the service has been called back.
func (s *stage) arrives(t *testing.T) url.Values {
	t.Helper()
	select {
	case q := <-s.arrived:
		return q
	case <-time.After(20 * time.Second):
		t.Fatal("nobody arrived at the service")
		return nil
	}
}

type step = chromedp.Action[chromedp.Void]

func click(selector string) step   { return chromedp.Click(chromedp.CSS(selector)) }
func visible(selector string) step { return chromedp.WaitVisible(chromedp.CSS(selector)) }

// submit fills in the step's field and presses its button.
func submit(field, value string) step {
	at := chromedp.CSS(fmt.Sprintf(`input[name=%q]`, field))
	return chromedp.Steps(chromedp.WaitVisible(at), chromedp.SendKeys(at, value), click("form.prompt button.primary"))
}

func login(s *stage, query string) step {
	return chromedp.Steps(chromedp.Navigate(s.server.URL+"/start?"+query), submit("user_id", "anna"),
		submit("code", answer), submit("password", "Prøve-kode-2026"))
}

// TestABrowserGetsFromTheLastFormToTheService is about form-action: see the package comment.
func TestABrowserGetsFromTheLastFormToTheService(t *testing.T) {
	ctx := chromium(t)
	s := newStage(t)
	blocked := make(chan string, 16)
	must(t, chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*cdplog.EventEntryAdded); ok && strings.Contains(e.Entry.Text, "Content Security Policy") {
			select {
			case blocked <- e.Entry.Text:
			default:
			}
		}
	}))
	must(t, chromedp.Do(ctx, login(s, "party=demo"), visible("#arrived")))
	if got := s.arrives(t).Get("loa"); got != "Substantial" {
		t.Errorf("the service was told %q", got)
	}
	must(t, chromedp.Do(ctx, chromedp.Navigate(s.server.URL+"/start?logout&party=demo"), click(`button[name="logout"]`), visible("#arrived")))
	if s.arrives(t).Get("left") != "yes" {
		t.Error("the service was not told of the logout")
	}
	must(t, chromedp.Do(ctx, chromedp.Navigate(s.server.URL+"/start?party=demo"), click(`button[name="cancel"]`), visible("#arrived")))
	if got := s.arrives(t).Get("error"); got != "cancelled" {
		t.Errorf("the service was told %q", got)
	}
	select {
	case text := <-blocked:
		t.Errorf("our own policy blocks our own pages: %s", text)
	default:
	}

	// The twin that explains the detour: the same policy with a plain redirect goes nowhere. When this fails, browsers have
	// changed and the detour can go.
	twin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "form-action 'self'")
		if r.Method == http.MethodPost {
			http.Redirect(w, r, s.service.URL+"/cb?twin=yes", http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><title>twin</title><form method="post"><button id="go">go</button></form>`))
	}))
	t.Cleanup(twin.Close)
	must(t, chromedp.Do(ctx, chromedp.Navigate(twin.URL), click("#go")))
	select {
	case <-s.arrived:
		t.Error("a redirect that answers a form is not blocked any more")
	case text := <-blocked:
		if !strings.Contains(text, "form-action") {
			t.Errorf("blocked for another reason: %s", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("the redirect was neither blocked nor followed")
	}
}

func TestTheWaitingPageGoesOnByItself(t *testing.T) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%v", script), func(t *testing.T) {
			ctx := chromium(t)
			s := newStage(t)
			_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
			must(t, err)
			must(t, chromedp.Do(ctx, chromedp.Navigate(s.server.URL+"/start?party=plain&text=x"), submit("user_id", "app"), visible("#waiting")))
			shown, err := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("#waiting")))
			must(t, err)
			s.approve(shown)
			if got := s.arrives(t).Get("loa"); got != "Substantial" {
				t.Errorf("the service was told %q", got)
			}
			must(t, chromedp.Do(ctx, visible("#arrived")))
		})
	}
}

// TestPagesFitEveryScreen looks at every page at the width that WCAG 2.2, 1.4.10 asks for, and on a desk. With
// TILLID_SCREENSHOTS set to a folder the pages are kept there as pictures.
func TestPagesFitEveryScreen(t *testing.T) {
	ctx := chromium(t)
	s := newStage(t)
	shots := os.Getenv("TILLID_SCREENSHOTS")
	pages := make(map[string]reply)
	for _, lang := range languages {
		for name, r := range gallery(t, s, lang) {
			if name != "hop" { // it leaves at once
				pages[lang+"-"+name] = r
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/login/", s.pages)
	mux.HandleFunc("/page/{name}", func(w http.ResponseWriter, r *http.Request) {
		shown := pages[r.PathValue("name")]
		for _, k := range []string{"Content-Security-Policy", "Content-Type"} {
			w.Header().Set(k, shown.Header.Get(k))
		}
		_, _ = w.Write([]byte(shown.body))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for name := range pages {
		for _, screen := range []struct {
			name          string
			width, height int64
			scheme        string
		}{{"small", 320, 640, "light"}, {"desk", 1000, 900, "light"}, {"dark", 1000, 900, "dark"}} {
			if screen.name == "dark" && shots == "" {
				continue
			}
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}})
			must(t, err)
			must(t, chromedp.Do(ctx, chromedp.EmulateViewport(screen.width, screen.height), chromedp.Navigate(server.URL+"/page/"+name)))
			width, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.scrollingElement.scrollWidth`))
			must(t, err)
			small, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll("a, button, summary, input:not([type=hidden])")]
				.filter((e) => e.offsetParent && !e.matches(".skip") && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)`))
			must(t, err)
			height, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.scrollingElement.scrollHeight`))
			must(t, err)
			if screen.name != "small" && height > screen.height {
				t.Errorf("%s on %s: %d pixels high, so that one must scroll", name, screen.name, height)
			}
			if width > screen.width {
				t.Errorf("%s on %s: %d pixels wide", name, screen.name, width)
			}
			if len(small) != 0 {
				t.Errorf("%s on %s: targets smaller than 24 pixels (2.5.8): %v", name, screen.name, small)
			}
			if shots == "" {
				continue
			}
			shoot := chromedp.CaptureScreenshot()
			if screen.name == "small" {
				shoot = chromedp.FullScreenshot(100)
			}
			picture, err := chromedp.Run(ctx, shoot)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(shots, name+"-"+screen.name+".png"), picture, 0o600))
		}
	}
}
