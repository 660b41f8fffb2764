package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
)

// newLogger writes one JSON object for each event, with the id of the request it belongs to, and no CPR number whatever
// the event holds: a number that slipped past the types that mask themselves is masked in the finished line.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(requestHandler{slog.NewJSONHandler(maskedWriter{w}, &slog.HandlerOptions{Level: level})})
}

// requestHandler adds request_id.
type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestID{}).(string); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

type requestID struct{}

// identify gives every request an id of its own, for the log. One that a client sends is not taken over: it could hold
// anything.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var raw [10]byte
		if _, err := rand.Read(raw[:]); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		id := strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestID{}, id)))
	})
}

// caught answers a request whose handler panicked, and logs where: net/http would only end the connection.
func caught(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
				panic(fault)
			}
			log.ErrorContext(r.Context(), "a handler panicked", "fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			http.Error(w, "Something went wrong. Noget gik galt.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}

// maskedWriter masks numbers that have the form of a CPR number in what it is given, which has to be whole lines.
type maskedWriter struct{ w io.Writer }

func (m maskedWriter) Write(p []byte) (int, error) {
	if _, err := m.w.Write(maskCPR(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

const cprMask = "[CPR]"

// maskCPR replaces every number DDMMYY-SSSS or DDMMYYSSSS that stands by itself, where DD may be up to 60 too high as in
// fictitious numbers. It returns line itself when there is none.
func maskCPR(line []byte) []byte {
	var out []byte
	kept := 0
	for i := 0; i < len(line); i++ {
		if i > 0 && wordly(line[i-1]) || !digit(line[i]) {
			continue
		}
		n := cprAt(line[i:])
		if n == 0 {
			continue
		}
		out = append(append(out, line[kept:i]...), cprMask...)
		i += n - 1
		kept = i + 1
	}
	if out == nil {
		return line
	}
	return append(out, line[kept:]...)
}

// cprAt returns the length of the number at the beginning of b, or 0.
func cprAt(b []byte) int {
	n := 0
	for _, part := range [...]int{6, 4} {
		if part == 4 && n < len(b) && (b[n] == '-' || b[n] == ' ') {
			n++
		}
		for range part {
			if n >= len(b) || !digit(b[n]) {
				return 0
			}
			n++
		}
	}
	if n < len(b) && wordly(b[n]) {
		return 0
	}
	day, month := int(b[0]-'0')*10+int(b[1]-'0'), int(b[2]-'0')*10+int(b[3]-'0')
	if day > 60 {
		day -= 60
	}
	if day < 1 || day > 31 || month < 1 || month > 12 {
		return 0
	}
	return n
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// wordly reports a character that makes a number part of something longer, such as an identifier.
func wordly(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
