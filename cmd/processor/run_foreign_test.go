package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/pipeline"
	"processor/internal/replay"
	"processor/internal/row"
)

// foreignSource is a topic with the records of some stories.
type foreignSource struct {
	stories    []string
	partitions int
	topic      string
	yaml       string // of the source, behind its topic
	records    int
}

// partOf is a part of a story in testdata/decode.
func partOf(t *testing.T, story, part string) []byte {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "decode", story+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == part {
			return f.Data
		}
	}
	t.Fatalf("%s has no %s", story, part)
	return nil
}

// A topic of Stripe's events and one of a database's changes, each record in any partition under any key,
// give the rows of their native twins; and every record is in one count.
func TestForeignTopicsGiveTheRowsOfTheirTwins(t *testing.T) {
	k := kafkatest.Start(t, 1)
	tables := string(partOf(t, "debezium_wide", "processor.yaml"))
	sources := []*foreignSource{
		{stories: []string{"stripe_lifecycle", "stripe_discounts", "stripe_pause", "stripe_tiers"}, partitions: 3, yaml: "    format: auto\n"},
		{stories: []string{"debezium_wide"}, partitions: 2, yaml: tables[strings.Index(tables, "    format: debezium"):]},
	}
	var native []byte
	text := fmt.Sprintf("kafka: {brokers: [%q]}\ngroup: foreign\ngroupings: [[region]]\noutput: {prefix: %q, flush_interval: 20ms}\ncheckpoint: {dir: %q}\nsources:\n",
		k.Brokers[0], k.Topic("out."), t.TempDir())
	dice := rand.New(rand.NewPCG(3, 4))
	for i, s := range sources {
		s.topic = k.Create(t, fmt.Sprint("foreign-", i), s.partitions)
		text += "  - topic: " + s.topic + "\n" + s.yaml
		var all []kafkatest.Record
		for _, story := range s.stories {
			native = append(native, partOf(t, story, "native")...)
			for _, r := range records(t, partOf(t, story, "records")) {
				one := kafkatest.Record{Partition: int32(dice.IntN(s.partitions)), Key: fmt.Sprint(dice.IntN(9)), Value: string(r.Value), Tombstone: r.Value == nil}
				for range 1 + dice.IntN(2) { // some twice
					all = append(all, one)
				}
			}
		}
		dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		k.Produce(t, s.topic, all...)
		s.records = len(all)
	}
	c, o := optionsOf(t, text)
	clock := time.Date(2026, 6, 30, 0, 10, 30, 0, time.UTC)
	o.Clock = func() time.Time { return clock }
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	o.Observer.Status = func(s pipeline.Status) {
		if s.Ready() {
			stop()
		}
	}
	if err := pipeline.Run(ctx, o); err != nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("run: %v, %v", err, ctx.Err())
	}
	if diff := cmp.Diff(replayedRows(t, c, native), sentRows(t, k, c.Output.Prefix)); diff != "" {
		t.Errorf("rows of the twins (-) and of the service (+):\n%s", diff)
	}
	reading := o.Metrics.Read()
	for _, s := range sources {
		var read, counted int64
		for at, p := range reading.Partitions {
			if at.Topic == s.topic {
				read += p.Read
				for _, n := range p.Results {
					counted += n
				}
			}
		}
		if read != int64(s.records) || counted != read {
			t.Errorf("%s: of %d records %d were read and %d counted", s.topic, s.records, read, counted)
		}
	}
	if reading.Rejections[event.ReasonMissingField] == 0 {
		t.Error("nothing was rejected: the stories have records without their discounts")
	}
}

var comparedTopics = []row.Topic{row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths}

// withoutStamps is a row without what every sending changes.
func withoutStamps(t *testing.T, value []byte) (fields map[string]any, deleted bool) {
	t.Helper()
	if err := json.Unmarshal(value, &fields); err != nil {
		t.Fatal(err)
	}
	deleted, _ = fields["deleted"].(bool)
	for _, name := range []string{"version", "known_at", "restated"} {
		delete(fields, name)
	}
	return fields, deleted
}

func sentRows(t *testing.T, k *kafkatest.Kafka, prefix string) map[string]any {
	t.Helper()
	rows := map[string]any{}
	for _, topic := range comparedTopics {
		for _, r := range k.Read(t, prefix+string(topic)) {
			fields, deleted := withoutStamps(t, []byte(r.Value))
			if rows[string(topic)+" "+r.Key] = fields; deleted {
				delete(rows, string(topic)+" "+r.Key)
			}
		}
	}
	return rows
}

func replayedRows(t *testing.T, c *config.Config, native []byte) map[string]any {
	t.Helper()
	core, err := coreOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	asOf, _ := event.ParseTime([]byte("2026-06-30T00:00:00Z"))
	r, err := replay.New(replay.Options{Core: core, AsOf: asOf, Rows: comparedTopics})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read("native", bytes.NewReader(native)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := r.Finish(&out); err != nil {
		t.Fatal(err)
	}
	rows := map[string]any{}
	for line := range bytes.Lines(out.Bytes()) {
		var one struct {
			Topic      string
			Key, Value json.RawMessage
		}
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		rows[one.Topic+" "+string(one.Key)], _ = withoutStamps(t, one.Value)
	}
	if len(rows) == 0 {
		t.Fatal("the twins give no rows: the test proves nothing")
	}
	return rows
}

// auto refuses what is not clear, with what to do.
func TestAutoRefusesWhatIsNotClear(t *testing.T) {
	k := kafkatest.Start(t, 1)
	stripe := `{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{}}}`
	change := `{"before":null,"after":{},"source":{"table":"t"},"op":"c"}`
	for name, c := range map[string]struct {
		values []string
		says   string
	}{
		"empty":    {nil, "it has no records to detect the format by; name the format in place of auto"},
		"mixed":    {[]string{stripe, change}, "its records look like debezium and stripe; name the format in place of auto"},
		"unknown":  {[]string{`{"hello":"world"}`}, "its records are in no known format; use format: mapping with rules (docs/how-to/mapping.md)"},
		"debezium": {[]string{change}, "its records look like debezium: format: debezium needs a mapping of tables to rules"},
		"avro":     {[]string{"\x00\x00\x00\x00\x01\x06abc"}, "its records look like avro: format: avro needs schema_registry.url"},
	} {
		topic := k.Create(t, name, 1)
		for _, v := range c.values {
			k.Produce(t, topic, kafkatest.Record{Value: v})
		}
		yaml := strings.Replace(serviceYAML(k, topic, t.TempDir(), ""), "keyed_by_account: true", "format: auto", 1)
		if code, log := runService(t, yaml, ""); code != exitUsage || !strings.Contains(log, c.says) {
			t.Errorf("%s: exit code %d, want %d with %q:\n%s", name, code, exitUsage, c.says, log)
		}
	}
}
