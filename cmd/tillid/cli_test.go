package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// install makes what a server needs in a directory of its own and returns the flags to find it.
func install(t *testing.T, more string) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	keys := filepath.Join(dir, "keys")
	if out, err := tillid(t, nil, "keys", "rotate", "--keys", keys); err != nil {
		t.Fatalf("keys rotate: %v\n%s", err, out)
	}
	for name, content := range map[string]string{
		"tillid.yaml": "issuer: https://login.example.dk/broker\nlisten: 127.0.0.1:0\nmanagement: 127.0.0.1:0\nregistry: sqlite:" +
			filepath.Join(dir, "tillid.db") + "\nkeys: " + keys + "\nsecrets: [file:" + filepath.Join(dir, "secret") + "]\nclients: [" +
			filepath.Join(dir, "clients.yaml") + "]\nlog: {level: warn}\n" + more,
		"secret":       strings.Repeat("s", 40) + "\n",
		"clients.yaml": "clients:\n  - client_id: service\n    client_secret_sha256: " + strings.Repeat("A", 43) + "\n    redirect_uris: [https://service.example/cb]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []string{"TILLID_CONFIG=" + filepath.Join(dir, "tillid.yaml")}
}

// tillid runs a command to its end and returns what it printed.
func tillid(t *testing.T, environ []string, args ...string) (string, error) {
	t.Helper()
	out := new(lockedOut)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := run(&environment{ctx: ctx, stdout: out, stderr: out, environ: environ}, args)
	return out.String(), err
}

type lockedOut struct{ strings.Builder }

func TestCommands(t *testing.T) {
	dir, _ := install(t, "")
	file := filepath.Join(dir, "tillid.yaml")
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("isuer: x\nsecrets: [env:ABSENT]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	badClients := filepath.Join(dir, "bad-clients.yaml")
	if err := os.WriteFile(badClients, []byte("client_id: a\nredirect_urls: [x]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string // in what is printed, or in the error
	}{
		{"help", []string{"--help"}, 0, []string{"serve", "migrate", "audit verify"}},
		{"no command", nil, 2, []string{"expected one of"}},
		{"an unknown command", []string{"sreve"}, 2, []string{"serve"}},
		{"an unknown flag", []string{"serve", "--lisen", "x"}, 2, []string{"--listen"}},
		{"version", []string{"version"}, 0, []string{"tillid ", "go1."}},
		{"version for programs", []string{"version", "--json"}, 0, []string{`"go":"go1.`}},
		{"a good configuration", []string{"config", "check", "-c", file}, 0, []string{"ok"}},
		{"a bad configuration", []string{"config", "check", "-c", bad}, 78, []string{"bad.yaml:1: isuer: unknown key; did you mean issuer?", "issuer: required"}},
		{"no configuration", []string{"config", "check"}, 78, []string{"issuer: required", "secrets: required"}},
		{"a file that is not there", []string{"config", "check", "-c", bad + "x"}, 78, []string{"cannot be read"}},
		{"a secret that is not there", []string{"config", "check", "-c", file, "--set", "secrets=env:ABSENT"}, 78, []string{"ABSENT is not set"}},
		{"bad clients", []string{"config", "check", "-c", file, "--set", "clients=" + badClients}, 78, []string{"bad-clients.yaml:2: redirect_urls: unknown key; did you mean redirect_uris?"}},
		{"no keys", []string{"config", "check", "-c", file, "--set", "keys=" + dir + "/none"}, 78, []string{"tillid keys rotate"}},
		{"an unknown setting", []string{"config", "check", "-c", file, "--set", "limits.rat=1"}, 78, []string{"did you mean limits.rate?"}},
		{"print", []string{"config", "print", "--redacted", "-c", file, "--fal", "high"}, 0, []string{"fal: High", "secrets:", "burst: 120"}},
		{"print a password", []string{"config", "print", "-c", file, "--store", "redis://u:hunter2@h"}, 78, []string{"a password stands in the address"}},
		{"what would be migrated", []string{"migrate", "-c", file, "--dry-run"}, 0, []string{"audit/", "ledger/", "registry/", "store/"}},
		{"migrate", []string{"migrate", "-c", file}, 0, []string{"ledger/"}},
		{"migrate again", []string{"migrate", "-c", file}, 0, []string{"nothing to apply"}},
		{"audit of nothing", []string{"audit", "verify", "--registry", "sqlite:" + dir + "/none.db"}, 1, []string{"no such file"}},
		{"audit export", []string{"audit", "export", "--registry", "sqlite:" + dir + "/tillid.db"}, 0, []string{"{"}},
		{"keys list", []string{"keys", "list", "--keys", dir + "/keys"}, 0, []string{"current", "next", "audit", "ES256"}},
		{"keys of another algorithm", []string{"keys", "rotate", "--keys", dir + "/keys", "--algorithm", "HS256"}, 2, []string{"must be one of"}},
		{"keys rotate", []string{"keys", "rotate", "--keys", dir + "/keys"}, 0, []string{"now signs", "retired"}},
		{"keys retire nothing", []string{"keys", "retire", "--keys", dir + "/keys", "x"}, 1, []string{`no key "x"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := tillid(t, nil, c.args...)
			stderr := new(lockedOut)
			if got := exitCode(err, stderr); got != c.code {
				t.Errorf("exit code %d, want %d: %s", got, c.code, stderr)
			}
			out += stderr.String()
			for _, s := range c.says {
				if !strings.Contains(out, s) {
					t.Errorf("lacks %q:\n%s", s, out)
				}
			}
			if strings.Contains(out, "hunter2") {
				t.Errorf("tells a password:\n%s", out)
			}
		})
	}
}

func TestKeysRetire(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	for range 2 {
		if out, err := tillid(t, nil, "keys", "rotate", "--keys", dir); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	out, err := tillid(t, nil, "keys", "list", "--keys", dir)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(out), "\n") {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] == "STATE" || f[0] == "audit" {
			continue
		}
		_, err := tillid(t, nil, "keys", "retire", "--keys", dir, f[3])
		if (err != nil) != (f[0] == "current") {
			t.Errorf("retiring a %s key: %v", f[0], err)
		}
	}
	if _, err := readKeys(dir, nil); err != nil {
		t.Errorf("the current key is gone: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{{nil, 0}, {errors.New("x"), 1}, {usageError{errors.New("x")}, 2}} {
		if got := exitCode(c.err, new(lockedOut)); got != c.code {
			t.Errorf("%v: %d, want %d", c.err, got, c.code)
		}
	}
}
