package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/pipeline"
	"processor/internal/web"
)

// rulesFile is a configuration file with some text.
func rulesFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What `rules default` prints is a configuration, and means what the word default means.
func TestDefaultRulesAreAConfiguration(t *testing.T) {
	of := func(text string) []alert.Rule {
		loaded, err := config.Load(rulesFile(t, text), nil, config.ForRules)
		if err != nil {
			t.Fatal(err)
		}
		core, err := coreOptions(loaded)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := alertRules(loaded, &core)
		if err != nil {
			t.Fatal(err)
		}
		return rules
	}
	printed, word := of(defaultRules()), of("alerts: [default]\n")
	if len(printed) != len(word) {
		t.Fatalf("%d rules are printed, %d are meant", len(printed), len(word))
	}
	for i := range printed {
		a, b := printed[i], word[i]
		a.Segments, b.Segments = nil, nil // slices do not compare; neither has any
		if a.Name != b.Name || a.Threshold != b.Threshold || a.Clear != b.Clear || a.For != b.For || a.MinBase != b.MinBase ||
			a.Type != b.Type || a.Severity != b.Severity || a.SilentAfter != b.SilentAfter || a.Interval != b.Interval || a.Metric != b.Metric {
			t.Errorf("%s: printed %+v, meant %+v", a.Name, a, b)
		}
	}
}

// Every word that the configuration takes in a rule is one that the rules know.
func TestWordsOfRulesAreKnown(t *testing.T) {
	rule := func(extra string) string { return "alerts: [{name: a, threshold: 20%, " + extra + "}]\n" }
	var texts []string
	for _, m := range alert.Metrics {
		texts = append(texts, rule("comparison: target, target: 1, interval: month, metric: "+string(m)))
	}
	for _, s := range alert.Severities {
		texts = append(texts, rule("severity: "+s))
	}
	for _, k := range alert.Kinds {
		texts = append(texts, rule("interval: "+k))
	}
	texts = append(texts, rule("comparison: previous"), rule("comparison: trailing_mean, of: 3"), rule("comparison: target, target: 5"))
	for _, text := range texts {
		loaded, err := config.Load(rulesFile(t, text), nil, config.ForRules)
		if err == nil {
			err = checkAlerts(loaded)
		}
		if err != nil {
			t.Errorf("%s%v", text, err)
		}
	}
}

// What is wrong with a rule is said with its place in the file.
func TestMistakesOfRulesHaveAPlace(t *testing.T) {
	path := rulesFile(t, "windows: [7d]\nalerts:\n  - {name: a, threshold: 20%, interval: 7d}\n  - {name: b, threshold: 20%, grouping: region}\n  - default\n")
	loaded, err := config.Load(path, nil, config.ForRules)
	if err != nil {
		t.Fatal(err)
	}
	err = checkAlerts(loaded)
	for _, want := range []string{
		path + `:4:5: alerts: rule b: interval "30d" is neither one of the windows (7d) nor day`,
		path + `:5:5: alerts: rule expansion-slowing: interval "30d" is neither`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in\n%v", want, err)
		}
	}
	if exitCode(err) != exitUsage {
		t.Errorf("exit code %d", exitCode(err))
	}
}

// What the service says of alerts reaches the webhook that is configured, the scrape, and whoever asks for
// what stands.
func TestAlertsReachWhoeverIsConfigured(t *testing.T) {
	bodies := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- r.Header.Get("Authorization") + " " + string(body)
	}))
	defer hook.Close()
	loaded, err := config.Load(rulesFile(t, "notify: {webhook: {url: '"+hook.URL+"', authorization: Bearer x}}\n"), nil, config.ForShow)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFace(new(pipeline.Metrics), aggregate.Options{Currency: "USD"}, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.alarm.tellThrough(loaded, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.alarm.run(ctx) }()

	now := event.At(time.Now())
	rules := alert.Defaults()
	one := alert.Alert{Key: alert.Key{Rule: "slow", Grouping: "all", Segment: "all"}, State: alert.Firing, Since: now, FiredAt: now, By: &rules[0]}
	f.observer().Alerts([]alert.Alert{one}, &alert.Board{Minute: now, Alerts: []alert.Alert{one}, Ours: map[alert.Key]bool{one.Key: true}})
	if body := <-bodies; !strings.HasPrefix(body, `Bearer x {"version":1,"rule":"slow"`) {
		t.Error(body)
	}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if want := `expansion_alert_state{grouping="all",rule="slow",segment="all"} 2`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s in the scrape", want)
	}
	if rows := f.alarm.rows("USD"); len(rows) != 1 || rows[0].Rule != "slow" || !strings.Contains(string(rows[0].Row), `"state":"firing"`) {
		t.Error(rows)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
