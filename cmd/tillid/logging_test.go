package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestMaskCPR(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`610185-1234`, `[CPR]`},
		{`6101851234`, `[CPR]`},
		{`{"a":"cpr 610185 1234."}`, `{"a":"cpr [CPR]."}`},
		{`3112991234 and 0101001234`, `[CPR] and [CPR]`},
		{`/path/6101851234?x=6101851234`, `/path/[CPR]?x=[CPR]`},
		{`1763827200`, `1763827200`},   // seconds since 1970: no month 63
		{`61018512345`, `61018512345`}, // eleven digits
		{`{"time":"2026-11-22T15:57:16.610185123Z"}`, `{"time":"2026-11-22T15:57:16.610185123Z"}`},
		{`c5c4491a-3d05-4945-baf3-204caf0da78e`, `c5c4491a-3d05-4945-baf3-204caf0da78e`},
		{`id_6101851234`, `id_6101851234`},
		{`3299851234`, `3299851234`}, // no day 32
		{``, ``},
		{`610185-123`, `610185-123`},
	} {
		if got := string(maskCPR([]byte(c.line))); got != c.want {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
}

// FuzzMaskCPR: nothing of the form of a CPR number is left in a masked line, and masking it again changes nothing.
func FuzzMaskCPR(f *testing.F) {
	f.Add([]byte(`{"msg":"610185-1234","n":6101851234}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		once := maskCPR(bytes.Clone(line))
		if twice := maskCPR(bytes.Clone(once)); !bytes.Equal(once, twice) {
			t.Errorf("%q is masked to %q and then %q", line, once, twice)
		}
	})
}

func TestLoggerMasksWhatever(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, slog.LevelInfo).With("fixed", "610185-1234").WithGroup("g")
	log.Info("about 6101851234", "error", errors.New("no 610185-1234"), "number", 6101851234, slog.Group("in", "any", []string{"6101851234"}))
	if strings.Contains(out.String(), "1234") {
		t.Errorf("logged %s", out.String())
	}
}

func TestLogNamesTheRequest(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, slog.LevelInfo)
	h := identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { log.InfoContext(r.Context(), "here") }))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-Request-Id", "chosen-by-the-client")
	h.ServeHTTP(httptest.NewRecorder(), r)
	var line struct {
		ID string `json:"request_id"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || len(line.ID) != 16 {
		t.Errorf("request_id %q, %v", line.ID, err)
	}
	out.Reset()
	log.InfoContext(context.Background(), "nowhere")
	if strings.Contains(out.String(), "request_id") {
		t.Errorf("a line outside any request: %s", out.String())
	}
}

func TestAPanicIsAnsweredAndLogged(t *testing.T) {
	var out bytes.Buffer
	h := identify(caught(newLogger(&out, slog.LevelInfo), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("610185-1234") })))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(out.String(), "request_id") || strings.Contains(out.String()+w.Body.String(), "1234") {
		t.Errorf("status %d, body %s, log %s", w.Code, w.Body, out.String())
	}
}
