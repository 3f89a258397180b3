package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const dashboardFile = "deploy/grafana/dashboards/expansion.json"

// dashboard is what the tests read of a Grafana dashboard.
type dashboard struct {
	UID        string `json:"uid"`
	Panels     []panel
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID      int    `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	GridPos struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

func loadDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, dashboardFile), &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	return d
}

func TestDashboardUsesMetricsThatExist(t *testing.T) {
	d := loadDashboard(t)
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("the panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			if checkUse(t, "the panel "+p.Title, target.Expr) == 0 {
				t.Errorf("the panel %q uses no metric of the processor: %s", p.Title, target.Expr)
			}
		}
	}
	for _, variable := range d.Templating.List {
		checkUse(t, "the variable "+variable.Name, variable.Definition)
	}
}

// Every metric but the ones whose reading is an alert's is on the dashboard, so that a new one is drawn.
func TestDashboardShowsEveryMetric(t *testing.T) {
	text := string(read(t, dashboardFile))
	for name, m := range metrics(t) {
		if m.kind == "histogram" {
			name += "_bucket"
		} else if strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") {
			continue
		}
		if !strings.Contains(text, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range loadDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, found := taken[[2]int{x, y}]; found {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q is wider than the page", p.Title)
		}
	}
}

// The expressions of the panels, their variables filled in, are PromQL: promtool reads them as rules.
func TestDashboardExpressionsParse(t *testing.T) {
	promtool := os.Getenv("PROMTOOL")
	if promtool == "" {
		found, err := exec.LookPath("promtool")
		if err != nil {
			t.Fatalf("no promtool: install it, or name it in PROMTOOL (.ci/promtool prints one): %v", err)
		}
		promtool = found
	}
	values := map[string]string{"$__rate_interval": "1m", "$grouping": "region", "$segment": "eu", "$interval": "30d"}
	type recording struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var recordings []recording
	for _, p := range loadDashboard(t).Panels {
		for i, target := range p.Targets {
			expr := regexp.MustCompile(`\$\w+`).ReplaceAllStringFunc(target.Expr, func(variable string) string {
				if values[variable] == "" {
					t.Errorf("the panel %q uses the variable %s, which is not there", p.Title, variable)
				}
				return values[variable]
			})
			recordings = append(recordings, recording{fmt.Sprintf("panel:%d:%d", p.ID, i), expr})
		}
	}
	rules, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": recordings}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, rules, 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), promtool, "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, output)
	}
}

// The dashboard is found: the compose file mounts the folder where the provider looks, and the data source
// is the compose file's Prometheus.
func TestGrafanaIsProvisioned(t *testing.T) {
	var providers struct {
		Providers []struct {
			Options struct {
				Path string `json:"path"`
			} `json:"options"`
		} `json:"providers"`
	}
	if err := yaml.Unmarshal(read(t, "deploy/grafana/provisioning/dashboards/expansion.yaml"), &providers); err != nil {
		t.Fatal(err)
	}
	var sources struct {
		Datasources []struct {
			UID  string `json:"uid"`
			Type string `json:"type"`
			URL  string `json:"url"`
		} `json:"datasources"`
	}
	if err := yaml.Unmarshal(read(t, "deploy/grafana/provisioning/datasources/prometheus.yaml"), &sources); err != nil {
		t.Fatal(err)
	}
	if len(providers.Providers) != 1 || len(sources.Datasources) != 1 {
		t.Fatalf("%d providers and %d data sources, want one each", len(providers.Providers), len(sources.Datasources))
	}
	targets := map[string]string{}
	for _, volume := range project(t).Services["grafana"].Volumes {
		targets[volume.Target] = filepath.ToSlash(volume.Source)
	}
	if source := targets[providers.Providers[0].Options.Path]; !strings.HasSuffix(source, "deploy/grafana/dashboards") {
		t.Errorf("Grafana looks for dashboards in %s, where %q is mounted", providers.Providers[0].Options.Path, source)
	}
	if source := targets["/etc/grafana/provisioning"]; !strings.HasSuffix(source, "deploy/grafana/provisioning") {
		t.Errorf("%q is mounted at /etc/grafana/provisioning", source)
	}
	if sources.Datasources[0].URL != "http://prometheus:9090" || sources.Datasources[0].Type != "prometheus" {
		t.Errorf("the data source is %+v", sources.Datasources[0])
	}
}
