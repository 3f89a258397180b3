package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the repository, from this folder.
const root = "../.."

// buildFlags are the Dockerfile's, so that what is tested here is what the image holds.
var buildFlags = []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"}

// built is the processor as the Dockerfile builds it, made once for all tests.
var built struct {
	once   sync.Once
	folder string
	err    error
	output []byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// processor returns the path of the program.
func processor(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		//nolint:usetesting // it outlives the test that builds it; TestMain removes it
		if built.folder, built.err = os.MkdirTemp("", "processor"); built.err != nil {
			return
		}
		cmd := exec.CommandContext(t.Context(), "go", append(buildFlags, "-o", filepath.Join(built.folder, "processor"), "./cmd/processor")...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		built.output, built.err = cmd.CombinedOutput()
	})
	if built.err != nil {
		t.Fatalf("build the processor: %v\n%s", built.err, built.output)
	}
	return filepath.Join(built.folder, "processor")
}

// read returns a file of the repository.
func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return content
}

// exists reports whether the repository has the file or folder.
func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}

// glob returns the repository's files that match, as paths from its root, and fails when there is none:
// a test over no file proves nothing.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(matches) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	for i, path := range matches {
		matches[i] = strings.TrimPrefix(filepath.ToSlash(path), root+"/")
	}
	return matches
}

// validate runs `processor validate` over a configuration, with variables beside those of this process, and fails
// when it is refused.
func validate(t *testing.T, config string, variables ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), processor(t), "validate", "--config", filepath.Join(root, config))
	// A shell that exports the processor's own variables would change what is validated.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EXPANSION_") })
	cmd.Env = append(cmd.Env, variables...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("processor validate --config %s: %v\n%s", config, err, output)
	}
}
