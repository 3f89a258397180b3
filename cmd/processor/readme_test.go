package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"processor/internal/config"
)

// readmeBlocks are the blocks of the README in a language.
func readmeBlocks(t *testing.T, language string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(piece, "\n```")
		blocks = append(blocks, block)
	}
	if len(blocks) == 0 {
		t.Fatalf("the README has no block of %s", language)
	}
	return blocks
}

// The README's configuration is whole: `run` takes it as it stands.
func TestReadmeConfigurationIsValid(t *testing.T) {
	for _, block := range readmeBlocks(t, "yaml") {
		file := filepath.Join(t.TempDir(), "processor.yaml")
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, nil, config.ForRun)
		if err != nil {
			t.Fatal(err)
		}
		o, err := pipelineOptions(c)
		if err != nil {
			t.Fatal(err)
		}
		o.Cluster.Close()
	}
}

// The README's event, and a second one with 40 seats, give the row of movements that it shows, without the parts that
// are 0.
func TestReadmeEventGivesItsRow(t *testing.T) {
	blocks := readmeBlocks(t, "json")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of JSON, want an event and a row", len(blocks))
	}
	var event bytes.Buffer
	if err := json.Compact(&event, []byte(blocks[0])); err != nil {
		t.Fatal(err)
	}
	second := strings.NewReplacer("evt_7", "evt_8", "2026-03-05T10:00:00Z", "2026-03-19T10:00:00Z", `"quantity":"25"`, `"quantity":"40"`).Replace(event.String())
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(event.String()+"\n"+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := shell(t, t.TempDir(), programOnPath(t), "processor replay --rows movements "+file)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(blocks[1]), &want); err != nil {
		t.Fatal(err)
	}
	var row struct{ Value map[string]any }
	for line := range strings.Lines(said) {
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Value["movement"] == want["movement"] {
			break
		}
	}
	for field, value := range want {
		if row.Value[field] != value {
			t.Errorf("the README says %s %v, the row %v", field, value, row.Value[field])
		}
	}
	for field, value := range row.Value {
		if _, shown := want[field]; !shown && value != "0.000000" && value != "" && value != nil {
			t.Errorf("the row has %s %v, which the README leaves out", field, value)
		}
	}
}
