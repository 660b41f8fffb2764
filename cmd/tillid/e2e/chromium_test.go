package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// chromium starts a real browser for one test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := needs(t, "chromium")
	allocator, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true), chromedp.WindowSize(1100, 900))
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser, whose profile is in a folder that is removed next
		leave()
	})
	must(t, chromedp.Do(ctx))
	bounded, release := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(release)
	return bounded
}

type step = chromedp.Action[chromedp.Void]

func click(selector string) step   { return chromedp.Click(chromedp.CSS(selector)) }
func visible(selector string) step { return chromedp.WaitVisible(chromedp.CSS(selector)) }

// typed fills in the page's field and presses its button.
func typed(field, value string) step {
	at := chromedp.CSS(fmt.Sprintf(`input[name=%q]`, field))
	return chromedp.Steps(chromedp.WaitVisible(at), chromedp.SendKeys(at, value), click("form.prompt button.primary"))
}

// picture keeps what the browser shows in the folder that TILLID_SCREENSHOTS names, if it names one.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("TILLID_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600))
}

// shownClaim is a claim of the ID token as the demo shows it.
func shownClaim(t *testing.T, ctx context.Context, name string) string {
	t.Helper()
	text, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(fmt.Sprintf(`[data-claim=%q]`, name))))
	must(t, err)
	return strings.TrimSpace(text)
}

func TestAnnaLogsInToTheDemoInABrowser(t *testing.T) {
	for _, lang := range []string{"da", "en"} {
		for _, script := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/script=%v", lang, script), func(t *testing.T) {
				s := start(t, settings{})
				ctx := chromium(t)
				complaints := complaints(t, ctx)
				_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
				must(t, err)
				name := fmt.Sprintf("%s-script-%v", lang, script)
				must(t, chromedp.Do(ctx, chromedp.Navigate(s.origin+"/dev?lang="+lang), visible(`a[href^="/dev/demo"]`)))
				picture(t, ctx, name+"-1-start")
				must(t, chromedp.Do(ctx, click(`a.button[href^="/dev/demo"]`), visible(`input[name="user_id"]`)))
				shown, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS("h1")))
				must(t, err)
				if want := map[string]string{"da": "Hvem er du?", "en": "Who are you?"}[lang]; shown != want {
					t.Errorf("the heading is %q", shown)
				}
				html, err := chromedp.Run(ctx, chromedp.OuterHTML(chromedp.CSS("html")))
				must(t, err)
				if !strings.Contains(html, `lang="`+lang+`"`) {
					t.Errorf("the page is not in %s", lang)
				}
				picture(t, ctx, name+"-2-user-id")
				must(t, chromedp.Do(ctx, typed("user_id", "anna"), visible(`#waiting, input[name="code"]`)))
				byCodeDisplay(t, ctx, s, name)
				for claim, want := range map[string]string{"loa": "Substantial", "ial": "Substantial", "aal": "Substantial", "idp": "mitid"} {
					if got := shownClaim(t, ctx, claim); !strings.HasSuffix(got, want) {
						t.Errorf("%s is %q", claim, got)
					}
				}
				picture(t, ctx, name+"-5-demo")
				for _, c := range complaints() {
					t.Errorf("the browser complains: %s", c)
				}
			})
		}
	}
}

// byCodeDisplay goes on from the page after the user ID to the demo's answer.
func byCodeDisplay(t *testing.T, ctx context.Context, s *server, name string) {
	t.Helper()
	waits, err := chromedp.Run(ctx, chromedp.Nodes(chromedp.CSS("#waiting"), chromedp.AtLeast(0)))
	must(t, err)
	if len(waits) > 0 {
		must(t, chromedp.Do(ctx, click("details.others summary"), click(`[data-testid="use-code_display"]`)))
	}
	must(t, chromedp.Do(ctx, visible(`input[name="code"]`)))
	picture(t, ctx, name+"-3-code")
	code, err := s.code("anna")
	must(t, err)
	must(t, chromedp.Do(ctx, typed("code", code), visible(`input[name="password"]`)))
	picture(t, ctx, name+"-4-password")
	must(t, chromedp.Do(ctx, typed("password", password), visible("#loa")))
}

// TestAnnaApprovesOnThePhoneInAnotherTab has the login in one tab and the phone in another. The login goes on by itself.
func TestAnnaApprovesOnThePhoneInAnotherTab(t *testing.T) {
	for _, lang := range []string{"da", "en"} {
		t.Run(lang, func(t *testing.T) {
			s := start(t, settings{})
			desk := chromium(t)
			complaints := complaints(t, desk)
			must(t, chromedp.Do(desk, chromedp.Navigate(s.origin+"/dev/demo?user=anna&lang="+lang), visible(`#waiting, input[name="code"]`)))
			waits, err := chromedp.Run(desk, chromedp.Nodes(chromedp.CSS("#waiting"), chromedp.AtLeast(0)))
			must(t, err)
			if len(waits) == 0 {
				must(t, chromedp.Do(desk, click("details.others summary"), click(`[data-testid="use-app"]`)))
			}
			must(t, chromedp.Do(desk, visible("#waiting svg")))
			picture(t, desk, lang+"-app-1-waiting")
			phone, hangUp := chromedp.NewContext(desk)
			defer hangUp()
			must(t, chromedp.Do(phone, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.origin+"/sim/phone?user=anna&lang="+lang), visible(`button[value="approve"]`)))
			picture(t, phone, lang+"-app-2-phone")
			must(t, chromedp.Do(phone, click(`button[value="approve"]`), visible(`.done`)))
			picture(t, phone, lang+"-app-3-approved")
			must(t, chromedp.Do(desk, visible("#loa")))
			if got := shownClaim(t, desk, "loa"); !strings.HasSuffix(got, "Substantial") {
				t.Errorf("loa is %q", got)
			}
			if got := shownClaim(t, desk, "amr"); !strings.Contains(got, "code_app") {
				t.Errorf("amr is %q", got)
			}
			picture(t, desk, lang+"-app-4-demo")
			for _, c := range complaints() {
				t.Errorf("the browser complains: %s", c)
			}
		})
	}
}

// TestABrowserIsToldWhyNot: the reason is on the page, and the service hears of it.
func TestABrowserIsToldWhyNot(t *testing.T) {
	s := start(t, settings{})
	for _, lang := range []string{"da", "en"} {
		ctx := chromium(t)
		must(t, chromedp.Do(ctx, chromedp.Navigate(s.origin+"/dev/demo?level=high&lang="+lang), typed("user_id", "bo"), visible(`#waiting, [data-testid="refusal"]`)))
		waits, err := chromedp.Run(ctx, chromedp.Nodes(chromedp.CSS("#waiting"), chromedp.AtLeast(0)))
		must(t, err)
		if len(waits) > 0 {
			must(t, s.api("people/bo/app/approve", map[string]string{}, nil))
		}
		must(t, chromedp.Do(ctx, visible(`[data-testid="refusal"]`)))
		picture(t, ctx, lang+"-refused-1")
		must(t, chromedp.Do(ctx, click(`[data-testid="back"]`), visible(".problem")))
		told, err := chromedp.Run(ctx, chromedp.TextContent(chromedp.CSS(".problem")))
		must(t, err)
		if !strings.Contains(told, "unmet_authentication_requirements") {
			t.Errorf("the demo was told %q", told)
		}
		picture(t, ctx, lang+"-refused-2")
	}
}

// complaints collects what the browser blocks or cannot load. Its hints are left out.
func complaints(t *testing.T, ctx context.Context) func() []string {
	t.Helper()
	heard := make(chan string, 100)
	must(t, chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*cdplog.EventEntryAdded); ok && e.Entry.Level != cdplog.EntryLevelVerbose && !strings.Contains(e.Entry.URL, "favicon") {
			select {
			case heard <- fmt.Sprintf("%s (%s)", e.Entry.Text, e.Entry.URL):
			default: // a hundred are enough
			}
		}
	}))
	return func() []string {
		var all []string
		for len(heard) > 0 {
			all = append(all, <-heard)
		}
		return all
	}
}
