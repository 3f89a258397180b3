package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/web"
)

// newServer is a server over some rows, asked through its handler.
func newServer(t *testing.T, o web.Options, rows ...rollup.Row) (*web.Board, http.Handler) {
	t.Helper()
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(rows, event.At(time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)))
	o.Currency, o.Groupings = "USD", []string{"region", "plan_tier,region"}
	s, err := web.New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return b, s.Handler()
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

// routes are all there are: a new one without a line here fails TestEveryRouteIsGuarded.
var routes = []string{
	"/", "/style.css", "/panels.css", "/page.js", "/choice.js", "/dom.js", "/format.js", "/chart.js", "/trend.js", "/tree.js",
	"/segments.js", "/cohort.js", "/lists.js", "/outside.js", "/account.js", "/icon.svg", "/vendor/uplot/uPlot.esm.js", "/vendor/uplot/uPlot.min.css",
	"/livez", "/readyz", "/metrics", "/api/v1/status", "/api/v1/metrics", "/api/v1/accounts/acme/explain",
}

func TestEveryRouteIsGuarded(t *testing.T) {
	scrape := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	b, h := newServer(t, web.Options{Metrics: scrape, Explain: explainAcme})
	b.SetStatus(web.Status{Phase: "running", Ready: true})
	for _, route := range routes {
		w := get(t, h, route)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s: %d", route, w.Code)
		}
		policy := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "frame-ancestors 'none'"} {
			if !slices.Contains(strings.Split(policy, "; "), want) {
				t.Errorf("GET %s: the policy %q lacks %s", route, policy, want)
			}
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: no nosniff", route)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace, "PROPFIND"} {
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, route, strings.NewReader("x")))
			if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, route, answer.Code, answer.Header().Get("Allow"))
			}
		}
	}
	for _, missing := range []string{"/nothing", "/static/page.js", "/../board.go", "/api/v1", "/api/v1/accounts"} {
		if w := get(t, h, missing); w.Code == http.StatusOK {
			t.Errorf("GET %s: %d", missing, w.Code)
		}
	}
}

func TestReadiness(t *testing.T) {
	b, h := newServer(t, web.Options{Live: func() error { return errors.New("no progress for 60 s") }})
	b.SetStatus(web.Status{Phase: "restoring", Of: 8})
	if w := get(t, h, "/readyz"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready: restoring\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	b.SetStatus(web.Status{Phase: "running", Ready: true, Of: 8, LagRecords: 7, Shards: []web.ShardStatus{{Shard: 3, Accounts: 12, CaughtUp: true}}})
	want := "ready\nphase running\nshards 1 of 8\nlag 7 records\nshard 3 caught up: 12 accounts, lag 0 records\n"
	if w := get(t, h, "/readyz?verbose"); w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := get(t, h, "/livez"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no progress") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestStatusAPI(t *testing.T) {
	b, h := newServer(t, web.Options{})
	b.SetStatus(web.Status{
		Phase: "running", Ready: true, Watermark: event.NoTime, Records: 50, Rejected: 2, LagRecords: 9, Lag: 1250 * time.Millisecond, Accounts: 4, Segments: 5, Of: 1,
		Shards: []web.ShardStatus{{Shard: 0, Watermark: event.At(time.Unix(0, 0)), Accounts: 4, CaughtUp: true}},
	})
	want := `{"phase":"running","ready":true,"watermark":null,"records":50,"rejected":2,"lag_records":9,"lag_seconds":1.250,"accounts":4,` +
		`"segments":5,"segments_omitted":0,"shards":[{"shard":0,"watermark":"1970-01-01T00:00:00Z","accounts":4,"lag_records":0,"caught_up":true}],"shards_of":1}` + "\n"
	if w := get(t, h, "/api/v1/status"); w.Body.String() != want {
		t.Errorf("%s\nwant\n%s", w.Body, want)
	}
}

func TestMetricsAPI(t *testing.T) {
	_, h := newServer(t, web.Options{}, month("region", "eu", 3, 1000, 250), month("region", "us", 3, 10, 1), month("all", "all", 3, 1010, 251), month("all", "all", 2, 1000, 10))
	var answer struct {
		Total int
		Rows  []map[string]any
	}
	w := get(t, h, "/api/v1/metrics?grouping=region&segment=eu&interval_kind=month")
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if answer.Total != 1 || len(answer.Rows) != 1 {
		t.Fatalf("%d of %d rows", len(answer.Rows), answer.Total)
	}
	row := answer.Rows[0]
	if row["segment"] != "eu" || row["expansion_mrr"] != "250.000000" || row["known_at"] != "2026-03-17T00:00:00Z" || row["growth_rate_reason"] != "zero_base" {
		t.Errorf("%v", row)
	}
	if _, has := row["version"]; has {
		t.Error("a version, which only the topic gives")
	}
	for target, want := range map[string]int{
		"/api/v1/metrics?limit=1000": http.StatusOK, "/api/v1/metrics?limit=1001": http.StatusBadRequest, "/api/v1/metrics?limit=0": http.StatusBadRequest,
		"/api/v1/metrics?limit=x": http.StatusBadRequest, "/api/v1/metrics?interval_kind=hour": http.StatusBadRequest,
		"/api/v1/metrics?account=a": http.StatusBadRequest, "/api/v1/metrics?interval=2026-02": http.StatusOK,
	} {
		if got := get(t, h, target); got.Code != want || !json.Valid(got.Body.Bytes()) {
			t.Errorf("%s: %d %s", target, got.Code, got.Body)
		}
	}
	if w := get(t, h, "/api/v1/metrics?limit=2"); !strings.HasPrefix(w.Body.String(), `{"total":3,"rows":[{"grouping":"all"`) {
		t.Errorf("%.80s", w.Body)
	}
}

// A page is asked again on every visit and mostly not sent again.
func TestPageFilesHaveTags(t *testing.T) {
	_, h := newServer(t, web.Options{})
	tag := get(t, h, "/page.js").Header().Get("ETag")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/page.js", nil)
	r.Header.Set("If-None-Match", tag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if tag == "" || w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("tag %q: %d, %d bytes", tag, w.Code, w.Body.Len())
	}
}

// The page loads nothing from elsewhere and needs nothing that its policy forbids.
func TestPageIsSelfContained(t *testing.T) {
	_, h := newServer(t, web.Options{})
	for _, route := range routes[:slices.Index(routes, "/icon.svg")] {
		text := strings.ReplaceAll(get(t, h, route).Body.String(), `"http://www.w3.org/2000/svg"`, "")
		for _, forbidden := range []string{"http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=", "onclick", "onload=", "<style", "@import", "url("} {
			if strings.Contains(text, forbidden) {
				t.Errorf("%s contains %s", route, forbidden)
			}
		}
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	_, h := newServer(t, web.Options{Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })})
	if w := get(t, h, "/metrics"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "broken") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A stop ends the streams, lets Serve return, and frees the port.
func TestServeStopsInOrder(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	s, err := web.New(b, web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	l, err := web.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	stream := open(t, "http://"+l.Addr().String()+"/api/v1/stream")
	stream.next(t)
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := io.Copy(io.Discard, stream.body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream's end: %v", err)
	}
	again, err := web.Listen(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
}

func TestListenSaysWhatIsTaken(t *testing.T) {
	l, err := web.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := web.Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v", err)
	}
}
