package main

import (
	"log/slog"
	"os"
	"testing"
)

// Package op of zitadel/oidc logs to slog's default.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
