package deploy

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var rewrite = flag.Bool("rewrite", false, "write deploy/k8s/components/monitored/prometheusrule.yaml from the alert rules")

const (
	rulesFile          = "deploy/prometheus/rules/expansion.yml"
	prometheusRuleFile = "deploy/k8s/components/monitored/prometheusrule.yaml"
)

// ruleFile is a Prometheus rule file with alerts only, and the spec of a PrometheusRule.
type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// alertTests is the part of a promtool test file that names alerts.
type alertTests struct {
	Tests []struct {
		Checks []struct {
			Alert    string `json:"alertname"`
			Expected []any  `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	} `json:"tests"`
}

func alerts(t *testing.T) []rule {
	t.Helper()
	var file ruleFile
	if err := yaml.UnmarshalStrict(read(t, rulesFile), &file); err != nil {
		t.Fatalf("%s: %v", rulesFile, err)
	}
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// kebab turns an alert's name into its runbook's: ExpansionSlowing -> expansion-slowing.
func kebab(name string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

func TestAlertsSayWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, alert := range alerts(t) {
		if seen[alert.Alert] {
			t.Errorf("%s is there twice", alert.Alert)
		}
		seen[alert.Alert] = true
		if severity := alert.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s has severity %q, want warning or critical", alert.Alert, severity)
		}
		if alert.Annotations["summary"] == "" || alert.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", alert.Alert)
		}
		runbook := "docs/runbooks/" + kebab(alert.Alert) + ".md"
		if alert.Annotations["runbook_url"] != runbook {
			t.Errorf("%s has runbook_url %q, want %s", alert.Alert, alert.Annotations["runbook_url"], runbook)
			continue
		}
		text := string(read(t, runbook))
		for _, heading := range []string{"# " + alert.Alert + "\n", "\n## Meaning\n", "\n## Likely causes\n", "\n## What to do\n"} {
			if !strings.Contains(text, heading) {
				t.Errorf("%s has no heading %q", runbook, strings.TrimSpace(heading))
			}
		}
	}
	for _, path := range glob(t, "docs/runbooks/*.md") {
		if !slices.ContainsFunc(alerts(t), func(a rule) bool { return a.Annotations["runbook_url"] == path }) {
			linked := func(other string) bool { return strings.Contains(string(read(t, other)), "("+filepath.Base(path)+")") }
			if !slices.ContainsFunc(glob(t, "docs/runbooks/*.md"), linked) {
				t.Errorf("%s belongs to no alert, and no runbook of an alert leads to it", path)
			}
		}
	}
}

func TestAlertsUseMetricsThatExist(t *testing.T) {
	uses := 0
	for _, alert := range alerts(t) {
		uses += checkUse(t, alert.Alert, alert.Expr)
	}
	if uses == 0 {
		t.Error("no alert uses a metric of the processor")
	}
}

// An alert that was never seen to fire is a hope; one never seen to stay quiet is a nuisance.
func TestEachAlertIsSeenToFireAndToStayQuiet(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, path := range glob(t, "deploy/prometheus/tests/*.yml") {
		var file alertTests
		if err := yaml.Unmarshal(read(t, path), &file); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, test := range file.Tests {
			for _, check := range test.Checks {
				if len(check.Expected) > 0 {
					fires[check.Alert] = true
				} else {
					quiet[check.Alert] = true
				}
			}
		}
	}
	for _, alert := range alerts(t) {
		if !fires[alert.Alert] {
			t.Errorf("no test shows %s fire", alert.Alert)
		}
		if !quiet[alert.Alert] {
			t.Errorf("no test shows %s stay quiet", alert.Alert)
		}
	}
}

const prometheusRuleHead = `# The alert rules of deploy/prometheus/rules/expansion.yml as the Prometheus operator reads them. Change them
# there and run ` + "`make rules`" + `, which writes this file; deploy/test fails while the two differ.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: processor
  labels:
    app.kubernetes.io/name: processor
spec:
`

func TestPrometheusRuleHasTheSameRules(t *testing.T) {
	if *rewrite {
		writePrometheusRule(t)
	}
	var plain ruleFile
	if err := yaml.UnmarshalStrict(read(t, rulesFile), &plain); err != nil {
		t.Fatalf("%s: %v", rulesFile, err)
	}
	var resource prometheusRule
	if err := yaml.UnmarshalStrict(read(t, prometheusRuleFile), &resource); err != nil {
		t.Fatalf("%s: %v", prometheusRuleFile, err)
	}
	if len(plain.Groups) == 0 || !reflect.DeepEqual(plain, resource.Spec) {
		t.Errorf("%s differs from %s: run `make rules`", prometheusRuleFile, rulesFile)
	}
}

// writePrometheusRule copies the rules two columns to the right, without the comments: they stay in the one
// file that people edit.
func writePrometheusRule(t *testing.T) {
	t.Helper()
	out := []byte(prometheusRuleHead)
	_, rules, _ := strings.Cut(string(read(t, rulesFile)), "\ngroups:")
	for line := range strings.Lines("groups:" + rules) {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "#"):
		case trimmed == "":
			out = append(out, '\n')
		default:
			out = append(out, "  "+line...)
		}
	}
	if err := os.WriteFile(filepath.Join(root, prometheusRuleFile), out, 0o644); err != nil {
		t.Fatalf("rewrite: %v", err)
	}
}
