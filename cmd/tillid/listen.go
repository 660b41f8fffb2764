package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

// front is where a server can be reached.
type front struct {
	public     net.Listener
	management net.Listener // nil: none
	tls        *tls.Config  // of public; nil: plain http
	handler    http.Handler
	metrics    http.Handler
	ready      func(context.Context) error
	delay      time.Duration // between no longer being ready and no longer accepting
	drain      time.Duration // for requests under way
	log        *slog.Logger
}

// The limits of a connection. Reading a header or a form takes a person's line no longer than this; nothing here streams.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	headerLimit   = 32 << 10
	// bodyLimit is above every limit of an endpoint: those answer 413 in their own form.
	bodyLimit    = 256 << 10
	probeTimeout = 2 * time.Second
)

func (f front) server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerLimit, ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelDebug)}
}

// serve answers until ctx ends, and then drains: it stops being ready, waits the delay, accepts nothing more, lets requests
// under way finish and returns nil. The management listener answers until the end.
func (f front) serve(ctx context.Context) error {
	var draining atomic.Bool
	public := f.server(http.MaxBytesHandler(f.handler, bodyLimit))
	failed := make(chan error, 2)
	go func() {
		if f.tls == nil {
			failed <- public.Serve(f.public)
			return
		}
		public.TLSConfig = f.tls
		failed <- public.ServeTLS(f.public, "", "")
	}()
	var manager *http.Server
	if f.management != nil {
		manager = f.server(f.manage(&draining))
		go func() { failed <- manager.Serve(f.management) }()
	}
	var fault error
	select {
	case err := <-failed:
		fault = fmt.Errorf("listen: %w", err)
	case <-ctx.Done():
		f.log.Info("draining")
		draining.Store(true)
		pause := time.NewTimer(f.delay)
		defer pause.Stop()
		select {
		case <-pause.C:
		case err := <-failed:
			fault = fmt.Errorf("listen: %w", err)
		}
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.drain)
	defer cancel()
	if err := public.Shutdown(over); err != nil {
		f.log.Warn("requests were cut off", "error", err)
		fault = errors.Join(fault, public.Close())
	}
	if manager != nil {
		fault = errors.Join(fault, manager.Close())
	}
	return fault
}

// manage serves health and metrics. Whether the process lives depends on nothing else: a store that is down is no reason to
// start it anew.
func (f front) manage(draining *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	fine := func(w http.ResponseWriter, _ *http.Request) { answerPlain(w, http.StatusOK, "ok") }
	mux.HandleFunc("GET /healthz/live", fine)
	mux.HandleFunc("GET /healthz/startup", fine) // the listener opens once everything has started
	mux.HandleFunc("GET /healthz/ready", func(w http.ResponseWriter, r *http.Request) {
		if draining.Load() {
			answerPlain(w, http.StatusServiceUnavailable, "draining")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if err := f.ready(ctx); err != nil {
			f.log.WarnContext(ctx, "not ready", "error", err)
			answerPlain(w, http.StatusServiceUnavailable, "a store cannot be reached")
			return
		}
		fine(w, r)
	})
	mux.Handle("GET /metrics", f.metrics)
	return mux
}

func answerPlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a prober that has gone away needs no answer
}

// certificate reads the certificate of the public listener; nil for none.
func certificate(c config.TLS) (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
