package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
)

var rewriteTwins = flag.Bool("rewrite-twins", false, "write what came out into testdata/decode; read the difference")

// Each file has records in the shape that their vendor documents, beside the native events that they stand
// for, what is rejected, and the movements that come of it.
func TestForeignRecordsAreTheirNativeTwins(t *testing.T) {
	files, err := filepath.Glob("testdata/decode/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string][]byte{}
			for _, f := range archive.Files {
				parts[f.Name] = f.Data
			}
			checkTwin(t, archive, parts)
			if *rewriteTwins {
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func checkTwin(t *testing.T, archive *txtar.Archive, parts map[string][]byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(path, parts["processor.yaml"], 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, nil, config.ForShow)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openFormats(c)
	if err != nil {
		t.Fatal(err)
	}
	source := c.Sources[0]
	if name, err := detectedOf(f, records(t, parts["records"])); err == nil && name != source.Format {
		t.Errorf("the records are detected as %s, not %s", name, source.Format)
	}
	events, told := decodeAll(t, f, source, records(t, parts["records"]))
	check := func(part, got string) {
		t.Helper()
		if *rewriteTwins {
			for i := range archive.Files {
				if archive.Files[i].Name == part {
					archive.Files[i].Data = []byte(got)
				}
			}
			return
		}
		if diff := cmp.Diff(string(parts[part]), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
	}
	native := strings.Join(events, "")
	check("native", native)
	check("rejected", told)
	rows := rowsOf(t, c, parts["native"])
	if !*rewriteTwins && rowsOf(t, c, []byte(native)) != rows {
		t.Error("other rows than those of the native twin")
	}
	check("movements", movementsOf(t, rows))

	// In any order and twice: the same rows.
	dice := rand.New(rand.NewPCG(1, 2))
	again := append(records(t, parts["records"]), records(t, parts["records"])...)
	dice.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	shuffled, _ := decodeAll(t, f, source, again)
	if got := rowsOf(t, c, []byte(strings.Join(shuffled, ""))); got != rowsOf(t, c, []byte(native)) {
		t.Errorf("shuffled and doubled:\n%s", cmp.Diff(rowsOf(t, c, []byte(native)), got))
	}
}

func detectedOf(f *formats, list []event.Record) (string, error) {
	name, _, err := f.detect(list)
	return name, err
}

// records are the JSON texts of a part, which may go over several lines; null is a tombstone.
func records(t *testing.T, text []byte) []event.Record {
	t.Helper()
	var list []event.Record
	for d := json.NewDecoder(bytes.NewReader(text)); ; {
		var raw json.RawMessage
		err := d.Decode(&raw)
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatalf("records: %v", err)
		}
		r := event.Record{Value: raw, Position: event.Position{Topic: "topic", Offset: int64(len(list))}}
		if string(raw) == "null" {
			r.Value = nil
		}
		list = append(list, r)
	}
}

// decodeAll gives the events, one to a line, and what is told of the other records.
func decodeAll(t *testing.T, f *formats, s config.Source, list []event.Record) (events []string, told string) {
	t.Helper()
	d, err := anyDecoder(f, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		made, rejection, err := d.Decode(t.Context(), &list[i])
		switch {
		case err != nil:
			t.Fatal(err)
		case rejection != nil && rejection.Detail == "" && rejection.Reason != event.ReasonNotJSON:
			t.Errorf("record %d: %s without a detail", i, rejection.Reason)
			fallthrough
		case rejection != nil:
			told += strings.TrimSpace(fmt.Sprintf("%d %s %s", i+1, rejection.Reason, rejection.Detail)) + "\n"
		case len(made) == 0:
			told += fmt.Sprintf("%d ignored\n", i+1)
		}
		for _, e := range made {
			events = append(events, string(e.AppendNative(nil))+"\n")
		}
	}
	return events, told
}

// rowsOf are the rows of native events.
func rowsOf(t *testing.T, c *config.Config, events []byte) string {
	t.Helper()
	core, err := coreOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	asOf, _ := event.ParseTime([]byte("2026-06-30T00:00:00Z"))
	r, err := replay.New(replay.Options{Core: core, AsOf: asOf, Rows: []row.Topic{row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read("events", bytes.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	result, err := r.Finish(&out)
	if err != nil || result.Rejected > 0 {
		t.Fatalf("%d rejected, %v", result.Rejected, err)
	}
	return out.String()
}

// movementsOf tells the movements in short: account, instant, class, change, MRR after, and parts.
func movementsOf(t *testing.T, rows string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(rows) {
		var one struct {
			Topic string            `json:"topic"`
			Value map[string]any    `json:"value"`
			Key   map[string]string `json:"key"`
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatal(err)
		}
		if one.Topic != string(row.TopicMovements) {
			continue
		}
		fmt.Fprintf(&out, "%s %s %s %s -> %s", one.Value["account"], one.Value["effective_at"], one.Value["class"], one.Value["change"], one.Value["mrr_after"])
		var parts []string
		for name, v := range one.Value {
			if (strings.HasPrefix(name, "up_") || strings.HasPrefix(name, "down_")) && v != "0.000000" {
				parts = append(parts, fmt.Sprintf(" %s %s", name, v))
			}
		}
		slices.Sort(parts)
		fmt.Fprintf(&out, "%s %s\n", strings.Join(parts, ""), one.Value["rule"])
	}
	return out.String()
}
