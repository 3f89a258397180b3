package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"processor/internal/rollup"
	"processor/internal/web"
)

// hostileNames are names of segments as an attribute from outside may have them.
var hostileNames = []string{
	`"><img src=x onerror=alert(1)>`, `</script><script>alert(1)</script>`, "\u202eevil\u202c", "nul\x00byte", "bad\xff utf-8",
	"line\nbreak\r\n\r\ndata: forged", "\u2028line separator", strings.Repeat("long", 2560), `{"a":1}`, "'; --", "=cmd()",
}

// Whatever a segment is called, no answer carries it in a form that a browser could take for markup
// or a stream for an event.
func TestHostileNamesAreHarmless(t *testing.T) {
	b, url := streamServer(t, web.Options{})
	_, h := newServer(t, web.Options{})
	for _, name := range hostileNames {
		_, handler := newServer(t, web.Options{}, month("region", name, 3, 10, 1), month("all", "all", 3, 10, 1))
		body := get(t, handler, "/api/v1/metrics?grouping=region").Body.String()
		harmless(t, name, body)
		var answer struct{ Rows []struct{ Segment string } }
		if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Rows) != 1 || answer.Rows[0].Segment != strings.ToValidUTF8(name, "\ufffd") {
			t.Errorf("%q: %v, %+v", name, err, answer)
		}
	}
	b.Observe([]rollup.Row{month("all", "all", 3, 10, 1)}, 2)
	for _, name := range hostileNames {
		b.Observe([]rollup.Row{month("region", name, 3, 10, 1)}, 2)
	}
	s, text := open(t, url+"/api/v1/stream?grouping=region").next(t)
	harmless(t, "the stream", text)
	if len(s.Segments) != len(hostileNames) {
		t.Errorf("%d segments, want %d", len(s.Segments), len(hostileNames))
	}
	if page := get(t, h, "/").Body.String(); strings.Contains(page, "alert(1)") {
		t.Error("a name in the page's HTML")
	}
	// What a request says does not come back either.
	for _, target := range []string{"/%3Cscript%3E", "/api/v1/metrics?interval_kind=%3Cimg%3E", "/api/v1/metrics?limit=%3Cb%3E", "/api/v1/metrics?%3Cb%3E=1"} {
		harmless(t, target, get(t, h, target).Body.String())
	}
}

func harmless(t *testing.T, name, body string) {
	t.Helper()
	if strings.ContainsAny(body, "<>&\x00\r") || strings.Contains(strings.TrimSuffix(body, "\n"), "\n") {
		t.Errorf("%.40q: markup, a NUL or a line break in the answer", name)
	}
	if !json.Valid([]byte(body)) {
		t.Errorf("%.40q: no JSON: %.200s", name, body)
	}
}
