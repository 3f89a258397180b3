package internal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mapped are the packages whose every file has a line in ARCHITECTURE.md.
var mapped = []string{
	"money", "event", "event/mapping", "event/stripe", "event/debezium", "event/openmeter", "event/avro", "event/format",
	"aggregate", "rollup", "alert", "row", "row/wire", "row/warehouse", "letter", "intake", "registry", "pipeline",
}

var (
	mapSection = regexp.MustCompile("^### internal/([a-z/]+)$")
	mapFile    = regexp.MustCompile("`([a-z_]+\\.go)`")
)

// A newcomer reads the file map to find things: it names every file, and no file that is gone.
func TestFileMapIsTheTree(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	pkg := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := mapSection.FindStringSubmatch(line); m != nil {
			pkg = m[1]
		} else if strings.HasPrefix(line, "- ") && pkg != "" {
			subject, _, _ := strings.Cut(line, ": ")
			for _, m := range mapFile.FindAllStringSubmatch(subject, -1) {
				named[pkg] = append(named[pkg], m[1])
			}
		}
	}
	for _, pkg := range mapped {
		files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		var tree []string
		for _, f := range files {
			if name := filepath.Base(f); !strings.HasSuffix(name, "_test.go") && name != "doc.go" {
				tree = append(tree, name)
			}
		}
		for _, name := range tree {
			if !slices.Contains(named[pkg], name) {
				t.Errorf("ARCHITECTURE.md does not name internal/%s/%s", pkg, name)
			}
		}
		for _, name := range named[pkg] {
			if !slices.Contains(tree, name) {
				t.Errorf("ARCHITECTURE.md names internal/%s/%s, which does not exist", pkg, name)
			}
		}
	}
}
