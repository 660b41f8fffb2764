package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tillid/tillid/cmd/tillid/internal/config"
)

// TestReadmeListsEverySetting keeps the reference in the README true, row by row.
func TestReadmeListsEverySetting(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Settings() {
		shown := "—"
		if s.Default != "" {
			shown = "`" + s.Default + "`"
		}
		row := fmt.Sprintf("| `%s` | %s | %s |\n", s.Key, shown, s.Help)
		if !strings.Contains(string(readme), row) {
			t.Errorf("README.md lacks the row\n%s", row)
		}
	}
}
