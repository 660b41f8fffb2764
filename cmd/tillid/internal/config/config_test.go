package config_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tillid/tillid/assurance"
	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

// write makes a file in a directory of the test's own.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tillid.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const least = "issuer: https://login.example.dk\nsecrets: [env:SECRET]\n"

func TestReadTakesTheDefaults(t *testing.T) {
	c, err := config.Read(config.Source{File: write(t, least)})
	if err != nil {
		t.Fatal(err)
	}
	if c.FAL != assurance.Substantial || c.Drain != 25*time.Second || c.Registry != "sqlite:tillid.db" || c.Limits.Burst != 120 ||
		c.Lifetimes.Session != 4*time.Hour+30*time.Minute {
		t.Errorf("defaults: %+v", c)
	}
}

func TestReadPrecedence(t *testing.T) {
	file := write(t, least+"listen: file:1\nlimits:\n  burst: 5\ntls: {cert: file.crt, key: file.key}\n")
	c, err := config.Read(config.Source{File: file,
		Environ: []string{"TILLID_LISTEN=env:2", "TILLID_LIMITS_BURST=6", "HOME=/root", "TILLID_TRUSTED_PROXIES=192.0.2.1, 10.0.0.0/8"},
		Flags:   map[string]string{"listen": "flag:3"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "flag:3" || c.Limits.Burst != 6 || c.TLS.Cert != "file.crt" {
		t.Errorf("flag > env > file: listen %q, burst %d, cert %q", c.Listen, c.Limits.Burst, c.TLS.Cert)
	}
	if got := fmt.Sprint(c.TrustedProxies); got != "[192.0.2.1/32 10.0.0.0/8]" {
		t.Errorf("trusted_proxies = %s", got)
	}
}

// TestReadNamesEveryFault pairs each mistake with the fault that has to name it.
func TestReadNamesEveryFault(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		flags      map[string]string
		want       []string // without the directory of the file
	}{
		{"unknown key", least + "lisen: \":1\"\n", nil, nil, []string{"tillid.yaml:3: lisen: unknown key; did you mean listen?"}},
		{"unknown key in a group", least + "tls:\n  certt: a\n", nil, nil, []string{"tillid.yaml:4: tls.certt: unknown key; did you mean cert?"}},
		{"nothing near", least + "zzzzzzzzz: 1\ntls: {cert: a, key: b, q: 1}\n", nil, nil, []string{
			"tillid.yaml:3: zzzzzzzzz: unknown key; there are clients, drain, drain_delay, fal, issuer, keys, language, lifetimes, limits, listen, log, management, mitid, registry, replicas, secrets, store, tls, trusted_proxies",
			"tillid.yaml:4: tls.q: unknown key; there are cert, key"}},
		{"unknown variable", least, []string{"TILLID_STOER=x"}, nil, []string{"TILLID_STOER: unknown key; did you mean TILLID_STORE?"}},
		{"unknown flag", least, nil, map[string]string{"tls.crt": "x"}, []string{"--tls.crt: tls.crt: unknown key; did you mean tls.cert?"}},
		{"a key twice", least + "fal: low\nfal: high\n", nil, nil, []string{"tillid.yaml:4: fal: set before, in line 3"}},
		{"all at once", "fal: enormous\ndrain: soon\nlimits:\n  burst: many\nissuer: http://a.dk\n", nil, nil, []string{
			`tillid.yaml:1: fal: assurance: "enormous" is not a level; Low, Substantial and High are`,
			`tillid.yaml:2: drain: "soon" is not a duration such as 90s, 30m or 4h30m`,
			`tillid.yaml:4: limits.burst: "many" is not a whole number`,
			`tillid.yaml:5: issuer: must begin with https://`,
			`secrets: required: at least one reference, file:PATH or env:NAME`}},
		{"a secret written out", "issuer: https://a.dk\nsecrets: [hunter2hunter2]\n", nil, nil, []string{
			"tillid.yaml:2: secrets: a secret is written as a reference, file:PATH or env:NAME"}},
		{"a password written out", least + "store: redis://user:hunter2@host/0\n", nil, nil, []string{
			"tillid.yaml:3: store: a password stands in the address; write file:PATH or env:NAME, with the whole address there"}},
		{"a store of another kind", least + "store: mongodb://host\n", nil, nil, []string{
			`tillid.yaml:3: store: "mongodb" is not one of sqlite, postgres, postgresql, redis, rediss, redis-sentinel, redis-cluster`}},
		{"memory is for dev", least + "store: memory\n", nil, nil, []string{
			`tillid.yaml:3: store: "memory" is not one of sqlite, postgres, postgresql, redis, rediss, redis-sentinel, redis-cluster`}},
		{"half a certificate", least + "tls: {key: a}\n", nil, nil, []string{"tillid.yaml:3: tls.key: certificate and key go together"}},
		{"a group as a value", least + "tls: yes\n", nil, nil, []string{"tillid.yaml:3: tls: is a group of keys"}},
		{"a list for one value", least + "listen: [a, b]\n", nil, nil, []string{"tillid.yaml:3: listen: takes one value, not a list"}},
		{"a mapping for a value", least + "listen: {a: b}\n", nil, nil, []string{"tillid.yaml:3: listen: takes a value"}},
		{"not YAML", least + "\t- a: b\n", nil, nil, []string{"tillid.yaml:3: not YAML: found character that cannot start any token"}},
		{"not a mapping", "- a\n", nil, nil, []string{"tillid.yaml:1: must be a list of keys with values"}},
		{"an alias", "issuer: &a https://a.dk\nlisten: *a\n", nil, nil, []string{
			"tillid.yaml:1: anchors and aliases, and nesting this deep, are not read"}},
		{"a slash at the end", "issuer: https://a.dk/\nsecrets: [env:S]\n", nil, nil, []string{"tillid.yaml:1: issuer: must not end with a slash"}},
		{"credentials in the issuer", "issuer: https://u@a.dk\nsecrets: [env:S]\n", nil, nil, []string{"tillid.yaml:1: issuer: must not hold credentials"}},
		{"sessions shorter than idle", least + "lifetimes: {session: 1m}\n", nil, nil, []string{
			"tillid.yaml:3: lifetimes.session: must not be shorter than lifetimes.session_idle"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, c.file)
			_, err := config.Read(config.Source{File: file, Environ: c.environ, Flags: c.flags})
			var got []string
			for _, f := range config.Faults(err) {
				got = append(got, strings.ReplaceAll(f.Error(), filepath.Dir(file)+"/", ""))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

func TestIssuerMayHaveAPath(t *testing.T) {
	if _, err := config.Read(config.Source{File: write(t, "issuer: https://a.dk/login\nsecrets: [env:S]\n")}); err != nil {
		t.Error(err)
	}
}

func TestAReferredVariableIsNoMisspelling(t *testing.T) {
	_, err := config.Read(config.Source{File: write(t, "issuer: https://a.dk\nsecrets: [env:TILLID_SEAL]\n"), Environ: []string{"TILLID_SEAL=x"}})
	if err != nil {
		t.Error(err)
	}
}

func TestReferencesResolve(t *testing.T) {
	dir := t.TempDir()
	private, open, empty := filepath.Join(dir, "private"), filepath.Join(dir, "open"), filepath.Join(dir, "empty")
	for path, mode := range map[string]os.FileMode{private: 0o600, open: 0o644} {
		if err := os.WriteFile(path, []byte("fortysecrets\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) { return "from env", name == "THERE" }
	for _, c := range []struct {
		reference config.Reference
		want      string
		fails     bool
	}{
		{"file:" + config.Reference(private), "fortysecrets", false},
		{"env:THERE", "from env", false},
		{"sqlite:x", "sqlite:x", false},
		{"file:" + config.Reference(open), "", true},
		{"file:" + config.Reference(empty), "", true},
		{"file:" + config.Reference(filepath.Join(dir, "absent")), "", true},
		{"env:ABSENT", "", true},
	} {
		got, err := c.reference.Resolve(env)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", c.reference, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "fortysecrets") {
			t.Errorf("%s: the error tells the secret", c.reference)
		}
	}
}

func TestReferencesHidePasswords(t *testing.T) {
	r := config.Reference("postgres://user:hunter2@host/db")
	for _, got := range []string{r.String(), fmt.Sprint(r), fmt.Sprintf("%v %+v %#v %s", r, r, r, r)} {
		if strings.Contains(got, "hunter2") {
			t.Errorf("prints %q", got)
		}
	}
}

func TestPrintCanBeReadAgain(t *testing.T) {
	first, err := config.Read(config.Source{File: write(t, least+"trusted_proxies: [10.0.0.0/8]\nlimits: {rate: 2.5}\n")})
	if err != nil {
		t.Fatal(err)
	}
	var printed, again bytes.Buffer
	if err := config.Print(&printed, first); err != nil {
		t.Fatal(err)
	}
	second, err := config.Read(config.Source{File: write(t, printed.String())})
	if err != nil {
		t.Fatalf("%v\n%s", err, printed.String())
	}
	if err := config.Print(&again, second); err != nil {
		t.Fatal(err)
	}
	if printed.String() != again.String() {
		t.Errorf("got\n%s\nwant\n%s", again.String(), printed.String())
	}
}

type party struct {
	Name   string            `yaml:"name"`
	Level  assurance.Level   `yaml:"level"`
	SSO    bool              `yaml:"sso"`
	Places []string          `yaml:"places"`
	Nested struct{ A int }   `yaml:"nested"`
	Free   map[string]string `yaml:"free"`
}

func TestDecode(t *testing.T) {
	var got []party
	if err := config.Decode("p.yaml", []byte(`[{"name": "x", "level": "high", "sso": true, "places": ["a"], "free": {"k": "v"}}]`), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Level != assurance.High || !got[0].SSO || got[0].Free["k"] != "v" {
		t.Errorf("got %+v", got)
	}
	err := config.Decode("p.yaml", []byte("- nam: x\n  sso: perhaps\n  nested: {a: 1, b: 2}\n- name: y\n  name: z\n  level: top\n"), &got)
	var faults []string
	for _, f := range config.Faults(err) {
		faults = append(faults, f.Error())
	}
	want := []string{
		"p.yaml:1: nam: unknown key; did you mean name?",
		"p.yaml:2: sso: cannot unmarshal !!str `perhaps` into bool",
		"p.yaml:3: nested.b: unknown key; there are a",
		"p.yaml:5: name: set twice",
		`p.yaml:6: level: assurance: "top" is not a level; Low, Substantial and High are`,
	}
	if !slices.Equal(faults, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(faults, "\n  "), strings.Join(want, "\n  "))
	}
}

// FuzzRead: whatever the file holds, Read returns a configuration without faults or faults, and what it accepts prints to
// something that it accepts again.
func FuzzRead(f *testing.F) {
	f.Add(least)
	f.Add("issuer: [\n")
	f.Add("limits: {rate: .nan}\n" + least)
	f.Fuzz(func(t *testing.T, content string) {
		c, err := config.Read(config.Source{File: write(t, content)})
		if err != nil {
			if len(config.Faults(err)) == 0 {
				t.Fatalf("an error without a fault: %v", err)
			}
			return
		}
		var printed bytes.Buffer
		if err := config.Print(&printed, c); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Read(config.Source{File: write(t, printed.String())}); err != nil {
			t.Fatalf("what was accepted is printed as something that is not: %v\n%s", err, printed.String())
		}
	})
}
