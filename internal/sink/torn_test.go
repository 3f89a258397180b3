package sink_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// A torn transaction is one of which readers see a part, or that they see although it was aborted. These
// are the two ways to get one from a healthy broker, each with a naive client that gets it.

// Right after the end of a transaction Kafka answers CONCURRENT_TRANSACTIONS to the next one's first
// request. Who goes on regardless writes into the old transaction, whose commit is still on its way. The
// in-process broker completes transactions at once; slowMarkers makes it as slow as Kafka.
func TestABusyAnswerThatIsIgnoredTearsTransactions(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	theirs, ours := k.Create(t, "theirs", 1), k.Create(t, "ours", 1)
	s := newSlowMarkers(t, k)
	n := newNaive(t, k, newWire())
	n.ignoreBusy = true
	must(t, n.write(theirs, "commit"), n.end(true))
	must(t, n.write(theirs, "abort"))
	if err := n.end(false); !errors.Is(err, kafka.ConcurrentTransactions) {
		t.Errorf("the naive client's abort: %v", err)
	}
	s.complete()
	if got := committed(t, k, theirs); !slices.Equal(got, []string{"commit", "abort"}) {
		t.Errorf("the naive client shows %v: want both, though it aborted the second", got)
	}

	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	transact(t, x, true, row(ours, "k", "commit"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 { // the first marker lands after 3 busy answers to the second transaction
			select {
			case <-s.busy:
			case <-kafkatest.Context(t).Done():
				t.Error("the second transaction did not wait for the first")
				return
			}
		}
		s.complete()
	}()
	ctx := kafkatest.Context(t)
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, []sink.Message{row(ours, "k", "abort")})
	must(t, err, x.Abort(ctx))
	<-done
	s.complete()
	wantCommitted(t, k, ours, "commit")
}

// Kafka itself, where it is a matter of milliseconds whether the naive client tears its transactions: how
// often it did is logged. Ours never does.
func TestTransactionsAreNotTornByKafka(t *testing.T) {
	if !kafkatest.Real() {
		t.Skip("the in-process broker completes transactions at once")
	}
	k := kafkatest.Start(t, 1)
	theirs, ours := k.Create(t, "theirs", 1), k.Create(t, "ours", 1)
	n := newNaive(t, k, newWire())
	for range 50 {
		n.ignoreBusy = false
		must(t, n.write(theirs, "commit"), n.end(true))
		n.ignoreBusy = true
		_, _ = n.write(theirs, "abort"), n.end(false)
	}
	newNaive(t, k, newWire()) // ends what is open
	torn := 0
	for _, v := range committed(t, k, theirs) {
		if v == "abort" {
			torn++
		}
	}
	t.Logf("the naive client shows %d of 50 records that it aborted", torn)
	x := opened(t, own(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	var want []string
	for i := range 50 {
		transact(t, x, true, row(ours, "k", fmt.Sprint("commit ", i)))
		transact(t, x, false, row(ours, "k", fmt.Sprint("abort ", i)))
		want = append(want, fmt.Sprint("commit ", i))
	}
	wantCommitted(t, k, ours, want...)
}

// slowMarkers makes the in-process broker end transactions as Kafka does: the answer comes at once, the
// markers come later, and until then the coordinator is busy. complete brings the markers.
type slowMarkers struct {
	t       *testing.T
	k       *kafkatest.Kafka
	busy    chan struct{} // one for each busy answer to AddPartitionsToTxn
	pending atomic.Pointer[kmsg.EndTxnRequest]
	landing atomic.Bool
}

func newSlowMarkers(t *testing.T, k *kafkatest.Kafka) *slowMarkers {
	s := &slowMarkers{t: t, k: k, busy: make(chan struct{}, 1000)}
	k.Fake.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		switch {
		case s.landing.Load():
			return nil, nil, false
		case s.pending.Load() != nil:
			return concurrent(r), nil, true
		}
		req := *r.(*kmsg.EndTxnRequest)
		s.pending.Store(&req)
		return r.ResponseKind(), nil, true
	})
	k.Fake.ControlKey(int16(kmsg.AddPartitionsToTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		if s.pending.Load() == nil {
			return nil, nil, false
		}
		s.busy <- struct{}{}
		return concurrent(r), nil, true
	})
	return s
}

func (s *slowMarkers) complete() {
	req := s.pending.Load()
	if req == nil {
		return
	}
	s.landing.Store(true)
	transport := &kafka.Transport{}
	client := &kafka.Client{Addr: kafka.TCP(s.k.Brokers...), Transport: transport} // of a version without new epochs
	r, err := client.EndTxn(kafkatest.Context(s.t), &kafka.EndTxnRequest{
		TransactionalID: req.TransactionalID, ProducerID: int(req.ProducerID), ProducerEpoch: int(req.ProducerEpoch), Committed: req.Commit,
	})
	if err != nil || r.Error != nil {
		s.t.Errorf("the markers do not land: %v, %v", r, err)
	}
	transport.CloseIdleConnections()
	s.pending.Store(nil)
	s.landing.Store(false)
}

// The request that ends a transaction is late, its repetition is answered, and the next transaction begins.
// Under the same epoch the late request ends that one.
func TestALateEndDoesNotEndTheNextTransaction(t *testing.T) {
	k := kafkatest.Start(t, 1)
	theirs, ours := k.Create(t, "theirs", 1), k.Create(t, "ours", 1)

	w := newWire()
	n := newNaive(t, k, w)
	must(t, n.write(theirs, "1"))
	release := w.hold(protocol.EndTxn)
	must(t, n.end(true)) // its repetition
	must(t, n.write(theirs, "2"))
	release() // the late one arrives
	if err := n.end(false); err == nil {
		t.Error("the naive client's abort was accepted: the late commit did not arrive")
	}
	if got := committed(t, k, theirs); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the naive client shows %v: want both, though it aborted the second", got)
	}

	w = newWire()
	x := opened(t, w.cluster(t, k), sink.TransactorOptions{ID: k.Topic("id")})
	ctx := kafkatest.Context(t)
	must(t, x.Begin(ctx))
	_, err := x.Send(ctx, []sink.Message{row(ours, "k", "1")})
	must(t, err)
	release = w.hold(protocol.EndTxn)
	must(t, x.Commit(ctx), x.Begin(ctx))
	_, err = x.Send(ctx, []sink.Message{row(ours, "k", "2")})
	must(t, err)
	release()
	must(t, x.Abort(ctx))
	wantCommitted(t, k, ours, "1")
}
