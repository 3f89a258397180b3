package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"processor/internal/checkpoint"
	"processor/internal/kafkatest"
)

// command runs the program in this process.
func command(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// written is a file of the test's with a text.
func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// companyIn writes the events of a company into a topic, keyed by account, and into a file. Some records are
// broken, some come twice.
func companyIn(t *testing.T, k *kafkatest.Kafka, topic string, partitions int) string {
	t.Helper()
	code, events, errOut := command(t, "generate", "--seed", "7", "--accounts", "40", "--months", "1")
	if code != exitFine {
		t.Fatal(errOut)
	}
	var records []kafkatest.Record
	for line := range strings.Lines(events) {
		var e struct {
			Subject string `json:"subject"`
		}
		if json.Unmarshal([]byte(line), &e) != nil || e.Subject == "" {
			continue
		}
		records = append(records, kafkatest.Record{Key: e.Subject, Value: strings.TrimSuffix(line, "\n"), Partition: int32(shardOf(e.Subject, partitions))})
	}
	k.Produce(t, topic, records...)
	return written(t, "events.ndjson", events)
}

// An operator looks at what a service left behind, has it checked, and gets the events out again: a replay of
// them gives the rows that a replay of the sources gives.
func TestCheckpointCommands(t *testing.T) {
	for _, store := range []string{"dir", "kafka"} {
		t.Run(store, func(t *testing.T) {
			k := kafkatest.Start(t, 1)
			topic := k.Create(t, "events", 2, kafkatest.AppendTime)
			events := companyIn(t, k, topic, 2)
			yaml := serviceYAML(k, topic, t.TempDir(), "groupings: [[region]]\n")
			yaml = strings.Replace(yaml, "checkpoint: {", "checkpoint: {store: "+store+", ", 1)
			if code, log := runService(t, yaml, "caught up"); code != exitFine {
				t.Fatalf("exit code %d, log:\n%s", code, log)
			}
			file := written(t, "processor.yaml", yaml)
			code, out, errOut := command(t, "checkpoint", "inspect", "--config", file, "-o", "json")
			var document struct {
				Meaning string
				Shards  []inspectedShard
			}
			if err := json.Unmarshal([]byte(out), &document); code != exitFine || err != nil || len(document.Shards) != 2 || !strings.HasPrefix(document.Meaning, "Partitions 2;") {
				t.Fatalf("inspect: %d %v %s%s", code, err, out, errOut)
			}
			for _, s := range document.Shards {
				if s.Accounts == 0 || s.Events < s.Accounts || s.Bytes == 0 || s.Derived == 0 || s.Program == "" || len(s.Positions) != 1 || s.Positions[0].Next == 0 || s.AgeSeconds == nil {
					t.Errorf("shard %+v", s)
				}
			}
			for _, format := range []string{"table", "csv"} {
				if code, out, errOut := command(t, "checkpoint", "inspect", "--config", file, "-o", format); code != exitFine || !strings.Contains(out, topic) {
					t.Errorf("inspect -o %s: %d %s%s", format, code, out, errOut)
				}
			}
			if code, out, errOut := command(t, "checkpoint", "verify", "--config", file); code != exitFine || strings.Count(out, " agree with what is stored\n") != 2 ||
				!strings.HasSuffix(out, "verified: every checksum, and the figures of 2 shards\n") {
				t.Errorf("verify: %d %s%s", code, out, errOut)
			}
			exported := filepath.Join(t.TempDir(), "exported.ndjson")
			if code, out, errOut := command(t, "checkpoint", "export", "--config", file, "--out", exported); code != exitFine || out != "" || !strings.Contains(errOut, "events exported") {
				t.Fatalf("export: %d %s%s", code, out, errOut)
			}
			sameRows(t, file, events, exported)
			if code, _, errOut := command(t, "checkpoint", "export", "--config", file, "--out", exported); code != exitUsage || !strings.Contains(errOut, "exists") {
				t.Errorf("export over a file: %d %s", code, errOut)
			}
		})
	}
}

// sameRows compares the replays of two files, without the rejected records, which no checkpoint keeps.
func sameRows(t *testing.T, config, events, exported string) {
	t.Helper()
	rows := "movements,accounts,account_months,metrics"
	code, want, errOut := command(t, "replay", "--config", config, "--rows", rows, events)
	if code != exitFine || !strings.Contains(want, `"movements"`) {
		t.Fatal(errOut)
	}
	if code, got, errOut := command(t, "replay", "--config", config, "--rows", rows, exported); code != exitFine || got != want {
		t.Errorf("the export gives %d bytes of rows, the events %d: %s", len(got), len(want), errOut)
	}
}

// A stored register that the events do not give is found, and named with both values.
func TestVerifyFindsAFalseRegister(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: oneEvent})
	dir := filepath.Join(t.TempDir(), "state")
	yaml := serviceYAML(k, topic, dir, "")
	if code, log := runService(t, yaml, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	falsify(t, dir)
	file := written(t, "processor.yaml", yaml)
	code, out, errOut := command(t, "checkpoint", "verify", "--config", file)
	if code != exitOperator || !strings.Contains(out, "figure differ") && !strings.Contains(out, "figures differ") || !strings.Contains(out, "by the events, stored ") ||
		!strings.Contains(errOut, "processor rebuild --from checkpoint") {
		t.Errorf("verify: %d\n%s%s", code, out, errOut)
	}
	other := written(t, "other.yaml", yaml+"reporting: {time_zone: Europe/Paris}\n")
	if code, _, errOut := command(t, "checkpoint", "verify", "--config", other); code != exitUsage || !strings.Contains(errOut, "another configuration") {
		t.Errorf("verify under another meaning: %d %s", code, errOut)
	}
	empty := written(t, "empty.yaml", serviceYAML(k, topic, filepath.Join(t.TempDir(), "none"), ""))
	if code, _, errOut := command(t, "checkpoint", "inspect", "--config", empty); code != exitUsage || !strings.Contains(errOut, "checkpoint.dir") {
		t.Errorf("no checkpoint: %d %s", code, errOut)
	}
}

// falsify counts an entry more in one stored register, with all checksums as they must be.
func falsify(t *testing.T, dir string) {
	t.Helper()
	store, meaning, err := checkpoint.OpenStored(checkpoint.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if store, err = checkpoint.Open(checkpoint.Options{Dir: dir, Fingerprint: meaning}); err != nil {
		t.Fatal(err)
	}
	var puts []checkpoint.Put
	marker, _, err := store.Load(t.Context(), 0, func(key, value []byte) error {
		// A register whose last figure is a count of 2 (4 as a varint), without a ranking (0) and signals (0).
		if value[0] == 0x92 && len(puts) == 0 && bytes.HasSuffix(value, []byte{4, 0, 0}) {
			changed := bytes.Clone(value)
			changed[len(changed)-3] = 6
			puts = append(puts, checkpoint.Put{Key: bytes.Clone(key), Value: changed})
		}
		return nil
	})
	if err != nil || len(puts) != 1 {
		t.Fatalf("%v, %d registers", err, len(puts))
	}
	if err := store.Save(t.Context(), 0, marker, puts); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
