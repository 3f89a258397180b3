package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// rescaleService runs `processor rescale` on a configuration file.
func rescaleService(t *testing.T, file string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"rescale", "--config", file}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// eventOf is a start of a subscription.
func eventOf(id, account string) string {
	return strings.NewReplacer(`"e1"`, fmt.Sprintf("%q", id), `"s1"`, fmt.Sprintf("%q", "s-"+id), `"acme"`, fmt.Sprintf("%q", account)).Replace(oneEvent)
}

// An operator's way through the growth of a source: the service refuses and names the command; a dry run
// says what would happen; the command writes the configuration of the new generation, which runs.
func TestRescaleCommand(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 2, kafkatest.AppendTime)
	write := func(id, account string, partitions int) {
		k.Produce(t, topic, kafkatest.Record{Partition: int32(sink.Partition([]byte(account), partitions)), Key: account, Value: eventOf(id, account)})
	}
	for i := range 8 {
		write(fmt.Sprint("e", i), fmt.Sprint("acct", i), 2)
	}
	home := t.TempDir()
	yaml := "# ours\n" + serviceYAML(k, topic, filepath.Join(home, "state"), "log: {format: json} # for the collector\n")
	if code, log := runService(t, yaml, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	file, next := filepath.Join(home, "processor.yaml"), filepath.Join(home, "next.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o640); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := rescaleService(t, file, "--out", next); code != exitFine || !strings.Contains(out, "no new generation is needed. Nothing was written.\nnext: processor run --config "+file) {
		t.Fatalf("nothing has changed: exit code %d:\n%s%s", code, out, errOut)
	}
	k.AddPartitions(t, topic, 5)
	for i := range 8 {
		write(fmt.Sprint("f", i), fmt.Sprint("acct", i), 5)
	}
	if code, log := runService(t, yaml, ""); code != exitUsage || !strings.Contains(log, "made over 2 partitions, the sources have 5") || !strings.Contains(log, "processor rescale --config ") {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}

	code, out, errOut := rescaleService(t, file, "--out", next, "--dry-run", "--partitions", "3")
	if code != exitFine || !strings.Contains(out, "partitions of the service: 2 -> 3\n") || !strings.Contains(out, "it has 5 partitions, the old generation has 2") ||
		!strings.HasSuffix(out, "Nothing was written.\nto do it: processor rescale --config "+file+" --to-group "+topic+"-g2 --to-prefix "+topic+"-g2. --partitions 3 --out "+next+"\n") {
		t.Fatalf("dry run: exit code %d:\n%s%s", code, out, errOut)
	}
	if _, err := os.Lstat(next); err == nil {
		t.Error("the dry run wrote the file")
	}
	topics, err := k.Cluster.Topics(kafkatest.Context(t), topic+"-g2.events")
	if err != nil || topics[topic+"-g2.events"].Exists {
		t.Errorf("the dry run created a topic (%v)", err)
	}

	code, out, errOut = rescaleService(t, file, "--out", next, "--partitions", "3")
	for _, says := range []string{
		"created: topic " + topic + "-g2.events with 3 partitions\n", "   processor run --config " + next + "\n",
		"group: " + topic + " -> " + topic + "-g2\n", "--delete --group " + topic + "\n", "rm -r " + filepath.Join(home, "state") + "\n",
	} {
		if code != exitFine || !strings.Contains(out, says) {
			t.Errorf("exit code %d, it does not say %q:\n%s%s", code, says, out, errOut)
		}
	}
	text, err := os.ReadFile(next)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("group: "+topic, "group: "+topic+"-g2", "keyed_by_account: true", "keyed_by_account: false",
		fmt.Sprintf("prefix: %q", topic+"."), "prefix: "+topic+"-g2.", fmt.Sprintf("dir: %q", filepath.Join(home, "state")), "dir: "+filepath.Join(home, "state-g2")).Replace(yaml)
	if string(text) != want {
		t.Errorf("the configuration is\n%s\nwant\n%s", text, want)
	}
	if info, err := os.Stat(next); err != nil || info.Mode().Perm() != fs.FileMode(0o640) {
		t.Errorf("its mode is %v (%v), not that of the old one", info.Mode(), err)
	}
	if code, out, _ = rescaleService(t, file); code != exitFine || out != want { // what was created is empty, and in nobody's way
		t.Errorf("to standard output, exit code %d:\n%s", code, out)
	}
	if again, log := runService(t, string(text), "caught up"); again != exitFine {
		t.Fatalf("exit code %d, log:\n%s", again, log)
	}
	found := map[string]bool{}
	for key, record := range k.Latest(t, topic+"-g2.accounts") {
		found[key] = strings.Contains(record.Value, `"mrr":"20.000000"`)
	}
	for i := range 8 {
		if !found[fmt.Sprintf(`{"account":"acct%d"}`, i)] {
			t.Errorf("acct%d does not have both of its subscriptions: %v", i, k.Latest(t, topic+"-g2.accounts"))
		}
	}

	code, out, errOut = rescaleService(t, file, "--out", next)
	for _, says := range []string{"topic " + topic + "-g2.events has been written to", "group " + topic + "-g2 has positions", "group " + topic + "-g2-intake has positions", "state-g2\" is not empty", "--out " + next + ": the file exists"} {
		if code != exitUsage || out != "" || !strings.Contains(errOut, says) {
			t.Errorf("the second time: exit code %d, it does not say %q:\n%s%s", code, says, out, errOut)
		}
	}
	if again, err := os.ReadFile(next); err != nil || string(again) != want {
		t.Errorf("it was written over: %v\n%s", err, again)
	}
}

// What is refused ends with exit code 2, and nothing is written.
func TestRescaleExitCodes(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: oneEvent}, kafkatest.Record{Key: "acme", Value: oneEvent})
	home := t.TempDir()
	yaml := serviceYAML(k, topic, filepath.Join(home, "state"), "")
	file := filepath.Join(home, "processor.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		args, env string
		says      string
		before    func()
	}{
		{args: "--partitions 0", says: "--partitions 0: it must be 1 or more"},
		{args: "--to-grup x", says: "did you mean --to-group?"},
		{says: "no service has run with this configuration"},
		{args: "--checkpoint-dir " + filepath.Join(home, "state"), says: "another checkpoint directory", before: func() {
			if code, log := runService(t, yaml, "caught up"); code != exitFine {
				t.Fatalf("exit code %d, log:\n%s", code, log)
			}
			k.AddPartitions(t, topic, 2)
		}},
		{env: "EXPANSION_GROUP", says: "the variable EXPANSION_GROUP stands above group"},
		{says: topic + "/0: offsets [0,1)", before: func() { k.DeleteRecords(t, topic, 0, 1) }},
	}
	for _, s := range steps {
		t.Run(s.says, func(t *testing.T) {
			if s.before != nil {
				s.before()
			}
			if s.env != "" {
				t.Setenv(s.env, topic)
			}
			code, out, errOut := rescaleService(t, file, strings.Fields(s.args)...)
			if code != exitUsage || out != "" || !strings.Contains(errOut, s.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s%s", code, exitUsage, s.says, out, errOut)
			}
		})
	}
}

// The names of the generations follow from each other, and stay names of their kind.
func TestNextGeneration(t *testing.T) {
	for old, want := range map[string]string{
		"expansion": "expansion-g2", "expansion-g2": "expansion-g3", "expansion-g9.": "expansion-g10.", "expansion.": "expansion-g2.",
		"./state": "./state-g2", "/var/lib/state/": "/var/lib/state-g2/", "a-g": "a-g-g2",
	} {
		if got := nextGeneration(old); got != want {
			t.Errorf("after %q comes %q, want %q", old, got, want)
		}
	}
}
