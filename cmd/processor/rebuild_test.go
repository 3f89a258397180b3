package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"processor/internal/kafkatest"
)

// rebuildService runs `processor rebuild` on a configuration.
func rebuildService(t *testing.T, yaml string, args ...string) (code int, file, out, errOut string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"rebuild", "--config", file}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, file, stdout.String(), stderr.String()
}

// An operator's way: the service refuses and names the command; the command says what it would do,
// does it, and has nothing to do the second time; the service starts again.
func TestRebuildCommand(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: oneEvent})
	dir := t.TempDir()
	before, after := serviceYAML(k, topic, dir, ""), serviceYAML(k, topic, dir, "groupings: [[region]]\n")
	if code, log := runService(t, before, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	if code, log := runService(t, after, "caught up"); code != exitUsage || !strings.Contains(log, "processor rebuild --from checkpoint --config ") ||
		!strings.Contains(log, "groupings: [] -> [[region]]") {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	steps := []struct {
		args string
		says []string
	}{
		{"--from checkpoint --dry-run", []string{
			"1 record of 1 account in 1 shard\n", "  groupings: [] -> [[region]]\n", "Nothing was changed.\nto do it: processor rebuild --from checkpoint --config ",
		}},
		{"--from log --dry-run", []string{"would forget the records", "Nothing was changed.\nto do it: processor rebuild --from log --config "}},
		{"--from checkpoint", []string{"  groupings: [] -> [[region]]\nThe checkpoint now belongs to this configuration", "\nnext: processor run --config "}},
		{"--from checkpoint", []string{"1 record of 1 account", "means the same as the checkpoint. Nothing was changed.\nnext: processor run --config "}},
		{"--from log", []string{"1 record of 1 account", "are forgotten", "\nnext: processor run --config "}},
		{"--from log", []string{"0 records of 0 accounts in 0 shards\nNothing is kept", "Nothing was changed.\n"}},
	}
	for _, s := range steps {
		code, file, out, errOut := rebuildService(t, after, strings.Fields(s.args)...)
		if code != exitFine {
			t.Fatalf("%s: exit code %d: %s", s.args, code, errOut)
		}
		for _, text := range s.says {
			if !strings.Contains(out, text) {
				t.Errorf("%s does not say %q:\n%s", s.args, text, out)
			}
		}
		if !strings.HasSuffix(out, "--config "+file+"\n") {
			t.Errorf("%s does not end with the next command for %s:\n%s", s.args, file, out)
		}
	}
	if code, log := runService(t, after, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
}

// Exit codes tell what kind of help is needed, before anything is changed.
func TestRebuildExitCodes(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: oneEvent}, kafkatest.Record{Key: "acme", Value: oneEvent})
	k.DeleteRecords(t, topic, 0, 1)
	yaml := serviceYAML(k, topic, t.TempDir(), "")
	cases := []struct {
		args string
		code int
		says string
	}{
		{"", exitUsage, `required flag(s) "from" not set`},
		{"--from kafka", exitUsage, `--from "kafka": it must be checkpoint or log`},
		{"--from checkpoint", exitUsage, "there is no checkpoint"},
		{"--from log", exitOperator, "offsets [0,1)"},
		{"--from log --acept-gap", exitUsage, "unknown flag"},
	}
	for _, c := range cases {
		code, _, out, errOut := rebuildService(t, yaml, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(errOut, c.says) || out != "" {
			t.Errorf("rebuild %s: exit code %d, want %d with %q:\n%s%s", c.args, code, c.code, c.says, out, errOut)
		}
	}
}
