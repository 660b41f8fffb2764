package sqltest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

const superuser = "postgres"

// server is a PostgreSQL server on a Unix socket only, so that no port can clash and nobody else can reach it.
type server struct {
	dir string // holds the socket and the data
	// alive is the standing input of the shell that guards the server. It closes when this process ends, however it ends,
	// and the guard then stops the server and removes dir.
	alive io.Closer
}

// missingError says that PostgreSQL is not installed.
type missingError struct{ err error }

func (e *missingError) Error() string { return "PostgreSQL's initdb and pg_ctl are not installed" }
func (e *missingError) Unwrap() error { return e.err }

func isMissing(err error) bool {
	var missing *missingError
	return errors.As(err, &missing)
}

// shared is the one server of a test binary; starting one per test would take a second each.
var shared = sync.OnceValues(start)

// guard reports readiness and then waits for the end of its input. pg_ctl detaches the server from the guard's session.
const guard = `
"$1/initdb" -D "$2/data" -A trust -U ` + superuser + ` -E UTF8 --locale=C --no-sync >"$2/log" 2>&1 &&
"$1/pg_ctl" -D "$2/data" -w -t 60 -l "$2/log" -o "-k '$2' -c listen_addresses='' -c fsync=on -c synchronous_commit=on" start >>"$2/log" 2>&1 &&
echo ready || tail -n 20 "$2/log"
read -r end
"$1/pg_ctl" -D "$2/data" -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
`

func start() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, &missingError{err}
	}
	dir, err := os.MkdirTemp("/tmp", "tillid-pg-") // not TMPDIR: the path of a Unix socket has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.run(bin); err != nil {
		if s.alive == nil { // no guard to do it
			err = errors.Join(err, os.RemoveAll(dir))
		} else {
			err = errors.Join(err, s.alive.Close())
		}
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *server) run(bin string) error {
	cmd := exec.Command("/bin/sh", "-c", guard, "guard", bin, s.dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt from the terminal must not end the guard first
	if os.Geteuid() == 0 {                               // PostgreSQL refuses to run as root
		credential, err := unprivileged()
		if err != nil {
			return err
		}
		if err := os.Chown(s.dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return err
		}
		cmd.SysProcAttr.Credential = credential
	}
	alive, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.alive = alive
	lines := bufio.NewScanner(out)
	var said []string
	for lines.Scan() {
		if lines.Text() == "ready" {
			return nil
		}
		if said = append(said, lines.Text()); len(said) == 20 {
			break
		}
	}
	return errors.New(strings.Join(said, "\n"))
}

func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// binaries is the folder of initdb and pg_ctl: that of the path, else Debian's, which is not on the path.
func binaries() (string, error) {
	path, err := exec.LookPath("initdb")
	if err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well-formed
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	return "", err
}
