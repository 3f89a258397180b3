package web_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vendored are the files that others wrote, with the hashes of what was published: nobody edits them here.
var vendored = map[string]string{
	"uplot/LICENSE":       "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
	"uplot/uPlot.esm.js":  "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
	"uplot/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}

func TestVendoredFilesAreAsPublished(t *testing.T) {
	const folder = "static/vendor"
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "README.md" {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), folder+"/"))
		}
		return err
	})
	if err != nil || !slices.Equal(found, slices.Sorted(maps.Keys(vendored))) {
		t.Fatalf("%v: %v", err, found)
	}
	for name, want := range vendored {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s is not as published: %s", name, got)
		}
		for _, forbidden := range []string{"innerHTML", "eval(", `setAttribute("style"`} {
			if strings.Contains(string(content), forbidden) {
				t.Errorf("%s has %s, which the page's policy or a name from outside would break", name, forbidden)
			}
		}
	}
}
