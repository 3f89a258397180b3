package sink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// offsetsOf is a step that moves a group's position without being a member of it.
func offsetsOf(k *kafkatest.Kafka, in string) sink.GroupOffsets {
	return sink.GroupOffsets{Group: k.Topic("g"), Generation: -1, Next: map[sink.TopicPartition]int64{{Topic: in}: 1}}
}

// busy makes the in-process broker answer CONCURRENT_TRANSACTIONS, as Kafka does right after the end of a
// transaction, so many times for a kind of request; below 0 for ever.
func busy(k *kafkatest.Kafka, key kmsg.Key, times int64) *atomic.Int64 {
	var asked atomic.Int64
	k.Fake.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		if n := asked.Add(1); times >= 0 && n > times {
			return nil, nil, false
		}
		return concurrent(r), nil, true
	})
	return &asked
}

// concurrent answers a request with code 51 in the place where its kind has one.
func concurrent(r kmsg.Request) kmsg.Response {
	code := kerr.ConcurrentTransactions.Code
	switch req := r.(type) {
	case *kmsg.InitProducerIDRequest:
		a := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		a.ErrorCode, a.ProducerID, a.ProducerEpoch = code, -1, -1
		return a
	case *kmsg.AddPartitionsToTxnRequest:
		a := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
		for _, t := range req.Topics {
			out := kmsg.AddPartitionsToTxnResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				out.Partitions = append(out.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: p, ErrorCode: code})
			}
			a.Topics = append(a.Topics, out)
		}
		return a
	case *kmsg.AddOffsetsToTxnRequest:
		a := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
		a.ErrorCode = code
		return a
	case *kmsg.TxnOffsetCommitRequest:
		a := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, t := range req.Topics {
			out := kmsg.TxnOffsetCommitResponseTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				out.Partitions = append(out.Partitions, kmsg.TxnOffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code})
			}
			a.Topics = append(a.Topics, out)
		}
		return a
	case *kmsg.EndTxnRequest:
		a := req.ResponseKind().(*kmsg.EndTxnResponse)
		a.ErrorCode = code
		return a
	}
	panic(fmt.Sprintf("%T has no place for a code here", r))
}

func TestABusyCoordinatorIsWaitedFor(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(key.Name(), func(t *testing.T) {
			k := kafkatest.StartFake(t, 1)
			topic, in := k.Create(t, "rows", 1), k.Create(t, "in", 1)
			busy(k, key, 3)
			ctx := kafkatest.Context(t)
			x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
			must(t, x.Begin(ctx))
			_, err := x.Send(ctx, []sink.Message{row(topic, "A", "1")})
			must(t, err, x.SendOffsets(ctx, offsetsOf(k, in)), x.Commit(ctx))
			wantCommitted(t, k, topic, "1")
			if n := x.Transactions.Busy.Load(); n != 3 {
				t.Errorf("counted %d busy answers, want 3", n)
			}
		})
	}
}

// While the coordinator is busy with the transaction before, a record would become part of that one.
func TestNothingIsProducedWhileTheCoordinatorIsBusy(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 1)
	w := newWire()
	x := opened(t, w.cluster(t, k), sink.TransactorOptions{ID: k.Topic("id"), Timeout: 10 * time.Second, Deadline: 200 * time.Millisecond})
	transact(t, x, true, row(topic, "A", "1"))
	asked := busy(k, kmsg.AddPartitionsToTxn, -1)
	ctx := kafkatest.Context(t)
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, []sink.Message{row(topic, "A", "2")})
	if !errors.Is(err, context.DeadlineExceeded) || outcome(t, err) != sink.Aborted {
		t.Errorf("got %v, want an aborted transaction after the deadline", err)
	}
	if n := w.count(protocol.Produce); n != 1 || asked.Load() < 3 {
		t.Errorf("%d produce requests were sent while %d answers said busy", n-1, asked.Load())
	}
}

// Real coordinators are busy for some milliseconds after each end.
func TestTransactionsBackToBack(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	var want []string
	for i := range 40 {
		transact(t, x, i%3 != 2, row(topic, "A", fmt.Sprint(i)))
		if i%3 != 2 {
			want = append(want, fmt.Sprint(i))
		}
	}
	wantCommitted(t, k, topic, want...)
	t.Logf("%d answers said that the transaction before was not complete", x.Transactions.Busy.Load())
	if kafkatest.Real() && x.Transactions.Busy.Load() == 0 {
		t.Error("the broker was never busy: this run shows nothing about it")
	}
}

// Every kind of request is lost once, and its answer once: the transaction comes through, once, and the
// next one has an epoch of its own.
func TestALostRequestOrAnswerIsOutlasted(t *testing.T) {
	for _, key := range []protocol.ApiKey{
		protocol.AddPartitionsToTxn, protocol.Produce, protocol.AddOffsetsToTxn, protocol.TxnOffsetCommit, protocol.EndTxn,
	} {
		for _, lost := range []string{"request", "answer"} {
			t.Run(fmt.Sprintf("%s of %s", lost, key), func(t *testing.T) {
				k := kafkatest.Start(t, 1)
				topic, in := k.Create(t, "rows", 1), k.Create(t, "in", 1)
				w := newWire()
				x := opened(t, w.cluster(t, k), sink.TransactorOptions{ID: k.Topic("id")})
				transact(t, x, true, row(topic, "A", "0"))
				ctx := kafkatest.Context(t)
				for i, commit := range []bool{true, false, true} {
					if lost == "request" {
						w.lose(key, 1, 0)
					} else {
						w.lose(key, 0, 1)
					}
					must(t, x.Begin(ctx))
					_, err := x.Send(ctx, []sink.Message{row(topic, "A", fmt.Sprint(i+1))})
					must(t, err, x.SendOffsets(ctx, offsetsOf(k, in)))
					if commit {
						must(t, x.Commit(ctx))
					} else {
						must(t, x.Abort(ctx))
					}
				}
				transact(t, x, true, row(topic, "A", "4"))
				wantCommitted(t, k, topic, "0", "1", "3", "4")
				if e := x.Transactions.Epochs.Load(); e != 4 {
					t.Errorf("%d epochs, want one and one more after each of 3 losses", e)
				}
			})
		}
	}
}

func TestALostAnswerToOpenIsOutlasted(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	w := newWire()
	w.lose(protocol.InitProducerId, 1, 1)
	x := opened(t, w.cluster(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	transact(t, x, true, row(topic, "A", "1"))
	w.lose(protocol.InitProducerId, 0, 1)
	if was, err := x.Recover(kafkatest.Context(t)); was != sink.Committed || err != nil {
		t.Errorf("recovered %s (%v), want committed", was, err)
	}
	transact(t, x, true, row(topic, "A", "2"))
	wantCommitted(t, k, topic, "1", "2")
}

// No answer within the deadline: what the error says is certain, and Recover finds out the rest.
func TestAnOutcomeThatIsNotAnswered(t *testing.T) {
	const all = -1
	for _, test := range []struct {
		name              string
		key               protocol.ApiKey
		requests, answers int
		says, recovered   sink.Outcome
		want              []string
	}{
		{"no commit arrives", protocol.EndTxn, all, 0, sink.Unknown, sink.Aborted, []string{"2"}},
		{"no answer to a commit", protocol.EndTxn, 0, all, sink.Unknown, sink.Committed, []string{"1", "2"}},
		{"no record arrives", protocol.Produce, all, 0, sink.Aborted, sink.Aborted, []string{"2"}},
		{"no answer to a record", protocol.Produce, 0, all, sink.Aborted, sink.Aborted, []string{"2"}},
		{"no partition is added", protocol.AddPartitionsToTxn, all, 0, sink.Aborted, sink.Aborted, []string{"2"}},
		{"no answer to a partition", protocol.AddPartitionsToTxn, 0, all, sink.Aborted, sink.Aborted, []string{"2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := kafkatest.Start(t, 1)
			topic := k.Create(t, "rows", 1)
			w := newWire()
			x := opened(t, w.cluster(t, k), sink.TransactorOptions{ID: k.Topic("id"), Timeout: 30 * time.Second, Deadline: time.Second})
			ctx := kafkatest.Context(t)
			must(t, x.Begin(ctx))
			w.lose(test.key, test.requests, test.answers)
			_, err := x.Send(ctx, []sink.Message{row(topic, "A", "1")})
			if err == nil {
				err = x.Commit(ctx)
			}
			if !errors.Is(err, context.DeadlineExceeded) || outcome(t, err) != test.says {
				t.Errorf("got %v, want %s after the deadline", err, test.says)
			}
			if err := x.Begin(ctx); err == nil {
				t.Error("the next transaction begins before this one is settled")
			}
			w.lose(test.key, 0, 0)
			if was, err := x.Recover(ctx); was != test.recovered || err != nil {
				t.Errorf("recovered %s (%v), want %s", was, err, test.recovered)
			}
			transact(t, x, true, row(topic, "A", "2"))
			wantCommitted(t, k, topic, test.want...)
		})
	}
}

// The commit was sent and not answered, then another process took the id: only the marker can tell.
func TestAnUnknownCommitOfAFormerOwner(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		k := kafkatest.Start(t, 1)
		topic := k.Create(t, "rows", 1)
		w := newWire()
		o := sink.TransactorOptions{ID: k.Topic("id"), Timeout: 30 * time.Second, Deadline: time.Second}
		x := opened(t, w.cluster(t, k), o)
		ctx := kafkatest.Context(t)
		must(t, x.Begin(ctx))
		_, err := x.Send(ctx, []sink.Message{row(topic, "A", "marker")})
		must(t, err)
		w.lose(protocol.EndTxn, -1, 0)
		want := []string(nil)
		if arrives {
			w.lose(protocol.EndTxn, 0, -1)
			want = []string{"marker"}
		}
		if err := x.Commit(ctx); outcome(t, err) != sink.Unknown {
			t.Errorf("the commit: %v", err)
		}
		w.lose(protocol.EndTxn, 0, 0)
		opened(t, own(t, k), o)
		if was, err := x.Recover(ctx); was != sink.Unknown || !errors.Is(err, sink.ErrFenced) {
			t.Errorf("recovered %s (%v), want unknown and fenced", was, err)
		}
		if got := committed(t, k, topic); !slices.Equal(got, want) {
			t.Errorf("the marker's topic shows %v, want %v", got, want)
		}
	}
}

func TestTransactionsFollowAMovedCoordinator(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "rows", 1)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	ctx := kafkatest.Context(t)
	nodes := map[int32]bool{}
	var want []string
	for i := 0; i < 8 || len(nodes) < 2; i++ {
		want = append(want, fmt.Sprint(i))
		must(t, x.Begin(ctx))
		_, err := x.Send(ctx, []sink.Message{row(topic, "A", fmt.Sprint(i))})
		must(t, err)
		k.Fake.RehashCoordinators()
		nodes[k.Fake.CoordinatorFor(k.Topic("id"))] = true
		must(t, x.Commit(ctx))
	}
	wantCommitted(t, k, topic, want...)
}

// Codes inside an answer are looked at, partition by partition.
func TestARefusalInsideAnAnswerAborts(t *testing.T) {
	for _, fault := range []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.AddPartitionsToTxn}, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed},
		{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.GroupAuthorizationFailed},
		{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.TopicAuthorizationFailed},
		// Outside of transactions this one is answered with a producer id of one's own, here it must not be.
		{Keys: []kmsg.Key{kmsg.Produce}, Partitions: []int32{1}, Err: kerr.UnknownProducerID},
	} {
		t.Run(fault.Keys[0].Name()+" "+fault.Err.Message, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1)
			topic, in := k.Create(t, "rows", 2), k.Create(t, "in", 1)
			x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
			ctx := kafkatest.Context(t)
			k.Fake.Fault(fault)
			must(t, x.Begin(ctx))
			other := row(topic, "B", "1")
			other.Partition = 1
			_, err := x.Send(ctx, []sink.Message{row(topic, "A", "1"), other})
			if err == nil {
				err = x.SendOffsets(ctx, offsetsOf(k, in))
			}
			if err == nil || outcome(t, err) != sink.Aborted {
				t.Errorf("got %v, want a refusal", err)
			}
			must(t, x.Abort(ctx))
			transact(t, x, true, row(topic, "A", "2"))
			wantCommitted(t, k, topic, "2")
		})
	}
}

// A broker that gives no producer id gives no transaction.
func TestANegativeProducerIDIsRefused(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	k.Fake.ControlKey(int16(kmsg.InitProducerID), func(r kmsg.Request) (kmsg.Response, error, bool) {
		a := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		a.ProducerID, a.ProducerEpoch = -1, -1
		return a, nil, true
	})
	x, err := sink.NewTransactor(own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	must(t, err)
	if err := x.Open(kafkatest.Context(t)); err == nil {
		t.Error("producer id -1 is taken")
	}
	if err := x.Begin(kafkatest.Context(t)); err == nil {
		t.Error("a transaction begins without an id")
	}
}

// Where brokers give no transactions, the error says what to do about it.
func TestWhereThereAreNoTransactions(t *testing.T) {
	for _, c := range []struct {
		key    kmsg.Key
		answer func(r kmsg.Request) kmsg.Response
		remedy string
	}{
		{kmsg.InitProducerID, func(r kmsg.Request) kmsg.Response {
			a := r.ResponseKind().(*kmsg.InitProducerIDResponse)
			a.ErrorCode, a.ProducerID, a.ProducerEpoch = kerr.TransactionalIDAuthorizationFailed.Code, -1, -1
			return a
		}, "allow Write and Describe on transactional ids"},
		{kmsg.FindCoordinator, func(r kmsg.Request) kmsg.Response {
			a := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
			a.ErrorCode, a.NodeID = kerr.CoordinatorNotAvailable.Code, -1
			return a
		}, "transaction.state.log.replication.factor"},
	} {
		k := kafkatest.StartFake(t, 1)
		k.Fake.ControlKey(int16(c.key), func(r kmsg.Request) (kmsg.Response, error, bool) {
			k.Fake.KeepControl()
			return c.answer(r), nil, true
		})
		x, err := sink.NewTransactor(own(t, k), sink.TransactorOptions{ID: k.Topic("id"), Deadline: 200 * time.Millisecond})
		must(t, err)
		if err := x.Open(kafkatest.Context(t)); err == nil || !strings.Contains(err.Error(), c.remedy) || !strings.Contains(err.Error(), "output.delivery: at_least_once") {
			t.Errorf("%v, want a word on %q", err, c.remedy)
		}
	}
}
