package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/company"
	"processor/internal/kafkatest"
)

// runGenerate runs the command and returns what it printed and its exit code.
func runGenerate(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"generate"}, args...), strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

func TestGenerateWritesTheSameLinesToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events.ndjson")
	printed, errOut, code := runGenerate(t, "--events", "500", "--seed", "7")
	if code != exitFine || errOut != "" {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	if n := strings.Count(printed, "\n"); n != 500 {
		t.Errorf("%d lines, want 500", n)
	}
	if _, errOut, code = runGenerate(t, "--events", "500", "--seed", "7", "-o", file); code != exitFine {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(written) != printed {
		t.Error("the file and standard output differ for the same seed")
	}
	if other, _, _ := runGenerate(t, "--events", "500", "--seed", "8"); other == printed {
		t.Error("another seed gave the same events")
	}
}

func TestGenerateObeysItsFlags(t *testing.T) {
	out, errOut, code := runGenerate(t, "--accounts", "30", "--start", "2024-02-01", "--months", "2",
		"--usage=false", "--future=false", "--openings", "0", "--currencies", "EUR", "--mess", "none")
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	for _, word := range []string{"usage.recorded", "cancel_at", "schedule", "ends_at", "opening", "USD"} {
		if strings.Contains(out, word) {
			t.Errorf("%q although the flags exclude it", word)
		}
	}
	if !strings.Contains(out, `"EUR"`) {
		t.Error("no line in EUR")
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(line, `"time":"2024-02-`) && !strings.Contains(line, `"time":"2024-03-`) {
			t.Fatalf("outside of the two months: %s", line)
		}
	}
}

func TestGenerateNamesEveryWrongFlag(t *testing.T) {
	for _, test := range []struct {
		args  []string
		words []string
	}{
		{
			[]string{"--start", "1.2.2026", "--months", "0", "--mess", "lat=3", "--rate", "-1"},
			[]string{"--start", "--months", `no "lat"`, "--rate"},
		},
		{[]string{"--openings", "2000", "--events", "-5"}, []string{"openings", "events"}},
		{[]string{"--topic", "t", "-o", "f"}, []string{"--brokers"}},
		{[]string{"--topic", "t", "--brokers", "localhost:9", "-o", "f"}, []string{"choose one"}},
		{[]string{"--brokers", "localhost:9"}, []string{"needs --topic"}},
		{[]string{"--topic", "t", "--brokers", "localhost"}, []string{"localhost", "host:port"}},
	} {
		_, errOut, code := runGenerate(t, test.args...)
		if code != exitUsage {
			t.Errorf("%v: exit code %d, want %d", test.args, code, exitUsage)
		}
		for _, word := range test.words {
			if !strings.Contains(errOut, word) {
				t.Errorf("%v: the message does not name %s:\n%s", test.args, word, errOut)
			}
		}
	}
}

func TestGenerateReportsAFileThatCannotBeWritten(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "events.ndjson")
	_, errOut, code := runGenerate(t, "--events", "10", "-o", missing)
	if code != exitFailed || !strings.Contains(errOut, missing) {
		t.Errorf("exit code %d, want %d naming the file: %s", code, exitFailed, errOut)
	}
}

func TestGenerateStopsInOrder(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var stderr bytes.Buffer
	code := execute(ctx, []string{"generate", "--events", "50000"}, strings.NewReader(""), io.Discard, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "stopped after 5000 records") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

// Into a topic: every record under its account's key, in the partition that Kafka's own clients
// would choose, in the company's order within it.
func TestGenerateIntoATopic(t *testing.T) {
	kafka := kafkatest.Start(t, 1)
	name := kafka.Topic("generated")
	const events, partitions = 12_000, 4
	if _, errOut, code := runGenerate(t, "--events", "12000", "--seed", "3", "--topic", name,
		"--brokers", strings.Join(kafka.Brokers, ","), "--partitions", "4"); code != exitFine {
		t.Fatalf("exit code %d: %s", code, errOut)
	}

	o := company.Defaults()
	o.Seed, o.Events, o.Accounts = 3, events, events/10
	records, err := company.Collect(o)
	if err != nil {
		t.Fatal(err)
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(name) // Java's murmur2
	want := make([][]string, partitions)
	for _, rec := range records {
		p := partitioner.Partition(&kgo.Record{Key: rec.Key}, partitions)
		want[p] = append(want[p], string(rec.Key)+"\t"+string(rec.Value))
	}

	ctx := kafkatest.Context(t)
	// The in-process broker stamps the batches of a LogAppendTime topic without redoing their checksum.
	client := kafka.Client(t, kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableFetchCRCValidation())
	got := make([][]string, partitions)
	for n := 0; n < events; { // ends with an error when ctx does
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d records: %v", n, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			got[rec.Partition] = append(got[rec.Partition], string(rec.Key)+"\t"+string(rec.Value))
			n++
		})
	}
	for p := range want {
		if strings.Join(got[p], "\n") != strings.Join(want[p], "\n") {
			t.Errorf("partition %d: %d records differ from the %d generated for it", p, len(got[p]), len(want[p]))
		}
	}
}

func TestGenerateProgressLine(t *testing.T) {
	for _, test := range []struct {
		sent, total int
		want        string
	}{
		{250, 1000, "250 of 1000 records (25 %), 125 a second"},
		{250, 0, "250 records, 125 a second"},
		{1010, 1000, "1010 records, 505 a second"},
	} {
		if got := progressLine(test.sent, test.total, 2*time.Second); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
