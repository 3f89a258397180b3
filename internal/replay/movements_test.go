package replay_test

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// definitions are the pages that say what the numbers mean, with the least number of examples in each.
var definitions = []struct {
	page  string
	least int
}{
	{"movements.md", 35},
	{"metrics.md", 17},
	{"other-tools.md", 13},
	{"signals.md", 4},
}

const docs = "../../docs/"

// TestDefinitions runs the worked examples of the definitions, the fenced blocks marked story: what
// finance reads is what the program does.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	for _, d := range definitions {
		t.Run(d.page, func(t *testing.T) { runExamples(t, docs+d.page, d.least) })
	}
}

func runExamples(t *testing.T, page string, least int) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```story\n(.*?)^```$").FindAllStringSubmatchIndex(string(text), -1)
	if len(blocks) < least {
		t.Fatalf("only %d examples in %s", len(blocks), page)
	}
	for _, b := range blocks {
		line := 1 + strings.Count(string(text[:b[2]]), "\n")
		t.Run(fmt.Sprintf("line_%d", line), func(t *testing.T) {
			s := &story{}
			checked := 0
			datadriven.RunTestFromString(t, string(text[b[2]:b[3]]), func(t *testing.T, d *datadriven.TestData) string {
				printed := s.command(t, d)
				if printed != d.Expected {
					t.Errorf("%s, in the example of line %d: %s %s\nprints\n%sthe text says\n%s", page, line, d.Cmd, d.Input, printed, d.Expected)
				}
				if printed != "" {
					checked++
				}
				return d.Expected
			})
			if checked == 0 {
				t.Errorf("%s: the example of line %d shows nothing", page, line)
			}
		})
	}
}

// TestDefinitionsAnchors holds that every link between and within the definitions finds its section,
// and that every section has a name that does not depend on its title.
func TestDefinitionsAnchors(t *testing.T) {
	t.Parallel()
	texts, anchors := map[string]string{}, map[string][]string{}
	for _, d := range definitions {
		text, err := os.ReadFile(docs + d.page)
		if err != nil {
			t.Fatal(err)
		}
		texts[d.page] = string(text)
		for _, m := range regexp.MustCompile(`<a id="([a-z-]+)"></a>`).FindAllStringSubmatch(string(text), -1) {
			if slices.Contains(anchors[d.page], m[1]) {
				t.Errorf("%s: the anchor %s stands twice", d.page, m[1])
			}
			anchors[d.page] = append(anchors[d.page], m[1])
		}
	}
	for page, text := range texts {
		for _, m := range regexp.MustCompile(`\]\(([a-z-]+\.md)?#([a-z-]+)\)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(anchors[cmp.Or(m[1], page)], m[2]) {
				t.Errorf("%s: a link goes to %s#%s, which is not there", page, m[1], m[2])
			}
		}
		for _, at := range regexp.MustCompile(`(?m)^## .*$`).FindAllStringIndex(text, -1) {
			if !strings.HasSuffix(strings.TrimRight(text[:at[0]], "\n"), "\"></a>") {
				t.Errorf("%s: the section %q has no anchor before it", page, text[at[0]:at[1]])
			}
		}
	}
}
