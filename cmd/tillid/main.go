// Command tillid is the reference server: it reads a configuration, wires the packages of Tillid together and serves them.
// It holds no rule of its own about who may log in.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	// Package op of zitadel/oidc logs to slog's default: it gets the same masks as everything else.
	slog.SetDefault(newLogger(os.Stderr, slog.LevelWarn))
	redis.SetLogger(redisLog{})
	env := &environment{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	os.Exit(exitCode(run(env, os.Args[1:]), os.Stderr))
}

// redisLog gives what go-redis has to say the form of every other line.
type redisLog struct{}

// Printf implements the library's logger.
func (redisLog) Printf(ctx context.Context, format string, v ...any) {
	slog.WarnContext(ctx, "redis", "event", fmt.Sprintf(format, v...))
}

// environment is everything that a command reads from and writes to.
type environment struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
	// listening is told the addresses once a server answers; nil for nobody.
	listening func(public, management string)
}

// getenv looks a variable up.
func (e *environment) getenv(name string) (string, bool) {
	for _, pair := range e.environ {
		if n, value, ok := strings.Cut(pair, "="); ok && n == name {
			return value, true
		}
	}
	return "", false
}

// or is the value of a flag, else of a variable, else the default.
func (e *environment) or(flag, variable, otherwise string) string {
	if flag != "" {
		return flag
	}
	if value, set := e.getenv(variable); set && value != "" {
		return value
	}
	return otherwise
}

// commands is the command line.
type commands struct {
	profiles
	Serve   serveCommand   `cmd:"" help:"Serve with a configuration."`
	Migrate migrateCommand `cmd:"" help:"Bring the database to the form that this build uses."`
	Config  configCommand  `cmd:"" help:"Check or print the configuration."`
	Keys    keysCommand    `cmd:"" help:"List, rotate or retire signing keys."`
	Audit   auditCommand   `cmd:"" help:"Verify or export the audit log."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// run parses the arguments and runs the command that they name. Its errors are usageError, config.Fault, or what went
// wrong.
func run(env *environment, args []string) error {
	var c commands
	helped := false
	parser, err := kong.New(&c, kong.Name("tillid"), kong.Writers(env.stdout, env.stderr), kong.Exit(func(int) { helped = true }),
		kong.Description("An eID broker for Danish levels of assurance."), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped:
		return nil
	case err != nil:
		return usageError{err}
	}
	return parsed.Run(env)
}

// usageError is an argument that makes no sense.
type usageError struct{ error }

// exitCode prints an error and says how the process ends: 1 for a failure, 2 for wrong usage, 78 for a configuration that
// cannot be used (EX_CONFIG of sysexits.h).
func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch faults := config.Faults(err); {
	case err == nil:
		return 0
	case len(faults) > 0:
		for _, f := range faults {
			fmt.Fprintln(stderr, f)
		}
		return 78
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "tillid: %v (see tillid --help)\n", err)
		return 2
	}
	fmt.Fprintln(stderr, "tillid:", err)
	return 1
}
