package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/pipeline"
	"processor/internal/rollup"
	"processor/internal/web"
)

// What the service tells its observer is what the page, the probes and the scrape show.
func TestFaceShowsWhatItIsTold(t *testing.T) {
	f, err := newFace(new(pipeline.Metrics), aggregate.Options{Currency: "EUR", Groupings: [][]string{{"region"}, {"plan_tier", "region"}}, ReportingStart: event.NoTime}, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(target string) (int, string) {
		w := httptest.NewRecorder()
		f.server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "starting") {
		t.Errorf("before the start: %d %s", code, body)
	}
	o := f.observer()
	row := rollup.Row{Segment: aggregate.Segment{Grouping: "region", Name: "eu"}, Kind: aggregate.KindMonth, Interval: "2026-03", Closing: money.Units(5), Opening: money.Units(5)}
	o.Metrics([]rollup.Row{row}, event.At(row.StartsAt.UTC()))
	o.Status(pipeline.Status{Phase: pipeline.PhaseRunning, Of: 8, Shards: []pipeline.ShardStatus{{Shard: 2, Accounts: 41, CaughtUp: true}}})
	for target, want := range map[string]string{
		"/readyz?verbose":                  "shard 2 caught up: 41 accounts",
		"/api/v1/status":                   `"accounts":41`,
		"/api/v1/metrics?grouping=region":  `"closing_mrr":"5.000000"`,
		"/metrics":                         `expansion_mrr{grouping="region",interval="month",kind="closing",segment="eu"} 5`,
		"/":                                "<title>Expansion revenue</title>",
		"/api/v1/metrics?grouping=missing": `"total":0`,
	} {
		if code, body := get(target); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %s in %.300s", target, code, want, body)
		}
	}
	if code, body := get("/livez"); code != http.StatusOK || body != "live\n" {
		t.Errorf("nothing stands still: %d %s", code, body)
	}
	if _, body := get("/metrics"); !strings.Contains(body, "expansion_build_info{") || !strings.Contains(body, "expansion_stalled_partitions 0\n") || !strings.Contains(body, "process_start_time_seconds") {
		t.Error("the scrape lacks the build or the process")
	}
}
