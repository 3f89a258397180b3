package letter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/letter"
	"processor/internal/sink"
)

// A letter is read back to the record that it was made of, also where that had headers of the letter's names.
func TestALetterIsReadBack(t *testing.T) {
	big := bytes.Repeat([]byte("x"), 900_000)
	for _, c := range []struct {
		name       string
		key, value []byte
		headers    []consumer.Header
		cut        string
	}{
		{"plain", []byte("acme"), []byte("{"), nil, ""},
		{"no key", nil, []byte("{"), nil, ""},
		{"its own headers", []byte("acme"), []byte("{"), []consumer.Header{{Key: []byte("ce_id"), Value: []byte("e1")}, {Key: []byte("null")}}, ""},
		{"headers of our names", []byte("acme"), []byte("{"), []consumer.Header{
			{Key: []byte("key"), Value: []byte("theirs")}, {Key: []byte("at"), Value: []byte("theirs")}, {Key: []byte("value_sha256")}, {Key: []byte("value_bytes")}, {Key: []byte("key_sha256")},
		}, ""},
		{"a long value", []byte("acme"), big, []consumer.Header{{Key: []byte("ce_id"), Value: []byte("e1")}}, "value"},
		{"a long key", big[:100_000], []byte("{"), nil, ""},
		{"a key that is too long", big, []byte("{"), nil, "key"},
		{"long headers", []byte("acme"), []byte("{"), []consumer.Header{{Key: []byte("h"), Value: big}}, "headers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			position := event.Position{Topic: "billing", Partition: 3, Offset: 71}
			m := letter.New("dead", 1, &letter.Rejected{
				Position: position, Key: c.key, Value: c.value, Headers: c.headers, Rejection: &event.Rejection{Reason: event.ReasonNotJSON, Detail: "d"}, At: 0,
			})
			r := consumer.Record{Offset: 9, Key: m.Key, Value: m.Value}
			for _, h := range m.Headers {
				r.Headers = append(r.Headers, consumer.Header{Key: []byte(h.Key), Value: h.Value})
			}
			l, err := letter.Read(1, &r)
			if err != nil {
				t.Fatal(err)
			}
			cut := l.Cut
			if len(c.key) == 100_000 {
				cut = strings.Replace(cut, "key", "", 1) // beyond 64 KiB a key is always cut
			}
			if cut != c.cut || l.Position != position || l.Reason != event.ReasonNotJSON || l.Detail != "d" || l.At != "1970-01-01T00:00:00Z" || l.Offset != 9 || l.Partition != 1 {
				t.Errorf("%+v, want cut %q", l, c.cut)
			}
			if l.Cut != "" {
				return
			}
			var headers []sink.Header
			for _, h := range c.headers {
				headers = append(headers, sink.Header{Key: string(h.Key), Value: h.Value})
			}
			same := slices.EqualFunc(headers, l.Headers, func(a, b sink.Header) bool {
				return a.Key == b.Key && bytes.Equal(a.Value, b.Value) && (a.Value == nil) == (b.Value == nil)
			})
			if !bytes.Equal(l.Key, c.key) || !bytes.Equal(l.Value, c.value) || !same {
				t.Errorf("key %q value %q headers %v", l.Key, l.Value, l.Headers)
			}
		})
	}
	for _, r := range []consumer.Record{{}, {Value: []byte("x"), Headers: []consumer.Header{{Key: []byte("key")}}}, {Key: []byte("k"), Value: []byte("v"), Headers: make([]consumer.Header, 7)}} {
		if _, err := letter.Read(0, &r); !errors.Is(err, letter.ErrNoLetter) {
			t.Errorf("%v is read as a letter: %v", r, err)
		}
	}
}

// box is a source with records and their letters.
type box struct {
	*kafkatest.Kafka
	source, other, dead string
}

// fill writes letters of so many records: half of them not_json of the source, every fourth bad_amount of the
// other topic, and one that was sent twice.
func fill(t *testing.T, k *kafkatest.Kafka, n int) box {
	t.Helper()
	b := box{k, k.Create(t, "billing", 2), k.Create(t, "usage", 2), k.Create(t, "dead-letters", 2)}
	p, err := sink.NewProducer(k.Cluster, sink.ProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []sink.Message
	for i := range n {
		topic, reason := b.source, event.ReasonNotJSON
		if i%4 == 3 {
			topic, reason = b.other, event.ReasonBadAmount
		}
		all = append(all, letter.New(b.dead, int32(i%2), &letter.Rejected{
			Position: event.Position{Topic: topic, Partition: int32(i % 2), Offset: int64(i)}, Key: fmt.Append(nil, "account-", i), Value: fmt.Append(nil, "value-", i),
			Headers: []consumer.Header{{Key: []byte("ce_id"), Value: fmt.Append(nil, i)}}, Rejection: &event.Rejection{Reason: reason},
		}))
	}
	all = append(all, all[0], sink.Message{Topic: b.dead, Key: []byte("k"), Value: []byte("somebody else's")})
	if _, err := p.Send(kafkatest.Context(t), all); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b box) options() letter.RedriveOptions {
	return letter.RedriveOptions{Cluster: b.Cluster, Topic: b.dead, Sources: []string{b.source, b.other}, ID: b.Topic("redrive"), Batch: 3}
}

// values are those of a topic, in order, with the header that says where they were.
func (b box) values(t *testing.T, topic string) []string {
	t.Helper()
	var all []string
	for _, r := range b.Read(t, topic) {
		all = append(all, fmt.Sprintf("%d %s %s", r.Partition, r.Key, r.Value))
	}
	slices.Sort(all)
	return all
}

// Each record goes back once, to its partition, whatever was sent before and however often it is tried.
func TestRedriveOnce(t *testing.T) {
	b := fill(t, kafkatest.Start(t, 1), 12)
	ctx := kafkatest.Context(t)
	o := b.options()
	o.DryRun = true
	if done, err := letter.Redrive(ctx, o); err != nil || done.Sent != 12 || done.Foreign != 1 || done.Already != 1 || len(b.values(t, b.source)) != 0 {
		t.Fatalf("dry run: %+v, %v", done, err)
	}
	o.DryRun, o.Limit = false, 4
	o.Filter = letter.Filter{Reasons: []string{"not_json"}}
	if done, err := letter.Redrive(ctx, o); err != nil || done.Sent != 4 || len(b.values(t, b.source)) != 4 || len(b.values(t, b.other)) != 0 {
		t.Fatalf("four of not_json: %+v, %v", done, err)
	}
	o.Limit, o.Filter = 0, letter.Filter{}
	done, err := letter.Redrive(ctx, o)
	if err != nil || done.Sent != 8 || done.Already != 5 || done.BySource[b.source] != 5 || done.BySource[b.other] != 3 {
		t.Fatalf("the rest: %+v, %v", done, err)
	}
	if done, err := letter.Redrive(ctx, o); err != nil || done.Sent != 0 || done.Already != 13 {
		t.Fatalf("again: %+v, %v", done, err)
	}
	want := []string{}
	for i := range 12 {
		if i%4 != 3 {
			want = append(want, fmt.Sprintf("%d account-%d value-%d", i%2, i, i))
		}
	}
	slices.Sort(want)
	if got := b.values(t, b.source); !slices.Equal(got, want) {
		t.Errorf("the source has\n%q, want\n%q", got, want)
	}
	var headers []kgo.RecordHeader
	_, err = consumer.ReadRange(ctx, b.Cluster, b.source, 0, consumer.FromStart, func(r *consumer.Record) error {
		for _, h := range r.Headers {
			headers = append(headers, kgo.RecordHeader{Key: string(h.Key), Value: bytes.Clone(h.Value)})
		}
		return letter.ErrEnough
	})
	if !errors.Is(err, letter.ErrEnough) || fmt.Sprint(headers) != fmt.Sprintf("[{ce_id [48]} {redriven_from %v}]", []byte(b.source+"/0/0")) {
		t.Errorf("headers %v, %v", headers, err)
	}
}

// A redrive that dies between two transactions, or whose place is taken, is gone on with.
func TestRedriveGoesOn(t *testing.T) {
	b := fill(t, kafkatest.Start(t, 1), 12)
	ctx, stop := context.WithCancel(kafkatest.Context(t))
	o := b.options()
	calls := 0
	o.Now = func() time.Time {
		if calls++; calls == 8 { // in the third transaction
			stop()
		}
		return time.Now()
	}
	done, err := letter.Redrive(ctx, o)
	if err == nil || done.Sent != 6 || !strings.Contains(err.Error(), "6 letters were sent back") {
		t.Fatalf("%+v, %v", done, err)
	}
	o.Now = nil
	if done, err := letter.Redrive(kafkatest.Context(t), o); err != nil || done.Sent != 6 {
		t.Fatalf("%+v, %v", done, err)
	}
	if n := len(b.values(t, b.source)) + len(b.values(t, b.other)); n != 12 {
		t.Errorf("%d records went back, want 12", n)
	}
}

func TestLettersAreChosen(t *testing.T) {
	b := fill(t, kafkatest.Start(t, 1), 12)
	ctx := kafkatest.Context(t)
	opened, err := letter.OpenBox(ctx, b.Cluster, b.dead)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		filter letter.Filter
		want   int
	}{
		{letter.Filter{}, 13},
		{letter.Filter{Reasons: []string{"bad_amount"}}, 3},
		{letter.Filter{Reasons: []string{"bad_amount", "not_json"}}, 13},
		{letter.Filter{Sources: []string{b.other}}, 3},
		{letter.Filter{Sources: []string{"none"}}, 0},
		{letter.Filter{Since: now.Add(-time.Hour)}, 13},
		{letter.Filter{Since: now.Add(time.Hour)}, 0},
		{letter.Filter{Until: now.Add(time.Hour)}, 13},
		{letter.Filter{Until: now.Add(-time.Hour)}, 0},
	} {
		n := 0
		if err := opened.Each(ctx, c.filter, func(*letter.Letter, bool) error { n++; return nil }); err != nil || n != c.want {
			t.Errorf("%+v: %d letters (%v), want %d", c.filter, n, err, c.want)
		}
	}
	if _, err := letter.OpenBox(ctx, b.Cluster, "none"); err == nil || !strings.Contains(err.Error(), "output.prefix") {
		t.Errorf("no topic: %v", err)
	}
}

// A source that is not ours to write is refused before anything is sent, with the command that allows it.
func TestRedriveIsRefusedWithTheACL(t *testing.T) {
	allow := func(op kmsg.ACLOperation, resource kmsg.ACLResourceType) kfake.ACL {
		return kfake.ACL{Resource: resource, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true}
	}
	k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "r"),
		kfake.User("PLAIN", "ada", "a", allow(kmsg.ACLOperationDescribe, kmsg.ACLResourceTypeTopic), allow(kmsg.ACLOperationRead, kmsg.ACLResourceTypeTopic)))
	for _, topic := range []string{"billing", "dead"} {
		if err := k.Fake.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	c, err := broker.New(broker.Options{Brokers: k.Brokers, Login: broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	_, err = letter.Redrive(kafkatest.Context(t), letter.RedriveOptions{Cluster: c, Topic: "dead", Sources: []string{"billing"}, User: "ada", ID: "g-redrive"})
	var refused *letter.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "--add --allow-principal User:ada --operation Write --topic billing") {
		t.Errorf("%v", err)
	}
}
