package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tillid/tillid"

// layers says what each package may import, and has to use: packages of this module by directory, other modules by their
// path, and the packages of the standard library that not everybody may use. The import graph is a line:
//
//	assurance <- authn <- broker <- {stores, web, protocols/*} <- cmd, examples
//
// A package that is not listed, an import that is not listed and an entry that nobody uses each fail the test.
var layers = map[string][]string{
	"assurance":           {},
	"authn":               {"assurance", "golang.org/x/crypto", "golang.org/x/text"},
	"authn/sqldb":         {"github.com/jackc/pgx/v5", "modernc.org/sqlite"},
	"authn/sqldb/sqltest": {"authn/sqldb", "github.com/jackc/pgx/v5"},
	"authn/registry":      {"assurance", "authn", "authn/sqldb", "github.com/google/uuid"},
	"authn/simulator":     {"assurance", "authn", "github.com/google/uuid"},

	"broker":                      {"assurance", "authn"},
	"broker/audit":                {"authn/sqldb", "broker"},
	"broker/eid":                  {"assurance", "authn", "broker", "github.com/google/uuid"},
	"broker/ledger":               {"authn/sqldb", "broker", "broker/audit", "github.com/google/uuid"},
	"broker/memstore":             {"broker"},
	"broker/redisstore":           {"broker", "github.com/redis/go-redis/v9"},
	"broker/redisstore/redistest": {"github.com/redis/go-redis/v9"},
	"broker/sqlstore":             {"authn/sqldb", "broker"},
	"broker/storetest":            {"broker"},
	"broker/web":                  {"assurance", "authn", "broker", "rsc.io/qr"},

	"protocols/oidc": {"assurance", "authn", "broker", "github.com/go-jose/go-jose/v4", "github.com/rs/cors",
		"github.com/zitadel/oidc/v3", "golang.org/x/text"},

	// What only tests use.
	"broker/web/pagetest": {"encoding/xml"},

	// From here on everything below may be used: these are what puts it together.
	"broker/brokertest": {"assurance", "authn", "authn/registry", "authn/simulator", "authn/sqldb", "broker", "broker/audit", "broker/eid",
		"broker/ledger", "broker/memstore", "broker/web", "protocols/oidc"},
	"cmd/tillid": {"assurance", "authn", "authn/registry", "authn/simulator", "authn/sqldb", "broker", "broker/audit", "broker/eid",
		"broker/ledger", "broker/memstore", "broker/redisstore", "broker/sqlstore", "broker/web", "cmd/tillid/internal/config",
		"cmd/tillid/internal/devpages", "cmd/tillid/internal/keydir", "protocols/oidc", "github.com/alecthomas/kong",
		"github.com/prometheus/client_golang", "github.com/redis/go-redis/v9", "golang.org/x/sync"},
	"cmd/tillid/e2e":             {},
	"cmd/tillid/internal/config": {"assurance", "go.yaml.in/yaml/v3"},
	"cmd/tillid/internal/devpages": {"assurance", "authn", "authn/simulator", "broker", "broker/web", "protocols/oidc",
		"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
	"cmd/tillid/internal/keydir": {},
	"cmd/tillidbench": {"authn", "authn/simulator", "authn/sqldb", "broker", "broker/memstore", "github.com/go-jose/go-jose/v4",
		"github.com/redis/go-redis/v9"},
	"examples/askhigh": {"assurance", "github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
	"examples/embed": {"authn", "authn/registry", "authn/sqldb", "broker", "broker/audit", "broker/eid", "broker/ledger", "broker/memstore",
		"broker/web", "protocols/oidc"},
	"examples/relyingparty": {"github.com/coreos/go-oidc/v3", "golang.org/x/oauth2"},
}

// guarded are packages of the standard library that only those who list them may import.
var guarded = []string{"encoding/xml"}

func TestLayers(t *testing.T) {
	found, err := readPackages(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range checkLayers(found, layers) {
		t.Error(fault)
	}
}

// TestLayersCatches plants one violation of each rule and expects each to be found: a check that passes everything would
// pass TestLayers too.
func TestLayersCatches(t *testing.T) {
	allowed := map[string][]string{"a": {}, "b": {"a", "example.org/lib"}, "gone": {}}
	found := map[string]*pkg{
		"a": {doc: true, imports: map[string]bool{module + "/b": true, "encoding/xml": true, "fmt": true}},
		"b": {doc: false, imports: map[string]bool{module + "/a": true, "example.org/other/x": true}},
		"c": {doc: true, imports: map[string]bool{}},
	}
	want := []string{
		`a imports encoding/xml, which its layer does not allow`,
		`a imports b, which its layer does not allow`,
		`b has no package comment`,
		`b imports example.org/other/x, which its layer does not allow`,
		`b is allowed example.org/lib and does not use it`,
		`c is not listed`,
		`gone is listed and does not exist`,
	}
	if got := checkLayers(found, allowed); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// pkg is one directory's non-test source.
type pkg struct {
	doc     bool
	imports map[string]bool
}

// readPackages parses the source files itself: what the go command says of them is cached and would hide a change.
func readPackages(root fs.FS) (map[string]*pkg, error) {
	found := make(map[string]*pkg)
	files := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, name, source, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if found[dir] == nil {
			found[dir] = &pkg{imports: make(map[string]bool)}
		}
		return found[dir].read(file)
	})
	return found, err
}

func (p *pkg) read(file *ast.File) error {
	p.doc = p.doc || file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != ""
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("import %s: %w", spec.Path.Value, err)
		}
		p.imports[name] = true
	}
	return nil
}

// checkLayers returns every breach in order of package.
func checkLayers(found map[string]*pkg, allowed map[string][]string) []string {
	var faults []string
	fail := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	all := maps.Clone(found)
	for dir := range allowed {
		if all[dir] == nil {
			all[dir] = nil
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		p := all[dir]
		may, listed := allowed[dir]
		switch {
		case p == nil:
			fail("%s is listed and does not exist", dir)
			continue
		case !listed:
			fail("%s is not listed", dir)
			continue
		case !p.doc:
			fail("%s has no package comment", dir)
		}
		used := make(map[string]bool)
		for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
			entry := permitted(imported, may)
			if entry == "" {
				fail("%s imports %s, which its layer does not allow", dir, strings.TrimPrefix(imported, module+"/"))
			}
			used[entry] = true
		}
		for _, entry := range may {
			if !used[entry] {
				fail("%s is allowed %s and does not use it", dir, entry)
			}
		}
	}
	return faults
}

// permitted returns the entry that allows the import: "std" for the open part of the standard library, "" for none.
func permitted(imported string, may []string) string {
	local, ours := strings.CutPrefix(imported, module+"/")
	first, _, _ := strings.Cut(imported, "/")
	for _, entry := range may {
		switch {
		case ours && local == entry, !ours && imported == entry:
			return entry
		case !ours && strings.Contains(first, ".") && strings.HasPrefix(imported, entry+"/"):
			return entry
		}
	}
	if !strings.Contains(first, ".") && !slices.Contains(guarded, imported) {
		return "std"
	}
	return ""
}
