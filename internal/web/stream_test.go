package web_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/web"
)

// events reads a stream.
type events struct {
	body  io.ReadCloser
	lines *bufio.Scanner
}

func open(t *testing.T, url string) *events {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("%s: %s, %s", url, answer.Status, kind)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &events{body: answer.Body, lines: lines}
}

// snapshot is the part of an event that the tests look at.
type snapshot struct {
	Status   struct{ Phase string }
	Grouping string
	Interval string
	Total    *struct{ Opening, Closing string }
	History  []struct{ Interval string }
	Segments []struct {
		Segment   string
		Expansion string
		Movements []struct{ Kind, Change string }
	}
	SegmentsTotal int `json:"segments_total"`
}

// next is the next event's snapshot, and its bytes; comments are passed over.
func (e *events) next(t *testing.T) (snapshot, string) {
	t.Helper()
	for e.lines.Scan() {
		text, isData := strings.CutPrefix(e.lines.Text(), "data: ")
		if !isData {
			continue
		}
		var s snapshot
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return s, text
	}
	t.Fatalf("the stream ended: %v", e.lines.Err())
	return snapshot{}, ""
}

// serveBoard is the address of a server over a board, grouped by region and by plan tier and region.
func serveBoard(t *testing.T, b *web.Board) string {
	t.Helper()
	s, err := web.New(b, web.Options{Groupings: []string{"region", "plan_tier,region", "cohort"}, Currency: "USD", StreamEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server.URL
}

func streamServer(t *testing.T, o web.Options, rows ...rollup.Row) (*web.Board, string) {
	t.Helper()
	o.StreamEvery = time.Millisecond
	b, h := newServer(t, o, rows...)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return b, server.URL
}

func TestStreamFollowsTheFigures(t *testing.T) {
	b, url := streamServer(t, web.Options{}, month("all", "all", 2, 900, 10), month("all", "all", 3, 910, 90), month("region", "eu", 3, 510, 90), month("region", "us", 3, 400, 0))
	stream := open(t, url+"/api/v1/stream")
	s, _ := stream.next(t)
	if s.Grouping != "region" || s.Interval != "month" || s.Total.Closing != "1000.000000" || len(s.History) != 2 || s.SegmentsTotal != 2 {
		t.Fatalf("%+v", s)
	}
	if eu := s.Segments[0]; eu.Segment != "eu" || eu.Expansion != "90.000000" || len(eu.Movements) != 1 || eu.Movements[0].Kind != "expansion" {
		t.Errorf("%+v", eu)
	}
	b.Observe([]rollup.Row{month("all", "all", 3, 910, 95)}, event.At(time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC)))
	for s.Total.Closing != "1005.000000" {
		s, _ = stream.next(t)
	}
	b.SetStatus(web.Status{Phase: "stopping"})
	for s.Status.Phase != "stopping" {
		s, _ = stream.next(t)
	}
}

func TestStreamShowsAnEmptyBoard(t *testing.T) {
	_, url := streamServer(t, web.Options{})
	if s, _ := open(t, url+"/api/v1/stream?grouping=plan_tier,region&interval=30d").next(t); s.Total != nil || s.Status.Phase != "starting" || s.Interval != "30d" {
		t.Errorf("%+v", s)
	}
}

func TestStreamOfAnUnknownView(t *testing.T) {
	_, h := newServer(t, web.Options{})
	for _, query := range []string{"?grouping=industry", "?interval=fortnight", "?interval=rolling", "?grouping=%3Cscript%3E"} {
		if w := get(t, h, "/api/v1/stream"+query); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// The number of streams has a bound; a client that leaves makes room.
func TestStreamsAreBounded(t *testing.T) {
	_, url := streamServer(t, web.Options{})
	var held []*events
	for range 256 {
		held = append(held, open(t, url+"/api/v1/stream"))
	}
	refused := func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != ""
	}
	if !refused() {
		t.Error("one stream more than the bound was let in")
	}
	held[0].body.Close()
	for refused() { // until the server sees that the client left
		t.Log("still refused")
	}
}
