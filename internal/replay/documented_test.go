package replay_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/row"
)

// families are columns of which there is one for each type, window, dimension or ratio: the pages name
// the family, and each member is the family's name with one of a closed list in it.
var families = []struct {
	column *regexp.Regexp
	named  string
}{
	{regexp.MustCompile(`^share_(` + strings.Join(aggregate.UpNames[:], "|") + `)$`), "share_<type>"},
	{regexp.MustCompile(`^accounts_up_(` + strings.Join(aggregate.UpNames[:], "|") + `)$`), "accounts_up_<type>"},
	{regexp.MustCompile(`^(?:1h|24h|7d|30d|90d|365d)_(expansion_mrr|contraction_mrr|net_change)$`), "<window>_$1"},
	{regexp.MustCompile(`^dim_region$`), "dim_<name>"},
	{regexp.MustCompile(`^.+_reason$`), "x_reason"}, // beside each ratio, which is named itself
}

// TestEveryColumnIsDefined holds that docs/movements.md, docs/metrics.md and docs/signals.md say what every column of
// the rows means, so that no figure goes out without a definition. None is exempt.
func TestEveryColumnIsDefined(t *testing.T) {
	t.Parallel()
	text := pageText(t, "movements.md") + pageText(t, "metrics.md") + pageText(t, "signals.md")
	held := heldAfter(t, "windows 1h 24h 7d 30d 90d 365d\ngroupings region", "a 2026-01-01 acme 100\ns 2026-01-01T12:00 acme signal nps 9", "2026-01-02")
	for _, topic := range []row.Topic{row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths, row.TopicMetrics, row.TopicSignals, row.TopicSignalMetrics} {
		rows := held.of(topic)
		if len(rows) == 0 {
			t.Fatalf("no row of %s to look at", topic)
		}
		for column := range rows[0] {
			named := column
			for _, f := range families {
				named = f.column.ReplaceAllString(named, f.named)
			}
			if !strings.Contains(text, "`"+named+"`") {
				t.Errorf("the column %s of %s is nowhere defined: name it as `%s` in %smovements.md, metrics.md or signals.md",
					column, topic, named, docs)
			}
		}
	}
}

// TestEveryChoiceIsDefined holds that docs/movements.md tells of every key of the section rules and of
// every word it may have, as docs/reference/config.md, which is made from the table, lists them.
func TestEveryChoiceIsDefined(t *testing.T) {
	t.Parallel()
	text := pageText(t, "movements.md")
	sections := regexp.MustCompile("(?ms)^### `(rules\\.[a-z_]+)`\n(.*?)(?:^###? |\\z)")
	reference := strings.ReplaceAll(pageText(t, "reference/config.md"), "\n### ", "\n\n### \n### ")
	found := sections.FindAllStringSubmatch(reference, -1)
	if len(found) < 8 {
		t.Fatalf("only %d keys of rules in the reference", len(found))
	}
	for _, m := range found {
		key, about := m[1], m[2]
		line := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(key) + "` \\|.*$").FindString(text)
		if line == "" {
			t.Errorf("the table of choices in %smovements.md has no line for `%s`", docs, key)
			continue
		}
		values := regexp.MustCompile("(?m)^- value: (`.*)$").FindStringSubmatch(about)
		if values == nil { // a duration, or not available in this version
			continue
		}
		for _, word := range strings.Split(strings.ReplaceAll(values[1], "`", ""), ", ") {
			if !slices.ContainsFunc(strings.FieldsFunc(line, isBetweenWords), func(w string) bool { return w == word }) {
				t.Errorf("`%s` may be %s, of which the table of choices says nothing: %s", key, word, line)
			}
		}
	}
}

func isBetweenWords(r rune) bool { return strings.ContainsRune(" ,;:()|`", r) }

// TestEveryClassIsDefined holds that the table of classes has every class, and the tables of types
// every type.
func TestEveryClassIsDefined(t *testing.T) {
	t.Parallel()
	text := pageText(t, "movements.md")
	for class := aggregate.ClassNone; class <= aggregate.ClassRevoked; class++ {
		if !regexp.MustCompile("(?m)^\\| .*`" + class.String() + "`.* \\|").MatchString(text) {
			t.Errorf("the class %s is in no table of %smovements.md", class, docs)
		}
	}
	ups, downs := partColumns()
	for _, column := range append(ups, downs...) {
		if !regexp.MustCompile("(?m)^\\| `" + column + "` \\|").MatchString(text) {
			t.Errorf("the type %s is in no table of %smovements.md", column, docs)
		}
		if !strings.Contains(text, column+" ") {
			t.Errorf("no example of %smovements.md shows %s", docs, column)
		}
	}
}

// TestEveryRuleIsDefined holds that the table of rule numbers has every one that a story prints.
func TestEveryRuleIsDefined(t *testing.T) {
	t.Parallel()
	text := pageText(t, "movements.md")
	stories, err := filepath.Glob("../aggregate/testdata/script/*.txt")
	if err != nil || len(stories) < 60 {
		t.Fatalf("%d stories, %v", len(stories), err)
	}
	seen := map[string]bool{}
	for _, path := range stories {
		story, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^  20.*, rule ([a-z0-9.]+)`).FindAllStringSubmatch(string(story), -1) {
			seen[m[1]] = true
		}
	}
	for rule := range seen {
		if !strings.Contains(text, "\n| `"+rule+"` | ") {
			t.Errorf("rule %s is not in the table of %smovements.md", rule, docs)
		}
	}
}

// heldAfter is what a consumer holds after the events of a story, at an instant.
func heldAfter(t *testing.T, config, events, at string) table {
	t.Helper()
	core, err := coreOptions(config)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMachine(core, 2)
	if err != nil {
		t.Fatal(err)
	}
	records, err := nativeEvents(events)
	if err != nil {
		t.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	for _, record := range records {
		e, rejection := decoder.Decode(record, nil)
		if rejection == nil {
			_, rejection = m.apply(e)
		}
		if rejection != nil {
			t.Fatalf("%s: %v", record, rejection)
		}
	}
	now, known := event.ParseTime([]byte(instantOf(at)))
	if !known {
		t.Fatalf("%q is no instant", at)
	}
	m.advance(now)
	if err := m.flush(); err != nil {
		t.Fatal(err)
	}
	return m.sink.table()
}

func pageText(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(docs + page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
