// Package internal holds no code, only the test of who may import whom. The table below is the
// architecture: a package that is not in it, or that imports what its line does not name, fails.
package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer says what a package may know of the world outside.
type layer int

const (
	pure  layer = iota // no clock, goroutine, I/O, log, Kafka or Prometheus: the same input gives the same output
	shell              // talks to the world
)

// node is a package's line in the table: its layer and the packages of this program that it may import.
type node struct {
	layer   layer
	imports []string
}

// core is what may be imported by everything that carries rows about, and imports nothing but itself.
var core = []string{"money", "event", "aggregate", "rollup", "signal", "alert"}

// packages is the import table, by the path below internal/. Adapters (consumer, sink, checkpoint, web) never
// import each other nor pipeline: they satisfy its interfaces unknowingly. A test may import, beside these, its
// own package, kafkatest, company and companytest for made-up input, and replay for the rows that must come out.
var packages = map[string]node{
	"money":     {pure, nil},
	"event":     {pure, []string{"money"}},
	"aggregate": {pure, []string{"money", "event"}},
	"rollup":    {pure, []string{"money", "event", "aggregate"}},
	"signal":    {pure, []string{"money", "event", "aggregate"}},
	"alert":     {pure, []string{"money", "event", "aggregate", "rollup"}},
	"company":   {pure, []string{"money", "event"}},

	// The decoders of other formats to the same events.
	"event/mapping":   {pure, []string{"money", "event"}},
	"event/stripe":    {pure, []string{"money", "event", "event/mapping"}},
	"event/debezium":  {pure, []string{"event", "event/mapping"}},
	"event/openmeter": {pure, []string{"event", "event/mapping"}},
	"event/avro":      {pure, []string{"money", "event"}},
	"event/format":    {pure, []string{"event", "event/mapping", "event/stripe", "event/debezium", "event/openmeter"}},
	"registry":        {shell, []string{"event", "event/avro", "row", "row/wire"}},

	"secret":           {shell, nil},
	"config":           {shell, []string{"money", "event", "event/format", "event/mapping", "secret"}},
	"broker":           {shell, []string{"secret"}},
	"embedded":         {shell, nil},
	"kafkatest":        {shell, []string{"broker", "embedded"}},
	"companytest":      {shell, append([]string{"company", "replay", "row"}, core...)},
	"consumer":         {shell, []string{"broker"}},
	"sink":             {shell, append([]string{"broker"}, core...)},
	"checkpoint":       {shell, []string{"broker"}},
	"checkpoint/dir":   {shell, []string{"broker", "checkpoint"}},
	"checkpoint/kafka": {shell, []string{"broker", "checkpoint"}},
	"row":              {pure, []string{"money", "event", "aggregate", "rollup", "alert"}},
	"row/wire":         {pure, []string{"event", "row"}},                 // rows in the forms that sinks read, and back
	"row/warehouse":    {pure, []string{"aggregate", "row", "row/wire"}}, // what a database must know of rows
	"replay":           {shell, append([]string{"row"}, core...)},
	"web":              {shell, append([]string{"row", "web/access"}, core...)},
	"web/access":       {shell, nil},
	"notify":           {shell, core},
	"letter":           {shell, []string{"event", "row", "broker", "consumer", "sink"}},
	"intake":           {shell, []string{"event", "broker", "consumer", "sink", "letter"}},
	"doctor":           {shell, []string{"broker", "consumer", "sink", "checkpoint", "pipeline"}}, // it looks at all of them, and only looks
	"pipeline":         {shell, append([]string{"row", "row/wire", "broker", "consumer", "sink", "checkpoint", "letter", "intake"}, core...)},
}

// testHelpers may be imported by the tests of every package; replay is what the service is held against.
var testHelpers = []string{"kafkatest", "company", "companytest", "replay"}

// pureStandard are the packages of the standard library that the core may use: those that neither ask the
// world for anything nor tell it. time is here for its types and calendar; the lint forbids its clock.
var pureStandard = []string{
	"bytes", "cmp", "container/heap", "crypto/sha256", "encoding/base64", "encoding/binary", "encoding/hex",
	"encoding/json", "encoding/json/jsontext", "errors", "fmt", "hash", "hash/crc32", "hash/fnv", "io", "iter",
	"hash/maphash", // seeded at random, against records built to collide: no answer may depend on it
	"maps", "math", "math/big", "math/bits", "math/rand/v2", "slices", "sort", "strconv", "strings", "time",
	"unicode", "unicode/utf16", "unicode/utf8", "unique", "unsafe",
}

// pureModules are the modules that the core may use, by path.
var pureModules = []string{"github.com/cespare/xxhash/v2", "github.com/shopspring/decimal", "github.com/klauspost/compress/s2", "github.com/twmb/avro"}

const module = "processor/internal/"

// source is one parsed Go file.
type source struct {
	file    string // path below internal/
	pkg     string // its folder
	test    bool
	imports []string
	tree    *ast.File
	set     *token.FileSet
}

// sources parses every Go file below internal/ in this process: `go list` would be cached by the test cache.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(file) != ".go" || path.Dir(file) == "." {
			return nil
		}
		s := source{file: file, pkg: path.Dir(file), test: strings.HasSuffix(file, "_test.go"), set: token.NewFileSet()}
		if s.tree, err = parser.ParseFile(s.set, file, nil, parser.SkipObjectResolution); err != nil {
			return err
		}
		for _, spec := range s.tree.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatalf("read the tree: %v", err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file below internal/")
	}
	return all
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		node, found := packages[s.pkg]
		if !found {
			t.Errorf("internal/%s has no line in the import table: a new package needs a reason", s.pkg)
			continue
		}
		for _, name := range s.imports {
			other, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			allowed := slices.Contains(node.imports, other) || s.test && (other == s.pkg || slices.Contains(testHelpers, other))
			if !allowed {
				t.Errorf("%s imports internal/%s, which internal/%s may not: it may import %v", s.file, other, s.pkg, node.imports)
			}
		}
	}
}

func TestCoreIsPure(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || packages[s.pkg].layer != pure {
			continue
		}
		for _, name := range s.imports {
			if strings.HasPrefix(name, module) || slices.Contains(pureStandard, name) || slices.Contains(pureModules, name) {
				continue
			}
			t.Errorf("%s imports %s: the core imports no clock, I/O, log, Kafka or Prometheus", s.file, name)
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType, *ast.SendStmt:
				t.Errorf("%s: a goroutine or a channel in the core: order would decide the figures", s.set.Position(n.Pos()))
			}
			return true
		})
	}
}

// The table itself keeps the promise that adapters do not know each other.
func TestAdaptersDoNotKnowEachOther(t *testing.T) {
	adapters := []string{"consumer", "sink", "checkpoint", "web"}
	for name, node := range packages {
		parent, _, _ := strings.Cut(name, "/")
		for _, other := range node.imports {
			if _, found := packages[other]; !found {
				t.Errorf("the line of %s names %s, which has no line", name, other)
			}
			otherParent, _, _ := strings.Cut(other, "/")
			if slices.Contains(adapters, parent) && (otherParent == "pipeline" || otherParent != parent && slices.Contains(adapters, otherParent)) {
				t.Errorf("the adapter %s may import %s", name, other)
			}
			if node.layer == pure && packages[other].layer == shell {
				t.Errorf("%s is pure and may import %s, which is not", name, other)
			}
		}
	}
}

// A panic ends the process, because nobody knows what it left half done; only a request, and a document that
// breaks its parser before anything has begun, may fail by themselves.
func TestPanicsAreCaughtInRequestsOnly(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.pkg == "web" || s.pkg == "config" {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "recover" {
					t.Errorf("%s: a panic is caught", s.set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}
