package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// opened gives a Transactor that has its id.
func opened(t testing.TB, c *broker.Cluster, o sink.TransactorOptions) *sink.Transactor {
	t.Helper()
	x, err := sink.NewTransactor(c, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Open(kafkatest.Context(t)); err != nil {
		t.Fatal(err)
	}
	return x
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// transact runs one transaction and ends it.
func transact(t testing.TB, x *sink.Transactor, commit bool, messages ...sink.Message) {
	t.Helper()
	ctx := kafkatest.Context(t)
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, messages)
	must(t, err)
	if commit {
		must(t, x.Commit(ctx))
		return
	}
	must(t, x.Abort(ctx))
}

// outcome is what an error says about its transaction.
func outcome(t testing.TB, err error) sink.Outcome {
	t.Helper()
	var e *sink.ErrTransaction
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an ErrTransaction", err)
	}
	return e.Outcome
}

// committed waits until a topic has no open end and gives its values as readers of committed records see
// them. A broker writes the markers of a transaction after it answered: a plain record behind them, which
// nobody may read before they are there, says that they are.
func committed(t testing.TB, k *kafkatest.Kafka, topic string) []string {
	t.Helper()
	end := fmt.Sprintf("end-%d", time.Now().UnixNano())
	k.Produce(t, topic, kafkatest.Record{Key: end, Value: end})
	for ctx := kafkatest.Context(t); ; {
		var values []string
		for _, r := range k.Read(t, topic) {
			values = append(values, r.Value)
		}
		if i := slices.Index(values, end); i >= 0 {
			return slices.DeleteFunc(values, func(v string) bool { return strings.HasPrefix(v, "end-") })
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is held up by an open transaction: %v", topic, values)
		}
	}
}

func wantCommitted(t testing.TB, k *kafkatest.Kafka, topic string, want ...string) {
	t.Helper()
	if got := committed(t, k, topic); !slices.Equal(got, want) {
		t.Errorf("readers of committed records see %v, want %v", got, want)
	}
}

func TestATransactionIsSeenWholeOrNotAtAll(t *testing.T) {
	for _, codec := range []sink.Compression{sink.None, sink.LZ4, sink.Zstd} {
		t.Run(fmt.Sprint(codec), func(t *testing.T) {
			k := kafkatest.Start(t, 2)
			one, two := k.Create(t, "one", 2), k.Create(t, "two", 1)
			x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id"), Compression: codec, BatchBytes: 1000})
			ctx := kafkatest.Context(t)
			for round, commit := range []bool{true, false, true, true, false} {
				must(t, x.Begin(ctx))
				for p := range int32(2) {
					_, err := x.Send(ctx, messages(one, p, round*100, 60))
					must(t, err)
				}
				next, err := x.Send(ctx, messages(two, 0, round*100, 10))
				must(t, err)
				if len(next) != 1 || next[sink.TopicPartition{Topic: two}] == 0 {
					t.Errorf("acknowledged %v", next)
				}
				if commit {
					must(t, x.Commit(ctx))
				} else {
					must(t, x.Abort(ctx))
				}
			}
			committed(t, k, one)
			committed(t, k, two)
			want := slices.Concat(wantValues(0, 60), wantValues(200, 60), wantValues(300, 60))
			got := k.Read(t, one)
			if v := valuesOf(got, 1); !slices.Equal(v, want) {
				t.Errorf("partition 1 shows %v", v)
			}
			wantCommitted(t, k, two, slices.Concat(wantValues(0, 10), wantValues(200, 10), wantValues(300, 10))...)
			if e := x.Transactions.Epochs.Load(); e != 1 {
				t.Errorf("%d epochs, want 1 for all", e)
			}
			if c, a := x.Transactions.Committed.Load(), x.Transactions.Aborted.Load(); c != 3 || a != 2 {
				t.Errorf("counted %d committed and %d aborted, want 3 and 2", c, a)
			}
		})
	}
}

// An empty transaction between others asks nobody: asked, the broker would answer for the one before.
func TestAnEmptyTransaction(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	transact(t, x, true, row(topic, "A", "1"))
	transact(t, x, false)
	transact(t, x, true)
	transact(t, x, true, row(topic, "A", "2"))
	wantCommitted(t, k, topic, "1", "2")
}

func TestCallsOutOfTurn(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	ctx := kafkatest.Context(t)
	x, err := sink.NewTransactor(own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	must(t, err)
	want := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	want("begin before open", x.Begin(ctx))
	_, err = x.Recover(ctx)
	want("recover before open", err)
	must(t, x.Open(ctx))
	want("commit before begin", x.Commit(ctx))
	want("abort before begin", x.Abort(ctx))
	want("add before begin", x.AddPartitions(ctx, []sink.TopicPartition{{Topic: topic}}))
	_, err = x.Send(ctx, []sink.Message{row(topic, "A", "1")})
	want("send before begin", err)
	want("offsets before begin", x.SendOffsets(ctx, sink.GroupOffsets{}))
	must(t, x.Begin(ctx))
	want("begin twice", x.Begin(ctx))
	must(t, x.Commit(ctx))
	wantCommitted(t, k, topic)
}

func TestTransactorOptionsReportEveryProblem(t *testing.T) {
	_, err := sink.NewTransactor(nil, sink.TransactorOptions{Timeout: time.Hour, BatchBytes: 5, Compression: 9})
	for _, want := range []string{"transactional id", "1h0m0s", "5 bytes", "compression 9"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not contain %q", err, want)
		}
	}
}

// A step that fails leaves one way out, and the next transaction is not harmed.
func TestARefusedRecordAbortsItsTransactionOnly(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1, map[string]string{"max.message.bytes": "2000"})
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	ctx := kafkatest.Context(t)
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, []sink.Message{row(topic, "A", "1")})
	must(t, err)
	_, err = x.Send(ctx, []sink.Message{row(topic, "big", strings.Repeat("x", 5000))})
	var refused *sink.ErrRefused
	if !errors.As(err, &refused) || refused.FirstKey != `"big"` || outcome(t, err) != sink.Aborted {
		t.Errorf("got %v, want the refusal of an aborted transaction", err)
	}
	if err := x.Commit(ctx); outcome(t, err) != sink.Aborted {
		t.Errorf("commit after a failed step: %v", err)
	}
	must(t, x.Abort(ctx))
	transact(t, x, true, row(topic, "A", "2"))
	wantCommitted(t, k, topic, "2")
}

// member joins a group with the client's own membership.
func member(t *testing.T, k *kafkatest.Kafka, group, topic string) *kafka.Generation {
	t.Helper()
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: group, Brokers: k.Brokers, Topics: []string{topic}, StartOffset: kafka.FirstOffset})
	must(t, err)
	t.Cleanup(func() { _ = g.Close() })
	for ctx := kafkatest.Context(t); ; { // a broker makes the topic of its offsets when it is first asked
		generation, err := g.Next(ctx)
		if err == nil {
			return generation
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// groupOffset waits until a group's offset of partition 1 is the wanted one, which says that all before
// is done, and gives that of partition 0.
func groupOffset(t *testing.T, k *kafkatest.Kafka, group, topic string, fence int64) int64 {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(k.Brokers...), Transport: &kafka.Transport{}}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	for ctx := kafkatest.Context(t); ; {
		answer, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {0, 1}}})
		if err != nil {
			t.Fatal(err)
		}
		offsets := map[int]int64{}
		for _, p := range answer.Topics[topic] {
			offsets[p.Partition] = p.CommittedOffset
		}
		if offsets[1] == fence {
			return offsets[0]
		}
	}
}

func TestOffsetsMoveWithTheirTransaction(t *testing.T) {
	k := kafkatest.Start(t, 2)
	in, out := k.Create(t, "in", 2), k.Create(t, "out", 1)
	group := k.Topic("group")
	g := member(t, k, group, in)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	ctx := kafkatest.Context(t)
	step := func(value string, generation int32, partition int32, next int64) error {
		must(t, x.Begin(ctx))
		_, err := x.Send(ctx, []sink.Message{row(out, "k", value)})
		must(t, err)
		return x.SendOffsets(ctx, sink.GroupOffsets{
			Group: group, Generation: generation, Member: g.MemberID,
			Next: map[sink.TopicPartition]int64{{Topic: in, Partition: partition}: next},
		})
	}
	must(t, step("3", g.ID, 0, 3), x.Commit(ctx))
	must(t, step("7", g.ID, 0, 7), x.Abort(ctx))
	err := step("9", g.ID+5, 0, 9)
	if !errors.Is(err, kafka.IllegalGeneration) || !errors.Is(err, sink.ErrMembership) || outcome(t, err) != sink.Aborted {
		t.Errorf("a generation that is not ours: %v", err)
	}
	if err := x.Commit(ctx); err == nil {
		t.Error("a transaction without its offsets was committed")
	}
	must(t, x.Abort(ctx))
	must(t, step("fence", g.ID, 1, 1), x.Commit(ctx))
	if got := groupOffset(t, k, group, in, 1); got != 3 {
		t.Errorf("the group is at %d, want 3", got)
	}
	wantCommitted(t, k, out, "3", "fence")
}

// A former owner is refused at every call, and nothing that it does is seen.
func TestAFormerOwnerIsFencedAtEveryCall(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic, in := k.Create(t, "rows", 2), k.Create(t, "in", 1)
	c := own(t, k)
	ctx := kafkatest.Context(t)
	late := []sink.Message{row(topic, "late", "zombie")}
	for _, call := range []struct {
		name string
		call func(x *sink.Transactor) error
	}{
		{"add partitions", func(x *sink.Transactor) error {
			return x.AddPartitions(ctx, []sink.TopicPartition{{Topic: topic, Partition: 1}})
		}},
		{"send", func(x *sink.Transactor) error { _, err := x.Send(ctx, late); return err }},
		{"send offsets", func(x *sink.Transactor) error {
			return x.SendOffsets(ctx, sink.GroupOffsets{Group: k.Topic("g"), Generation: -1, Next: map[sink.TopicPartition]int64{{Topic: in}: 1}})
		}},
		{"commit", func(x *sink.Transactor) error { return x.Commit(ctx) }},
		{"abort", func(x *sink.Transactor) error { return x.Abort(ctx) }},
		{"recover", func(x *sink.Transactor) error { _, err := x.Recover(ctx); return err }},
	} {
		id := k.Topic("id-" + call.name)
		former := opened(t, c, sink.TransactorOptions{ID: id})
		transact(t, former, true, row(topic, "k", call.name+" 1"))
		must(t, former.Begin(ctx))
		_, err := former.Send(ctx, []sink.Message{row(topic, "k", "zombie")})
		must(t, err)
		owner := opened(t, c, sink.TransactorOptions{ID: id})
		err = call.call(former)
		if !errors.Is(err, sink.ErrFenced) || outcome(t, err) != sink.Aborted {
			t.Errorf("%s of the former owner: %v", call.name, err)
		}
		for name, err := range map[string]error{"begin": former.Begin(ctx), "commit": former.Commit(ctx)} {
			if !errors.Is(err, sink.ErrFenced) {
				t.Errorf("%s after %s: %v", name, call.name, err)
			}
		}
		transact(t, owner, true, row(topic, "k", call.name+" 2"))
	}
	for _, v := range committed(t, k, topic) {
		if v == "zombie" {
			t.Error("a record of a former owner is seen")
		}
	}
	if n := len(committed(t, k, topic)); n != 12 {
		t.Errorf("%d records are seen, want 2 for each call", n)
	}
}

// A former owner whose answer was lost takes a new epoch, which must not fence the rightful one. The
// in-process broker accepts an old epoch there, Kafka does not.
func TestARenewalDoesNotFenceTheNewOwner(t *testing.T) {
	if !kafkatest.Real() {
		t.Skip("the in-process broker does not compare epochs in InitProducerID")
	}
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	c, id := own(t, k), k.Topic("id")
	former := opened(t, c, sink.TransactorOptions{ID: id})
	transact(t, former, true, row(topic, "k", "1"))
	owner := opened(t, c, sink.TransactorOptions{ID: id})
	if _, err := former.Recover(kafkatest.Context(t)); !errors.Is(err, sink.ErrFenced) {
		t.Errorf("the former owner's renewal: %v", err)
	}
	transact(t, owner, true, row(topic, "k", "2"))
	wantCommitted(t, k, topic, "1", "2")
}

func TestATransactionEndsWithItsContext(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	ctx, cancel := context.WithCancel(kafkatest.Context(t))
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, []sink.Message{row(topic, "A", "1")})
	must(t, err)
	cancel()
	if err := x.Commit(ctx); !errors.Is(err, context.Canceled) || outcome(t, err) != sink.Aborted {
		t.Errorf("a commit that was never sent: %v", err)
	}
	must(t, x.Abort(kafkatest.Context(t)))
	wantCommitted(t, k, topic)
}
