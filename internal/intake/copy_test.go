package intake

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

// A copy has the value and the headers of the record, its account as key, and says where it is from;
// what cannot be decoded becomes a dead letter with its own position; what is ignored is counted.
func TestWhatBecomesOfRecords(t *testing.T) {
	w := newWorld(t, 1)
	w.change = func(o *Options) { o.Decoder.IgnoreUnknownTypes = true }
	binary := kgo.Record{
		Key: nil, Value: []byte(`{"kind":"tax","amount":"2","currency":"USD"}`), Headers: []kgo.RecordHeader{
			header("trace", "42"), header("ce_specversion", "1.0"), header("ce_id", "b1"), header("ce_source", "test"),
			header("ce_type", "charge.recorded"), header("ce_subject", "globex"), header("ce_time", "2026-03-06T10:00:00Z"),
			header("origin_offset", "forged"),
		},
	}
	sent := []kgo.Record{
		{Key: []byte("order-1"), Value: []byte(charge("e1", "acme"))},
		binary,
		{Key: []byte("acme"), Value: []byte(charge("e2", "acme"))},
		{Key: []byte("bad"), Value: []byte(`{"id":`), Headers: []kgo.RecordHeader{header("trace", "43")}},
		{Key: []byte("deleted")}, // a tombstone
		{Value: []byte(strings.Replace(charge("e3", "acme"), "charge.recorded", "dog.barked", 1))},
		{Key: []byte("full"), Value: []byte(charge("e4", "acme")), Headers: []kgo.RecordHeader{header("attachment", strings.Repeat("x", 1<<20+room))}},
		{Key: []byte("last"), Value: []byte(charge("e5", "initech"))},
	}
	w.kafka.Create(t, "wide", 1, kafkatest.AppendTime, map[string]string{"max.message.bytes": "4000000"})
	w.source = w.kafka.Topic("wide")
	c := w.kafka.Client(t, kgo.ProducerBatchMaxBytes(3_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for i := range sent {
		sent[i].Topic = w.source
		if err := c.ProduceSync(kafkatest.Context(t), &sent[i]).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	p := w.run()
	for name, want := range map[string]int64{"copied": 4, "rejected": 3, "ignored": 1, "skipped": 0, "not_json": 2, "too_large": 1} {
		if p.counts[name] != want {
			t.Errorf("%d %s, want %d", p.counts[name], name, want)
		}
	}
	for _, tp := range w.partitionsOf(w.kafka.Topic("events")) { // a commit is acknowledged before readers see it
		if decided, err := consumer.Decided(kafkatest.Context(t), w.kafka.Cluster, tp, time.Minute); err != nil || !decided {
			t.Fatalf("%s: its last transaction does not end: %v", tp, err)
		}
	}
	byOffset := map[string]record{}
	for _, r := range w.copies() {
		byOffset[r.headers[headerOffset]] = r
	}
	for offset, want := range map[string]struct {
		key, value, origin string
		null               bool
	}{
		"0": {"acme", string(sent[0].Value), "order-1", false},
		"1": {"globex", string(binary.Value), "", false},
		"2": {"acme", string(sent[2].Value), "", true},
		"7": {"initech", string(sent[7].Value), "last", false},
	} {
		r, found := byOffset[offset]
		if !found || r.key != want.key || r.value != want.value || r.headers[headerKey] != want.origin || r.nullKey != want.null {
			t.Errorf("offset %s: %+v", offset, r)
		}
		if r.origin() != w.source+"/0:"+offset || int(r.partition) != sink.Partition([]byte(want.key), 2) {
			t.Errorf("offset %s: it says %s, in partition %d", offset, r.origin(), r.partition)
		}
		if at, ok := event.ParseTime([]byte(r.headers[headerReceived])); !ok || time.Since(at.UTC()) > time.Hour {
			t.Errorf("offset %s: received at %q", offset, r.headers[headerReceived])
		}
	}
	if r := byOffset["1"]; r.headers["trace"] != "42" || r.headers["ce_id"] != "b1" {
		t.Errorf("the headers of the record are %v", r.headers)
	}
	letters := w.records("dead-letters")
	if len(letters) != 3 {
		t.Fatalf("%d dead letters", len(letters))
	}
	if l := letters[0]; l.headers["reason"] != "not_json" || l.headers["key"] != "bad" || l.headers["trace"] != "43" || l.headers["offset"] != "3" ||
		l.headers["source_topic"] != w.source || l.value != `{"id":` || l.headers["at"] == "" {
		t.Errorf("the letter is %+v", l)
	}
	if l := letters[2]; l.headers["reason"] != "too_large" || l.headers["detail"] != "headers" || l.headers["headers_dropped"] != "1" {
		t.Errorf("the letter is %.300v", l)
	}
}

// The largest acceptable record, one that does not compress, passes through.
func TestTheLargestRecord(t *testing.T) {
	w := newWorld(t, 1)
	w.kafka.Create(t, "wide", 1, kafkatest.AppendTime, map[string]string{"max.message.bytes": "4000000"})
	w.source = w.kafka.Topic("wide")
	value := charge("e1", "acme")
	value = strings.Replace(value, `"data":{`, `"data":{"note":"`+strings.Repeat("x", 1<<20-len(value)-len(`"note":"",`))+`",`, 1)
	c := w.kafka.Client(t, kgo.ProducerBatchMaxBytes(3_000_000))
	if err := c.ProduceSync(kafkatest.Context(t), &kgo.Record{Topic: w.source, Value: []byte(value), Headers: []kgo.RecordHeader{header("h", strings.Repeat("y", 50_000))}}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.run()
	if list := w.copies(); len(list) != 1 || len(value) != 1<<20 || list[0].value != value {
		t.Errorf("%d copies of a record of %d bytes", len(list), len(value))
	}
}

// Many dead letters at once keep to what their topic takes by default.
func TestManyDeadLetters(t *testing.T) {
	w := newWorld(t, 1)
	dice := rand.New(rand.NewPCG(1, 2))
	var list []kafkatest.Record
	for range 40 { // of bytes that do not compress
		value := make([]byte, 100_000)
		for i := range value {
			value[i] = byte(dice.Uint32())
		}
		list = append(list, kafkatest.Record{Value: string(value)})
	}
	w.kafka.Produce(t, w.source, list...)
	if p := w.run(); p.counts["not_json"] != 40 || len(w.records("dead-letters")) != 40 {
		t.Errorf("%d rejected, %d letters", p.counts["rejected"], len(w.records("dead-letters")))
	}
}

// What a copy says is read back; what intake did not write is not taken for one.
func TestOriginOf(t *testing.T) {
	h := func(pairs ...string) (list []consumer.Header) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, consumer.Header{Key: []byte(pairs[i]), Value: []byte(pairs[i+1])})
		}
		return list
	}
	tail := []string{headerTopic, "t", headerPartition, "3", headerOffset, "17"}
	whole := append([]string{headerKey, "k", headerReceived, "2026-03-05T10:00:00.5Z"}, tail...)
	o, before, ok := OriginOf(&consumer.Record{Key: []byte("acme"), Headers: h(append([]string{"a", "b"}, whole...)...)})
	if !ok || o.IsMark || string(o.Topic) != "t" || o.Partition != 3 || o.Offset != 17 || string(o.Key) != "k" || len(before) != 1 ||
		o.Received.String() != "2026-03-05T10:00:00.5Z" {
		t.Errorf("got %+v, %v, %v", o, before, ok)
	}
	same := h(whole...)
	same[0].Value, same[1].Value = nil, []byte{}
	if o, _, ok = OriginOf(&consumer.Record{Key: []byte("acme"), Headers: same}); !ok || string(o.Key) != "acme" || o.Received != event.NoTime {
		t.Errorf("got %+v, %v", o, ok)
	}
	if o, _, ok = OriginOf(&consumer.Record{Headers: h(append([]string{headerSeen, "2026-03-05T10:00:00Z"}, tail...)...)}); !ok || !o.IsMark || o.Seen.String() != "2026-03-05T10:00:00Z" {
		t.Errorf("got %+v, %v", o, ok)
	}
	for name, headers := range map[string][]consumer.Header{
		"none":           nil,
		"others":         h("a", "1", "b", "2", "c", "3", "d", "4", "e", "5"),
		"the tail alone": h(tail...),
		"another order":  h(headerReceived, "", headerKey, "k", headerTopic, "t", headerPartition, "3", headerOffset, "17"),
		"a bad offset":   h(headerKey, "", headerReceived, "", headerTopic, "t", headerPartition, "3", headerOffset, "x"),
		"a bad time":     h(headerKey, "", headerReceived, "soon", headerTopic, "t", headerPartition, "3", headerOffset, "17"),
		"a bad mark":     h(headerSeen, "soon", headerTopic, "t", headerPartition, "3", headerOffset, "17"),
	} {
		if _, before, ok := OriginOf(&consumer.Record{Headers: headers}); ok || !strings.HasPrefix(name, "a bad mark") && len(before) != len(headers) {
			t.Errorf("%s: taken for a copy, %d headers left", name, len(before))
		}
	}
}

// Every partition of the copies hears how far a source partition is, behind what came from there.
func TestMarks(t *testing.T) {
	w := newWorld(t, 1)
	w.kafka.Produce(t, w.source, kafkatest.Record{Value: charge("e1", "acme")})
	w.run()
	w.kafka.Produce(t, w.source, kafkatest.Record{Value: charge("e2", "acme")}) // at the same time: nothing new to say
	w.run()
	later := strings.Replace(charge("e3", "acme"), "2026-03-05T10:00:00Z", "2026-03-05T10:01:00Z", 1)
	future := strings.Replace(charge("e4", "acme"), "2026-03-05T10:00:00Z", time.Now().Add(25*time.Hour).UTC().Format(time.RFC3339), 1)
	w.kafka.Produce(t, w.source, kafkatest.Record{Value: later}, kafkatest.Record{Value: future})
	w.run()
	said := map[int32][]string{}
	for _, r := range w.records("events") {
		if r.isMark() {
			said[r.partition] = append(said[r.partition], r.headers[headerSeen]+" "+r.headers[headerOffset])
		}
	}
	for p := range int32(2) {
		got := strings.Join(said[p], ", ")
		// Each start says it once more: it does not know what the one before has said.
		if got != "2026-03-05T10:00:00Z 1, 2026-03-05T10:00:00Z 2, 2026-03-05T10:01:00Z 4" {
			t.Errorf("partition %d was told %s", p, got)
		}
	}
}

// A partition that rests for a day goes on in days; a topic that nobody has used yet does not.
func TestAPartitionThatRests(t *testing.T) {
	w := newWorld(t, 2)
	var now atomic.Int64 // in seconds
	now.Store(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC).Unix())
	w.change = func(o *Options) { o.Clock = func() time.Time { return time.Unix(now.Load(), 0).UTC() } }
	marks := func() map[string][]string {
		said := map[string][]string{}
		for _, r := range w.records("events") {
			if r.isMark() && r.partition == 0 {
				said[r.headers[headerPartition]] = append(said[r.headers[headerPartition]], r.headers[headerSeen])
			}
		}
		return said
	}
	rest := func() { // after two rounds the clock goes on by a day
		t.Helper()
		var rounds atomic.Int64
		err := w.until(func(o *Options) {
			o.Step = func(point string) error {
				if point == "fetched" && rounds.Add(1) == 3 {
					now.Add(25 * 60 * 60)
				}
				return nil
			}
		}, func(*progress) bool { return rounds.Load() > 6 })
		if err != nil {
			t.Fatal(err)
		}
	}
	rest()
	if said := marks(); len(said) != 0 {
		t.Fatalf("an unused topic said %v", said)
	}
	w.charges(1, 0, 1)
	w.run()
	rest()
	said := marks()
	want := time.Unix(now.Load(), 0).UTC().Add(-24 * time.Hour).Format(time.RFC3339)
	if len(said["0"]) != 1 || said["0"][0] != want {
		t.Errorf("the partition without records said %v, want %s", said["0"], want)
	}
	if n := len(said["1"]); n == 0 || said["1"][n-1] != want {
		t.Errorf("the partition that rests said %v, want %s at last", said["1"], want)
	}
}
