//go:build !nodev

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tillid/tillid/authn/simulator"
	"github.com/tillid/tillid/broker/web/pagetest"
)

// devGallery is every dev page in a language. It leaves a login waiting that asks anna to approve a transfer.
func devGallery(w *world, lang string) map[string]view {
	w.t.Helper()
	out := make(map[string]view)
	l := "?lang=" + lang
	page := w.get("/dev/demo"+l+"&force=1&user=anna").post("use", "code_display").post("code", w.code("anna"))
	out["demo"] = page.post("password", simulator.Password)
	out["demo-low"] = w.get("/dev/demo" + l + "&level=low")
	page = w.get("/dev/demo" + l + "&force=1&user=anna")
	out["demo-refused"] = page.post("cancel", "1")
	out["demo-forgotten"] = w.get("/dev/demo/callback" + l)
	out["phone-idle"] = w.get("/sim/phone" + l + "&user=hanne")
	w.get("/dev/demo" + l + "&approve=1&force=1&user=anna").has("9978 000123456")
	out["phone"] = w.get("/sim/phone"+l+"&user=anna").has("9978 000123456", ": Demo")
	out["phone-wrong"] = out["phone"].w.send("/sim/phone"+l, "application/x-www-form-urlencoded",
		"user=anna&unlock=pin&pin=000000&do=approve&channel="+channelOf(w, out["phone"]))
	out["phone-none"] = w.get("/sim/phone" + l)
	out["phone-nobody"] = w.get("/sim/phone" + l + "&user=frida")
	out["phone-done"] = w.get("/sim/phone" + l + "&user=anna&done=approved")
	out["start"] = w.get("/dev" + l)
	out["codes"] = w.get("/sim/codedisplay" + l)
	out["codes-still"] = w.get("/sim/codedisplay" + l + "&still=1")
	out["post"] = w.get("/dev/post" + l)
	return out
}

// channelOf is that of the request on a phone.
func channelOf(w *world, phone view) string {
	w.t.Helper()
	_, channel, ok := strings.Cut(phone.body, `name="channel" value="`)
	if !ok {
		w.t.Fatalf("nothing waits on the phone:\n%s", phone.body)
	}
	channel, _, _ = strings.Cut(channel, `"`)
	return channel
}

// TestDevPagesAreAccessible checks what can be checked without a browser (WCAG 2.2 A and AA).
func TestDevPagesAreAccessible(t *testing.T) {
	w := startDev(t)
	for _, lang := range []string{"da", "en"} {
		for name, page := range devGallery(w, lang) {
			for _, fault := range pagetest.Faults(page.body) {
				t.Errorf("%s %s (%s): %s", lang, name, page.at, fault)
			}
			if !strings.Contains(page.body, `<html lang="`+lang+`">`) {
				t.Errorf("%s %s is in another language", lang, name)
			}
			if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s %s has the policy %q", lang, name, policy)
			}
		}
	}
	da := w.get("/sim/phone?lang=da&user=frida").has("Personen har ingen app.")
	da.lacks(`lang="en">P`)
	w.get("/dev/demo/callback?lang=da").has("Svaret hører ikke til et login")
}

// TestTheDemoExplainsItself: who asked, for what, and what each claim is.
func TestTheDemoExplainsItself(t *testing.T) {
	w := startDev(t)
	page := w.get("/dev/demo?user=anna&lang=da").post("use", "code_display").post("code", w.code("anna")).post("password", simulator.Password)
	page.has("client_id=demo", "acr_values=", "Betydelig", "Navn.", "Sikringsniveau", "curl -H 'Authorization: Bearer ").lacks("level.", "scope.", "client.")
	for claim, scope := range map[string]string{"name": "profile", "mitid.uuid": "mitid", "loa": "openid"} {
		if !strings.Contains(page.body, `<code>`+claim+`</code> <span class="tag">`+scope+`</span>`) {
			t.Errorf("%s is not said to come with %s", claim, scope)
		}
	}
	// The command works as it is shown.
	_, token, _ := strings.Cut(page.body, "Authorization: Bearer ")
	token, _, _ = strings.Cut(token, "&#39;")
	r, err := http.NewRequest(http.MethodGet, w.origin+"/oidc/userinfo", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if v := w.do(r); v.status != http.StatusOK || !strings.Contains(v.body, "Anna") {
		t.Errorf("status %d: %s", v.status, v.body)
	}
}

// devChromium starts a browser for one test. Without one the test is left out, unless TILLID_REQUIRE_SERVERS is set.
func devChromium(t *testing.T) context.Context {
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
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true))
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for the browser, whose profile is in a folder that is removed next
		leave()
	})
	do(t, ctx)
	bounded, release := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(release)
	return bounded
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) { //nolint:revive // the test comes first everywhere here
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// TestDevPagesFitEveryScreen looks at every page at the width that WCAG 2.2, 1.4.10 asks for, and on a desk. With
// TILLID_SCREENSHOTS set to a folder the pages are kept there as pictures.
func TestDevPagesFitEveryScreen(t *testing.T) {
	w := startDev(t)
	ctx := devChromium(t)
	shots := os.Getenv("TILLID_SCREENSHOTS")
	pages := make(map[string]view)
	for _, lang := range []string{"da", "en"} {
		for name, page := range devGallery(w, lang) {
			pages[lang+"-"+name] = page
		}
	}
	origin, err := url.Parse(w.origin)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/dev/assets/", httputil.NewSingleHostReverseProxy(origin))
	mux.HandleFunc("/page/{name}", func(w http.ResponseWriter, r *http.Request) { // as it was answered: some answers are given once
		page := pages[r.PathValue("name")]
		for _, h := range []string{"Content-Security-Policy", "Content-Type"} {
			w.Header().Set(h, page.header.Get(h))
		}
		_, _ = w.Write([]byte(page.body))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for name := range pages {
		for _, screen := range []struct {
			name, scheme  string
			width, height int64
		}{{"small", "light", 320, 640}, {"desk", "light", 1000, 900}, {"dark", "dark", 1000, 900}} {
			if screen.name == "dark" && shots == "" {
				continue
			}
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}}); err != nil {
				t.Fatal(err)
			}
			do(t, ctx, chromedp.EmulateViewport(screen.width, screen.height), chromedp.Navigate(server.URL+"/page/"+name))
			if wide := evaluate[int64](t, ctx, `document.scrollingElement.scrollWidth`); wide > screen.width {
				t.Errorf("%s on %s is %d pixels wide", name, screen.name, wide)
			}
			if low := evaluate[[]string](t, ctx, `[...document.querySelectorAll("a, button, summary, select, input:not([type=hidden], [type=radio])")]
				.filter((e) => e.offsetParent && !e.matches(".skip") && e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)`); len(low) != 0 {
				t.Errorf("%s on %s: targets smaller than 24 pixels (2.5.8): %v", name, screen.name, low)
			}
			if shots == "" {
				continue
			}
			picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(shots, name+"-"+screen.name+".png"), picture, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T { //nolint:revive // as above
	t.Helper()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestThePhoneIsUsedByFingerAndByKeyboard types the PIN on the pad and with keys, and swipes.
func TestThePhoneIsUsedByFingerAndByKeyboard(t *testing.T) {
	w := startDev(t)
	ctx := devChromium(t)
	css := func(s string) chromedp.CSS { return chromedp.CSS(s) }
	phone := w.origin + "/sim/phone?lang=en&user=anna"
	page := w.get("/dev/demo?user=anna")
	do(t, ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(phone), chromedp.WaitVisible(css(".pad")))
	for range simulator.PIN {
		do(t, ctx, chromedp.Click(css(".erase")))
	}
	for _, digit := range "1357" {
		do(t, ctx, chromedp.Click(css(fmt.Sprintf(`[data-digit="%c"]`, digit))))
	}
	do(t, ctx, chromedp.Click(css(`[data-digit="1"]`)), chromedp.Click(css(`.erase`)), chromedp.SendKeys(css(`[data-digit="1"]`), "90"))
	if got := evaluate[string](t, ctx, `document.querySelector("[name=pin]").value`); got != simulator.PIN {
		t.Fatalf("the PIN that was typed is %q", got)
	}
	// A swipe that is let go halfway approves nothing.
	swipe := func(to float64) {
		box := evaluate[[]float64](t, ctx, `(() => { const e = document.querySelector(".swipe input"); e.scrollIntoView({ block: "center" });
			const b = e.getBoundingClientRect(); return [b.left + 27, b.top + b.height / 2, b.width - 54]; })()`)
		do(t, ctx, chromedp.DragAndDropXY(box[0], box[1], box[0]+box[2]*to, box[1]))
	}
	swipe(0.5)
	if at := evaluate[string](t, ctx, `document.querySelector(".swipe input").value`); at != "0" {
		t.Errorf("the slider stays at %s", at)
	}
	w.get(page.at.String()).has("data-channel")
	swipe(1)
	do(t, ctx, chromedp.WaitVisible(css(".done")))
	w.get(page.at.String()).loa("Substantial")

	// What begins to wait shows by itself, and biometrics need no PIN.
	w.browser = w.newBrowser()
	page = w.get("/dev/demo?user=anna")
	do(t, ctx, chromedp.WaitVisible(css(`#screen:not([data-waiting=""])`)))
	do(t, ctx, chromedp.Click(css(`input[value="biometrics"]`)), chromedp.WaitNotVisible(css(".pad")), chromedp.Click(css(`button[value="approve"]`)),
		chromedp.WaitVisible(css(".done")))
	w.get(page.at.String()).loa("Substantial")
}
