// Package overlay builds a program with one text of one file exchanged, while the file stays as it is.
package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Write writes the changed file into a folder, and what tells the go command to read it in the other's place: the
// name is for its flag -overlay. The old text must occur in the file once.
func Write(folder, file, old, changed string) (name string, err error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), old); n != 1 {
		return "", fmt.Errorf("the text occurs %d times in %s", n, file)
	}
	other := filepath.Join(folder, filepath.Base(file))
	if err := os.WriteFile(other, []byte(strings.Replace(string(source), old, changed, 1)), 0o600); err != nil {
		return "", err
	}
	original, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: other}})
	if err != nil {
		return "", err
	}
	name = filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, list, 0o600)
}
