package deploy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metric is one line of deploy/metrics.txt.
type metric struct {
	kind   string
	labels []string
}

// metrics returns the names that the processor exports, those of a histogram's series included.
func metrics(t *testing.T) map[string]metric {
	t.Helper()
	known := map[string]metric{}
	for line := range strings.Lines(string(read(t, "deploy/metrics.txt"))) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || !slices.Contains([]string{"gauge", "counter", "histogram"}, fields[1]) {
			t.Fatalf("deploy/metrics.txt: %q is not: name, type, labels", line)
		}
		name, m := fields[0], metric{kind: fields[1]}
		if fields[2] != "-" {
			m.labels = strings.Split(fields[2], ",")
		}
		if _, twice := known[name]; twice {
			t.Errorf("deploy/metrics.txt names %s twice", name)
		}
		if (m.kind == "counter") != strings.HasSuffix(name, "_total") {
			t.Errorf("%s is a %s: counters, and only they, end in _total", name, m.kind)
		}
		if slices.Contains(m.labels, "account") {
			t.Errorf("%s has the label account, which has no bound", name)
		}
		known[name] = m
		if m.kind == "histogram" {
			known[name+"_bucket"] = metric{kind: "counter", labels: append(slices.Clone(m.labels), "le")}
			known[name+"_sum"] = metric{kind: "counter", labels: m.labels}
			known[name+"_count"] = metric{kind: "counter", labels: m.labels}
		}
	}
	return known
}

var (
	metricUse = regexp.MustCompile(`\b(expansion_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	labelUse  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
)

// checkUse fails for a metric or a label matcher that the processor does not have: PromQL answers such a
// query with nothing, so the alert would never fire and the panel would be empty.
func checkUse(t *testing.T, where, expr string) int {
	t.Helper()
	known, uses := metrics(t), 0
	for _, use := range metricUse.FindAllStringSubmatch(expr, -1) {
		uses++
		m, found := known[use[1]]
		if !found {
			t.Errorf("%s uses %s, which is not in deploy/metrics.txt", where, use[1])
			continue
		}
		for _, label := range labelUse.FindAllStringSubmatch(use[2], -1) {
			if !slices.Contains(m.labels, label[1]) && label[1] != "instance" && label[1] != "job" {
				t.Errorf("%s matches the label %s of %s, which has %v", where, label[1], use[1], m.labels)
			}
		}
	}
	return uses
}
