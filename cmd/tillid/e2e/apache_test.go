package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	apacheModules = "/usr/lib/apache2/modules"
	apacheClient  = "apache"
	apacheSecret  = "apache-secret-0123456789abcdefghijklm"
)

// apacheConfig protects everything under the site but what is left open, and lets only Substantial in. A refresh is due with
// every request, because access tokens live no longer than an hour.
const apacheConfig = `
ServerRoot {{dir}}
DefaultRuntimeDir {{dir}}
PidFile {{dir}}/pid
Listen 127.0.0.1:{{port}}
ServerName localhost
{{user}}
ErrorLog {{dir}}/error.log
LogLevel error auth_openidc:warn
LoadModule mpm_event_module {{modules}}/mod_mpm_event.so
LoadModule authn_core_module {{modules}}/mod_authn_core.so
LoadModule authz_core_module {{modules}}/mod_authz_core.so
LoadModule authz_user_module {{modules}}/mod_authz_user.so
LoadModule dir_module {{modules}}/mod_dir.so
LoadModule mime_module {{modules}}/mod_mime.so
LoadModule ssl_module {{modules}}/mod_ssl.so
LoadModule auth_openidc_module {{modules}}/mod_auth_openidc.so
TypesConfig /dev/null
StartServers 1
ThreadsPerChild 8
MinSpareThreads 4
MaxSpareThreads 16
MaxRequestWorkers 16
SSLEngine on
SSLSessionCache none
SSLCertificateFile {{cert}}
SSLCertificateKeyFile {{key}}
DocumentRoot {{dir}}/site

OIDCProviderMetadataURL {{issuer}}/.well-known/openid-configuration
OIDCClientID {{client}}
OIDCClientSecret {{secret}}
OIDCRedirectURI {{site}}/oidc
OIDCCryptoPassphrase only-for-this-test-0123456789
OIDCScope "openid profile offline_access"
OIDCPKCEMethod S256
OIDCSSLValidateServer On
OIDCCABundlePath {{ca}}
OIDCSessionType server-cache
OIDCCacheType shm
OIDCInfoHook iat access_token id_token userinfo refresh_token session
OIDCRefreshAccessTokenBeforeExpiry {{refresh}}
OIDCPassIDTokenAs claims
OIDCRemoteUserClaim sub
OIDCProviderBackChannelLogoutSupported On

<Location />
  AuthType openid-connect
  Require claim loa:{{level}}
</Location>
<Location /open/>
  AuthType none
  Require all granted
</Location>
`

// apache is Apache with mod_auth_openidc as a relying party of its own, over https.
type apache struct {
	site string
	dir  string
	done chan struct{}
}

// startApache starts Apache and returns when it answers. refresh is how long before expiry an access token is replaced.
func startApache(t *testing.T, s *server, level string, refresh time.Duration) *apache {
	t.Helper()
	program := needs(t, "apache2")
	if _, err := os.Stat(filepath.Join(apacheModules, "mod_auth_openidc.so")); err != nil {
		missing(t, "mod_auth_openidc")
	}
	port := freePort(t)
	a := &apache{site: fmt.Sprintf("https://localhost:%d", port), dir: t.TempDir(), done: make(chan struct{})}
	for _, page := range []string{"index.html", "open/index.html"} {
		name := filepath.Join(a.dir, "site", page)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, os.WriteFile(name, []byte("<p id=\"arrived\">"+page+"</p>"), 0o644))
	}
	account := ""
	if os.Geteuid() == 0 { // Apache gives up root, and then has to reach the site
		if _, err := user.Lookup("www-data"); err != nil {
			missing(t, "the account www-data")
		}
		account = "User www-data\nGroup www-data"
		must(t, os.Chmod(filepath.Dir(a.dir), 0o755))
	}
	tls := s.settings.tls
	config := strings.NewReplacer("{{dir}}", a.dir, "{{port}}", fmt.Sprint(port), "{{user}}", account, "{{modules}}", apacheModules,
		"{{cert}}", tls.certFile, "{{key}}", tls.keyFile, "{{ca}}", tls.caFile, "{{issuer}}", s.issuer, "{{client}}", apacheClient,
		"{{secret}}", apacheSecret, "{{site}}", a.site, "{{level}}", level, "{{refresh}}", fmt.Sprint(int(refresh/time.Second))).Replace(apacheConfig)
	must(t, os.WriteFile(filepath.Join(a.dir, "apache.conf"), []byte(config), 0o644))
	cmd := exec.Command(program, "-d", a.dir, "-f", filepath.Join(a.dir, "apache.conf"), "-DFOREGROUND")
	var said transcript
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &said, &said, dieWithParent()
	must(t, cmd.Start())
	go func() {
		_ = cmd.Wait() // it is stopped below
		close(a.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-a.done:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-a.done
		}
		if t.Failed() {
			t.Logf("Apache's log:\n%s%s", said.String(), a.log())
		}
	})
	b := newBrowser(s, a.site)
	must(t, poll(a.done, func() string { return said.String() + a.log() }, func(context.Context) error {
		p, err := b.get(a.site + "/open/index.html")
		if err == nil && p.status != http.StatusOK {
			err = fmt.Errorf("status %d", p.status)
		}
		return err
	}))
	return a
}

func (a *apache) log() string {
	content, err := os.ReadFile(filepath.Join(a.dir, "error.log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// info is what mod_auth_openidc knows of a session.
type info struct {
	AccessToken  string         `json:"access_token"`
	RefreshToken string         `json:"refresh_token"`
	IDToken      map[string]any `json:"id_token"`
	UserInfo     map[string]any `json:"userinfo"`
}

func (a *apache) info(b *browser) (info, error) {
	var out info
	p, err := b.get(a.site + "/oidc?info=json")
	if err != nil {
		return out, err
	}
	if p.status != http.StatusOK {
		return out, &statusError{p.status, p.body}
	}
	return out, json.Unmarshal([]byte(p.body), &out)
}

// secured starts a server over https that knows Apache as a client.
func secured(t *testing.T) *server {
	t.Helper()
	needs(t, "apache2")
	return start(t, settings{tls: newAuthority(t)})
}

func (s *server) registerApache(t *testing.T, a *apache) {
	t.Helper()
	must(t, s.api("clients", map[string]any{"client_id": apacheClient, "client_secret": apacheSecret, "organisation": "demo", "sso": true,
		"redirect_uris": []string{a.site + "/oidc"}, "post_logout_redirect_uris": []string{a.site + "/open/index.html"},
		"backchannel_logout_uri": a.site + "/oidc?logout=backchannel", "claims": []string{"profile"},
		"token_endpoint_auth_method": "client_secret_basic"}, nil))
}

func TestApacheLogsInAndRefreshes(t *testing.T) {
	s := secured(t)
	a := startApache(t, s, "https://data.gov.dk/concept/core/nsis/Substantial", 2*time.Hour)
	s.registerApache(t, a)
	b := newBrowser(s, a.site)
	p, err := b.get(a.site + "/index.html")
	must(t, err)
	if !p.asks("user_id") {
		t.Fatalf("no login: %v", p)
	}
	p, err = b.walk(p, &somebody{userID: "anna"})
	must(t, err)
	if p.status != http.StatusOK || !strings.Contains(p.body, "arrived") {
		t.Fatalf("not let in: %v", p)
	}
	first, err := a.info(b)
	must(t, err)
	if first.UserInfo["name"] != "Anna Andersen" || first.IDToken["sub"] != first.UserInfo["sub"] || first.RefreshToken == "" {
		t.Errorf("what Apache knows: %+v", first)
	}
	p, err = b.get(a.site + "/index.html") // which is when the access token is replaced
	must(t, err)
	if p.status != http.StatusOK {
		t.Fatalf("after the refresh: %v", p)
	}
	second, err := a.info(b)
	must(t, err)
	if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken || second.AccessToken == "" {
		t.Errorf("nothing was refreshed: %+v, then %+v", first, second)
	}
	if p, err = b.get(a.site + "/oidc?" + url.Values{"refresh": {a.site + "/index.html"}, "access_token": {second.AccessToken}}.Encode()); err != nil || p.status != http.StatusOK || strings.Contains(p.url.RawQuery, "error") {
		t.Errorf("the refresh hook: %v %v", p, err)
	}
}

// TestApacheDoesNotLetALowerLevelIn is the hostile twin: a site that demands High is not satisfied by Substantial.
func TestApacheDoesNotLetALowerLevelIn(t *testing.T) {
	s := secured(t)
	a := startApache(t, s, "https://data.gov.dk/concept/core/nsis/High", time.Minute)
	s.registerApache(t, a)
	b := newBrowser(s, a.site)
	p, err := b.get(a.site + "/index.html")
	must(t, err)
	anna := &somebody{userID: "anna", app: true}
	p, err = b.walk(p, anna)
	must(t, err)
	if len(anna.asked) == 0 || p.url.Host != strings.TrimPrefix(a.site, "https://") {
		t.Fatalf("no login: %v", p)
	}
	if p.status != http.StatusUnauthorized && p.status != http.StatusForbidden {
		t.Errorf("let in: %v", p)
	}
}

func TestApacheLogsOut(t *testing.T) {
	s := secured(t)
	a := startApache(t, s, "https://data.gov.dk/concept/core/nsis/Substantial", time.Minute)
	s.registerApache(t, a)

	t.Run("itself", func(t *testing.T) {
		b := newBrowser(s, a.site)
		p, err := b.get(a.site + "/index.html")
		must(t, err)
		_, err = b.walk(p, &somebody{userID: "anna", app: true})
		must(t, err)
		p, err = b.get(a.site + "/oidc?" + url.Values{"logout": {a.site + "/open/index.html"}}.Encode())
		must(t, err)
		if p.status != http.StatusOK || !strings.Contains(p.body, "open/index.html") {
			t.Fatalf("the logout did not come back: %v", p)
		}
		if p, err = b.get(a.site + "/index.html"); err != nil || !p.asks("user_id") {
			t.Errorf("no new login is needed: %v %v", p, err)
		}
	})

	t.Run("when another service does", func(t *testing.T) {
		b := newBrowser(s, a.site)
		p, err := b.get(a.site + "/index.html")
		must(t, err)
		_, err = b.walk(p, &somebody{userID: "karl", app: true})
		must(t, err)
		_, err = a.info(b)
		must(t, err)
		other, err := s.party(t, "demo-web").logIn(b, &somebody{})
		must(t, err)
		_, err = b.get(s.issuer + "/oidc/logout?" + url.Values{"id_token_hint": {other.raw}}.Encode())
		must(t, err)
		must(t, poll(a.done, a.log, func(context.Context) error {
			_, err := a.info(b)
			if !isStatus(err, http.StatusUnauthorized) {
				return fmt.Errorf("mod_auth_openidc has a session still (%v)", err)
			}
			return nil
		}))
	})
}
