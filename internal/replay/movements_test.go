package replay_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

const definitions = "../../docs/movements.md"

// TestDefinitions runs the worked examples of docs/movements.md, the fenced blocks marked story:
// what finance reads is what the program does.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(definitions)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```story\n(.*?)^```$").FindAllStringSubmatchIndex(string(text), -1)
	if len(blocks) < 20 {
		t.Fatalf("only %d examples in %s", len(blocks), definitions)
	}
	for _, b := range blocks {
		line := 1 + strings.Count(string(text[:b[2]]), "\n")
		t.Run(fmt.Sprintf("line_%d", line), func(t *testing.T) {
			s := &story{}
			checked := 0
			datadriven.RunTestFromString(t, string(text[b[2]:b[3]]), func(t *testing.T, d *datadriven.TestData) string {
				printed := s.command(t, d)
				if printed != d.Expected {
					t.Errorf("%s, in the example of line %d: %s %s\nprints\n%sthe text says\n%s", definitions, line, d.Cmd, d.Input, printed, d.Expected)
				}
				if printed != "" {
					checked++
				}
				return d.Expected
			})
			if checked == 0 {
				t.Errorf("%s: the example of line %d shows nothing", definitions, line)
			}
		})
	}
}

// TestDefinitionsAnchors holds that every link into docs/movements.md from its own text finds its
// section, and that every section has a name that does not depend on its title.
func TestDefinitionsAnchors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(definitions)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`<a id="([a-z-]+)"></a>`).FindAllStringSubmatch(string(text), -1) {
		if slices.Contains(names, m[1]) {
			t.Errorf("the anchor %s stands twice", m[1])
		}
		names = append(names, m[1])
	}
	for _, m := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("a link goes to #%s, which is not there", m[1])
		}
	}
	sections := regexp.MustCompile(`(?m)^## .*$`).FindAllStringIndex(string(text), -1)
	for _, s := range sections {
		if !strings.HasSuffix(strings.TrimRight(string(text[:s[0]]), "\n"), "\"></a>") {
			t.Errorf("the section %q has no anchor before it", text[s[0]:s[1]])
		}
	}
}
