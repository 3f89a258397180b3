package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The mistakes must be where the code is: a text that is gone, or that occurs twice, plants nothing.
func TestEveryMistakeHasItsPlace(t *testing.T) {
	if len(mistakes) < 20 {
		t.Errorf("%d mistakes are too few", len(mistakes))
	}
	names := map[string]bool{}
	for _, m := range mistakes {
		if names[m.name] {
			t.Errorf("two mistakes have the name %q", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(source), m.old); n != 1 {
			t.Errorf("%s: the text occurs %d times in %s: %q", m.name, n, m.file, m.old)
		}
		if m.old == m.new {
			t.Errorf("%s: nothing is changed", m.name)
		}
	}
}

func TestFound(t *testing.T) {
	cases := []struct {
		output string
		failed bool
		want   string
	}{
		{"ok", false, ""},
		{"--- FAIL: TestSimulation (0.1s)\n    sim_test.go:66: SIM_SEED=41\n", true, "42 seeds"},
		{"--- FAIL: TestSimulationIsDeterministic (0.1s)\n    sim_test.go:66: seed 0, step 7:\n", true, "1 seed"},
		{"--- FAIL: TestOther (0.1s)\n", true, "TestOther"},
		{"panic: no test\n", true, "it does not run: panic: no test"},
	}
	for _, c := range cases {
		if got := found(c.output, c.failed); got != c.want {
			t.Errorf("%q: got %q, want %q", c.output, got, c.want)
		}
	}
}
