package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the style of a file, the keys have their new values and every other byte is the old one.
func TestRewriteLeavesTheRest(t *testing.T) {
	cases := []struct{ name, before, after string }{
		{
			"blocks with comments", `# ours – Zürich
kafka:
  brokers: ["localhost:9092"] # one
group: expansion # of the service
sources:
  - topic: a
    keyed_by_account: true   # until it grew
  - keyed_by_account: true
    topic: "b"
output:
  # where rows go
  prefix: 'expansion.'
checkpoint:
  dir: ./state
`, `# ours – Zürich
kafka:
  brokers: ["localhost:9092"] # one
group: new # of the service
sources:
  - topic: a
    keyed_by_account: false   # until it grew
  - keyed_by_account: true
    topic: "b"
output:
  # where rows go
  prefix: new.
checkpoint:
  dir: "/var/x y"
`,
		},
		{
			"one line each", "kafka: {brokers: [\"ü:9092\"]}\ngroup: \"ex\\\"pansion\"\nsources: [{topic: a, keyed_by_account: true}, {topic: b, keyed_by_account: true}]\n" +
				"output: {delivery: exactly_once}\ncheckpoint: {}\n",
			"kafka: {brokers: [\"ü:9092\"]}\ngroup: new\nsources: [{topic: a, keyed_by_account: false}, {topic: b, keyed_by_account: true}]\n" +
				"output: {prefix: new., delivery: exactly_once}\ncheckpoint: {dir: \"/var/x y\"}\n",
		},
		{
			"sections that are not there, or empty", "group: ${GROUP}\nkafka: {brokers: [\"a:1\"]}\nsources:\n- topic: a\n  keyed_by_account: true\n- topic: b\n  keyed_by_account: true\noutput: # later\n",
			"checkpoint: {dir: \"/var/x y\"}\ngroup: new\nkafka: {brokers: [\"a:1\"]}\nsources:\n- topic: a\n  keyed_by_account: false\n- topic: b\n  keyed_by_account: true\noutput: {prefix: new.} # later\n",
		},
		{
			"blocks without the key", "group: a\nkafka: {brokers: [\"a:1\"]}\nsources: [{topic: a, keyed_by_account: true}, {keyed_by_account: true, topic: b}]\noutput:\n  delivery: exactly_once\ncheckpoint:\n  interval: 1s\n",
			"group: new\nkafka: {brokers: [\"a:1\"]}\nsources: [{topic: a, keyed_by_account: false}, {keyed_by_account: true, topic: b}]\noutput:\n  prefix: new.\n  delivery: exactly_once\ncheckpoint:\n  dir: \"/var/x y\"\n  interval: 1s\n",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "processor.yaml")
			if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := NewRewriter(file)
			if err != nil {
				t.Fatal(err)
			}
			r.Set("group", "new")
			r.SetSource(0, "keyed_by_account", false)
			r.Set("output.prefix", "new.")
			r.Set("checkpoint.dir", "/var/x y")
			text, err := r.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != c.after {
				t.Errorf("got:\n%s\nwant:\n%s", text, c.after)
			}
			loaded, err := LoadText(file, text, []string{"GROUP=x"}, ForRun)
			if err != nil {
				t.Fatal(err)
			}
			if loaded.Group != "new" || loaded.Output.Prefix != "new." || loaded.Checkpoint.Dir != "/var/x y" || loaded.Sources[0].KeyedByAccount || !loaded.Sources[1].KeyedByAccount {
				t.Errorf("it is read as %+v", loaded)
			}
		})
	}
}

// What cannot be written in the place of the old is said with its line.
func TestRewriteRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(file, []byte("kafka: {brokers: [\"a:1\"]}\ngroup: >-\n  long\n  name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := NewRewriter(file)
	if err != nil {
		t.Fatal(err)
	}
	r.Set("group", "new")
	if _, err := r.Bytes(); err == nil || !strings.Contains(err.Error(), "line 2: write the value of group as one word") {
		t.Errorf("got %v", err)
	}
	r.SetSource(0, "keyed_by_account", false)
	if _, err := NewRewriter(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}
