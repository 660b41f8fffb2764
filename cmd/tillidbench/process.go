package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// process is a child that serves until it is stopped.
type process struct {
	cmd  *exec.Cmd
	done chan error
}

func start(cmd *exec.Cmd) (*process, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // none outlives the benchmark
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	return p, nil
}

// patience is how long anything may take that takes a moment only.
const patience = 30 * time.Second

// stop lets the child end by itself, and ends it when it does not.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // one that has ended is what is wanted
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-p.done:
		return err
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return errors.New("the server did not stop")
	}
}

// cpu is the processor time that the child has used so far, user and system. The kernel tells it in hundredths of a second.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// proc(5): the name, in parentheses, may hold anything; utime and stime are the 14th and 15th field.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat cannot be read")
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil
}

// rss is the child's resident memory in KiB.
func (p *process) rss() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, errors.New("/proc/PID/status has no VmRSS")
}

// redisServer starts a Redis on loopback that keeps nothing on disk.
func redisServer(ctx context.Context, dir string) (*process, string, error) {
	var last error
	for range 5 { // between finding a free port and its use somebody can take it
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, "", err
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, "", err
		}
		_, port, _ := net.SplitHostPort(address)
		p, err := start(exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
			"--maxmemory-policy", "noeviction", "--dir", dir, "--logfile", filepath.Join(dir, "redis.log")))
		if err != nil {
			return nil, "", err
		}
		client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, DisableIdentity: true})
		last = poll(ctx, p, func() error { return client.Ping(ctx).Err() })
		if err := client.Close(); last == nil && err == nil {
			return p, "redis://" + address, nil
		}
		_ = p.stop() // it did not start
	}
	return nil, "", fmt.Errorf("redis-server does not start: %w", last)
}

// poll asks until ready returns nil or the process has ended.
func poll(ctx context.Context, p *process, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case end := <-p.done:
			p.done <- end
			return fmt.Errorf("the process ended: %w", errors.Join(end, err))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
