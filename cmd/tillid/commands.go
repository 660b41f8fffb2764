package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

// configFlags are how the commands find their configuration. Every key can be set with --set as well as in the environment;
// those set most often have a flag of their own.
type configFlags struct {
	Config     string            `help:"Configuration file (YAML). Default: what TILLID_CONFIG says." short:"c" type:"path" placeholder:"FILE"`
	Issuer     string            `help:"Overrides issuer."`
	Listen     string            `help:"Overrides listen."`
	Management string            `help:"Overrides management."`
	Store      string            `help:"Overrides store."`
	Registry   string            `help:"Overrides registry."`
	FAL        string            `help:"Overrides fal."`
	Set        map[string]string `help:"Overrides any key, as in --set limits.rate=5." mapsep:"none" placeholder:"KEY=VALUE"`
}

// read reads the configuration and reports all that is wrong with it.
func (c configFlags) read(env *environment) (config.Config, error) {
	flags := make(map[string]string)
	for key, value := range c.Set {
		flags[key] = value
	}
	for key, value := range map[string]string{"issuer": c.Issuer, "listen": c.Listen, "management": c.Management, "store": c.Store,
		"registry": c.Registry, "fal": c.FAL} {
		if value != "" {
			flags[key] = value
		}
	}
	return config.Read(config.Source{File: env.or(c.Config, "TILLID_CONFIG", ""), Environ: env.environ, Flags: flags})
}

type configCommand struct {
	Check configCheck `cmd:"" help:"Report everything that is wrong with the configuration."`
	Print configPrint `cmd:"" help:"Print the configuration as it counts, all sources taken together."`
}

type configCheck struct{ configFlags }

// Run checks what can be checked without starting: the configuration, what its references stand for, clients, keys and
// certificate.
func (c configCheck) Run(env *environment) error {
	cfg, err := c.read(env)
	if err != nil {
		return err
	}
	_, err = planOf(cfg, env)
	if _, keysErr := readKeys(cfg.Keys, nil); keysErr != nil {
		err = errors.Join(err, &config.Fault{Key: "keys", Text: keysErr.Error()})
	}
	if _, tlsErr := certificate(cfg.TLS); tlsErr != nil {
		err = errors.Join(err, &config.Fault{Key: "tls", Text: tlsErr.Error()})
	}
	if err == nil {
		fmt.Fprintln(env.stdout, "ok")
	}
	return err
}

type configPrint struct {
	configFlags
	Redacted bool `help:"Leave out what is secret. Nothing secret is ever printed; the flag says so to readers." default:"true"`
}

// Run prints references, never what they stand for.
func (c configPrint) Run(env *environment) error {
	cfg, err := c.read(env)
	if err != nil {
		return err
	}
	return config.Print(env.stdout, cfg)
}

type migrateCommand struct {
	configFlags
	DryRun bool `help:"Only list what would be applied."`
}

// Run brings the registry's database, and the store's where that is another, to the form of this build.
func (c migrateCommand) Run(env *environment) error {
	cfg, err := c.read(env)
	if err != nil {
		return err
	}
	address, err := cfg.Registry.Resolve(env.getenv)
	if err != nil {
		return err
	}
	db, err := openAny(env.ctx, address)
	if err != nil {
		return err
	}
	defer func() { logClosed(env.ctx, newLogger(env.stderr, slog.LevelInfo), db.Close()) }()
	names, err := pending(env.ctx, db, parts()...)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := migrate(env.ctx, db, parts()...); err != nil {
			return err
		}
	}
	for _, n := range names {
		fmt.Fprintln(env.stdout, n)
	}
	if len(names) == 0 {
		fmt.Fprintln(env.stdout, "nothing to apply")
	}
	return nil
}

type versionCommand struct {
	JSON bool `help:"Print JSON."`
}

// Run prints what was built, and whether it has the dev profile.
func (c versionCommand) Run(env *environment) error {
	v := struct {
		Version string `json:"version"`
		Go      string `json:"go"`
		Dev     bool   `json:"dev"`
	}{version(), runtime.Version(), devBuild}
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(v)
	}
	profile := "without the dev profile"
	if v.Dev {
		profile = "with the dev profile"
	}
	fmt.Fprintf(env.stdout, "tillid %s, %s, %s\n", v.Version, v.Go, profile)
	return nil
}

// version is that of the module, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "devel"
}

// logClosed logs what went wrong at the end of a command, when its own outcome is decided already.
func logClosed(ctx context.Context, log *slog.Logger, err error) {
	if err != nil {
		log.WarnContext(ctx, "closing failed", "error", err)
	}
}

// reference resolves an address given as a flag.
func reference(s string, env *environment) (string, error) {
	return config.Reference(s).Resolve(env.getenv)
}
