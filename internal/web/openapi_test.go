package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"processor/internal/aggregate"
	"processor/internal/rollup"
	"processor/internal/web"
)

// spec is the part of the OpenAPI document that the tests look at.
type spec struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]any }
}

type operation struct {
	Summary    string
	Role       string `json:"x-role"`
	Parameters []struct {
		Name, In, Description string
		Schema                struct {
			Enum []string
		}
	}
	Responses map[string]struct {
		Content map[string]struct {
			Schema map[string]any
		}
	}
}

func specOf(t *testing.T, h http.Handler) (s spec, compiler *jsonschema.Compiler) {
	t.Helper()
	body := get(t, h, "/api/v1/openapi.json").Body.Bytes()
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	compiler = jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return s, compiler
}

// fullServer answers every route with something.
func fullServer(t *testing.T) http.Handler {
	t.Helper()
	return listServer(t, web.Options{
		Explain: explainAcme, Asker: asked{row: account("acme", "", 1, 2, 3), rows: []aggregate.MovementRow{movement("acme", "a1", day(1), aggregate.ClassNew)}},
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		Alerts: func() []web.Alert {
			return []web.Alert{{Rule: "slow", Grouping: "all", Segment: "all", Row: []byte(`{"rule":"slow","grouping":"all","segment":"all","since":null}`)}}
		},
	})
}

// What is answered is what the document says of it, errors included.
func TestAnswersFollowTheDocument(t *testing.T) {
	h := fullServer(t)
	s, compiler := specOf(t, h)
	if s.OpenAPI != "3.1.0" {
		t.Error(s.OpenAPI)
	}
	follow := func(target, path, code string) {
		t.Helper()
		w := get(t, h, target)
		response, told := s.Paths[path]["get"].Responses[code]
		kind := w.Header().Get("Content-Type")
		content, known := response.Content[kind]
		if !told || !known || (code == "default") != (w.Code >= 400) {
			t.Errorf("%s: %d %s, which the document does not have under %s", target, w.Code, kind, code)
			return
		}
		name, _ := content.Schema["$ref"].(string)
		schema, err := compiler.Compile("openapi.json" + name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		value, err := jsonschema.UnmarshalJSON(w.Body)
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s is not what %s says: %v", target, name, err)
		}
	}
	for target, path := range map[string]string{
		"/api/v1/status": "/api/v1/status", "/api/v1/metrics?grouping=region": "/api/v1/metrics", "/api/v1/segments": "/api/v1/segments", "/api/v1/alerts": "/api/v1/alerts",
		"/api/v1/accounts?sort=mrr": "/api/v1/accounts", "/api/v1/accounts?limit=1": "/api/v1/accounts", "/api/v1/accounts/acme": "/api/v1/accounts/{id}",
		"/api/v1/accounts/acme/explain": "/api/v1/accounts/{id}/explain", "/api/v1/accounts/acme/explain?interval=2026-03": "/api/v1/accounts/{id}/explain",
		"/api/v1/movements": "/api/v1/movements", "/api/v1/movements?account=acme": "/api/v1/movements",
	} {
		follow(target, path, "200")
		joint := "?"
		if strings.Contains(target, "?") {
			joint = "&"
		}
		follow(target+joint+"invented=1", path, "default")
	}
}

// Every parameter of the document is understood, and its words are taken.
func TestParametersAreUnderstood(t *testing.T) {
	h := fullServer(t)
	s, _ := specOf(t, h)
	values := map[string]string{"limit": "7", "interval": "2026-03", "grouping": "all", "segment": "all"}
	for path, methods := range s.Paths {
		for _, p := range methods["get"].Parameters {
			if p.In == "path" {
				continue
			}
			if p.Description == "" {
				t.Errorf("%s %s has no description", path, p.Name)
			}
			words := append(slices.Clone(p.Schema.Enum), values[p.Name])
			for _, word := range words[:max(1, len(p.Schema.Enum))] {
				target := strings.ReplaceAll(path, "{id}", "acme") + "?" + p.Name + "=" + word
				if p.Name == "segment" { // of a grouping
					target += "&grouping=all"
				}
				if w := get(t, h, target); w.Code != http.StatusOK {
					t.Errorf("%s: %d %s", target, w.Code, w.Body)
				}
			}
		}
	}
}

// Fields of rows are told completely: those of a row that has everything and of one that has nothing.
func TestRowsOfTheDocument(t *testing.T) {
	whole := month("region", "eu", 3, 1000, 250)
	whole.HasTarget, whole.PrimaryDriver, whole.ExpansionBand = true, "seat", "good"
	whole.NRR12 = rollup.Ratio{Reason: rollup.NotDefined}
	_, h := newServer(t, web.Options{}, whole, month("all", "all", 3, 0, 0))
	s, compiler := specOf(t, h)
	schema, err := compiler.Compile("openapi.json#/components/schemas/page_of_metrics")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(get(t, h, "/api/v1/metrics").Body)
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Error(err)
	}
	if _, there := s.Components.Schemas["metrics"]; !there {
		t.Error("no schema of metrics")
	}
}

var update = flag.Bool("update", false, "write the reference page")

const reference = "../../docs/reference/http.md"

// The reference page is written by this test (-update), so that it is what the routes say.
func TestHTTPReferenceIsCurrent(t *testing.T) {
	h := fullServer(t)
	s, _ := specOf(t, h)
	var out strings.Builder
	out.WriteString("# HTTP reference\n\nWritten by `go test ./internal/web -run HTTPReference -update` from the table of routes; a running instance has the whole of it, rows included, " +
		"as an OpenAPI document at `/api/v1/openapi.json`.\n\nEverything is read-only: GET and HEAD. Amounts are decimal strings in the reporting currency, times RFC 3339 in UTC; " +
		"rows are those of the output topics without `version`. Lists are answered by pages: `total`, `rows` and `next`, the `cursor` of the page behind; as a table with `format=csv`. " +
		"Answers have an `ETag`. Errors are `application/problem+json` (RFC 9457), whose `detail` says what to do. What the roles are: " +
		"[TLS and authentication](../how-to/tls-and-auth.md).\n")
	for _, path := range slices.Sorted(maps.Keys(s.Paths)) {
		op := s.Paths[path]["get"]
		fmt.Fprintf(&out, "\n## `%s`\n\n%s Role: %s.\n", path, op.Summary, op.Role)
		if len(op.Parameters) > 0 {
			out.WriteString("\n| parameter | |\n|---|---|\n")
		}
		for _, p := range op.Parameters {
			words := ""
			if len(p.Schema.Enum) > 0 && p.Name != "window" {
				words = " One of `" + strings.Join(p.Schema.Enum, "`, `") + "`."
			}
			fmt.Fprintf(&out, "| `%s` | %s%s |\n", p.Name, p.Description, words)
		}
		codes := slices.Sorted(maps.Keys(op.Responses))
		fmt.Fprintf(&out, "\nAnswers: %s, or an error.\n", strings.Join(codes[:len(codes)-1], ", "))
	}
	if *update {
		if err := os.WriteFile(reference, []byte(out.String()), 0o644); err != nil { //nolint:gosec // a page of the documentation
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(reference)
	if err != nil || string(written) != out.String() {
		t.Errorf("%s is not what the routes say; run: go test ./internal/web -run HTTPReference -update (%v)", reference, err)
	}
}
