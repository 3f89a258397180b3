package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// until runs intake until enough says so, which is asked after each of its counts.
func (w *world) until(change func(*Options), enough func(*progress) bool) error {
	w.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	p, o := newProgress(), w.options()
	change(&o)
	var mu sync.Mutex
	o.Observe = func(c Count) {
		mu.Lock()
		defer mu.Unlock()
		if p.observe(c); enough(p) {
			stop()
		}
	}
	err := Run(ctx, o)
	if ctx.Err() == context.DeadlineExceeded {
		w.t.Fatal("it did not get there within a minute")
	}
	return err
}

var errCrash = errors.New("crash")

// points are all places at which a run can be ended.
var points = []string{"opening", "opened", "fetched", "begun", "sent", "positioned", "committed"}

// Wherever it is killed, each record is there once.
func TestCrashesLeaveEachRecordOnce(t *testing.T) {
	w := newWorld(t, 3)
	written := 0
	for i, point := range slices.Concat(points, points) {
		for p := range int32(3) {
			w.charges(p, written, 20)
		}
		written += 20
		passes := 0
		var mu sync.Mutex
		err := w.until(func(o *Options) {
			o.FetchBytes = 1
			o.Step = func(at string) error {
				mu.Lock()
				defer mu.Unlock()
				if at == point {
					if passes++; passes > i/len(points) {
						return errCrash
					}
				}
				return nil
			}
		}, func(*progress) bool { return false })
		if !errors.Is(err, errCrash) {
			t.Fatalf("at %q: %v", point, err)
		}
	}
	w.run()
	w.onceEach(3 * written)
}

// A stop at any step is one in order: what was begun is finished, and the group is left.
func TestGracefulStop(t *testing.T) {
	w := newWorld(t, 2)
	for i, point := range points {
		w.charges(0, 10*i, 10)
		w.charges(1, 10*i, 10)
		ctx, stop := context.WithCancel(kafkatest.Context(t))
		o := w.options()
		o.Step = func(at string) error {
			if at == point {
				stop()
			}
			return nil
		}
		if err := Run(ctx, o); err != nil || ctx.Err() == nil {
			t.Fatalf("stopped at %q: %v", point, err)
		}
		if members := w.members(); members != 0 {
			t.Errorf("stopped at %q: %d members are left in the group", point, members)
		}
	}
	w.run()
	w.onceEach(2 * 10 * len(points))
}

// members is how many the group has.
func (w *world) members() int {
	w.t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{GroupOf(w.group)}
	c := w.kafka.Client(w.t)
	defer c.Close()
	answer, err := req.RequestWith(kafkatest.Context(w.t), c)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(answer.Groups[0].Members)
}

// Two instances share the partitions, one after the other goes, and each record is there once.
func TestInstancesComeAndGo(t *testing.T) {
	w := newWorld(t, 4)
	p := newProgress()
	start := func() (stop func()) {
		ctx, cancel := context.WithCancel(kafkatest.Context(t))
		o := w.options()
		o.Observe = p.observe
		ended := make(chan error, 1)
		go func() { ended <- Run(ctx, o) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("an instance ended with %v", err)
			}
		}
	}
	written := 0
	write := func() {
		for i := range int32(4) {
			w.charges(i, written, 50)
		}
		written += 50
	}
	await := func() {
		t.Helper()
		for ctx, ends := kafkatest.Context(t), w.ends(); !p.reached(ends); {
			select {
			case <-ctx.Done():
				t.Fatal("not everything was copied within a minute")
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	write()
	first := start()
	await()
	second := start()
	for range 10 { // while the group shares the partitions out anew
		write()
	}
	await()
	third := start()
	write()
	first()
	write()
	await()
	second()
	write()
	await()
	third()
	w.onceEach(4 * written)
}

// asLane is a lane of the source's first partition as an owner of a generation has it.
func (w *world) asLane(g *consumer.Generation, step func(string) error) *lane {
	w.t.Helper()
	o := w.options()
	o.Step = step
	o, err := o.withDefaults()
	if err != nil {
		w.t.Fatal(err)
	}
	s := &session{options: &o, generation: g, lasting: kafkatest.Context(w.t), gone: map[string]bool{}}
	if _, err := s.describe(s.lasting); err != nil {
		w.t.Fatal(err)
	}
	l, err := s.lane(consumer.TopicPartition{Topic: w.source}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := l.open(s.lasting); err != nil {
		w.t.Fatal(err)
	}
	return l
}

// fetch is everything behind the lane's position.
func (w *world) fetch(l *lane) *consumer.Batch {
	w.t.Helper()
	f := consumer.NewFetcher(w.cluster, consumer.FetcherOptions{})
	batches, err := f.Fetch(kafkatest.Context(w.t), []consumer.Position{l.Position})
	if err != nil || len(batches) != 1 || batches[0].Err != nil {
		w.t.Fatal(err, batches)
	}
	return &batches[0]
}

// join is a generation of the group with one member.
func (w *world) join() (g *consumer.Generation, leave func()) {
	w.t.Helper()
	m, err := consumer.NewMember(w.t.Context(), w.cluster, consumer.MemberOptions{Group: GroupOf(w.group), Topics: []string{w.source}})
	if err != nil {
		w.t.Fatal(err)
	}
	leave = sync.OnceFunc(func() { _ = m.Close(kafkatest.Context(w.t)) })
	w.t.Cleanup(leave)
	if g, err = m.Next(kafkatest.Context(w.t)); err != nil {
		w.t.Fatal(err)
	}
	return g, leave
}

// An owner that sleeps at any step while another one takes over adds nothing when it wakes up: not when
// it knows that its generation is over, nor when it does not.
func TestASlowFormerOwnerAddsNothing(t *testing.T) {
	for _, point := range []string{"begun", "sent", "positioned"} {
		for _, knows := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, knows %v", point, knows), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 1)
				w.charges(0, 0, 10)
				old, leave := w.join()
				takeOver := func() {
					if knows {
						leave()
					}
				}
				var heir *lane
				slow := w.asLane(old, func(at string) error {
					if at != point || heir != nil {
						return nil
					}
					takeOver()
					g := old
					if knows {
						g, _ = w.join()
					}
					heir = w.asLane(g, func(string) error { return nil })
					return heir.copy(t.Context(), w.fetch(heir))
				})
				err := slow.copy(t.Context(), w.fetch(slow))
				if knows && !errors.Is(err, errNotOurs) || !knows && err != nil {
					t.Fatalf("the former owner ended with %v", err)
				}
				w.onceEach(10)
				w.charges(0, 10, 10)
				if err := heir.copy(t.Context(), w.fetch(heir)); err != nil {
					t.Fatal(err)
				}
				w.onceEach(20)
			})
		}
	}
}

// A member whose generation is over cannot move the position, though it still has the id.
func TestAnEndedGenerationMovesNothing(t *testing.T) {
	w := newWorld(t, 1)
	w.charges(0, 0, 10)
	g, leave := w.join()
	l := w.asLane(g, func(string) error { return nil })
	leave()
	w.join()
	if err := l.copy(t.Context(), w.fetch(l)); !errors.Is(err, errNotOurs) {
		t.Fatalf("got %v", err)
	}
	if n := len(w.copies()); n != 0 {
		t.Errorf("%d records were copied", n)
	}
	leave()
}

// Whatever answer is lost, once or again and again: each record is there once.
func TestLostAnswersDoubleNothing(t *testing.T) {
	kinds := []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.OffsetFetch}
	for _, times := range []int{1, 3} {
		for _, key := range kinds {
			t.Run(fmt.Sprint(key.Name(), " ", times), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 2)
				lossy := &wire{lose: map[int16]int{int16(key): times}}
				w.cluster = lossy.cluster(t, w.kafka)
				w.charges(0, 0, 30)
				w.charges(1, 0, 30)
				w.run()
				if lossy.lost != times {
					t.Errorf("%d answers were lost", lossy.lost)
				}
				w.onceEach(60)
				w.charges(0, 30, 30)
				w.run()
				w.onceEach(90)
			})
		}
	}
}

// A position that has expired is had from its witness, and nothing is copied twice.
func TestExpiredPositions(t *testing.T) {
	w := newWorld(t, 2)
	w.charges(0, 0, 10)
	w.charges(1, 0, 10)
	w.run()
	w.forget()
	w.charges(1, 10, 10)
	w.run()
	w.onceEach(30)
}

// Without a witness, too, it begins at the start of the log, never at its end: copied twice is counted
// once, and left out would be lost.
func TestExpiredPositionsWithoutAWitness(t *testing.T) {
	w := newWorld(t, 1)
	w.charges(0, 0, 10)
	w.run()
	w.forget()
	w.kafka.Delete(t, w.kafka.Topic("intake"))
	w.kafka.Create(t, "intake", WitnessPartitions, kafkatest.AppendTime)
	w.charges(0, 10, 10)
	w.run()
	origins := map[string]int{}
	for _, r := range w.copies() {
		origins[r.origin()]++
	}
	if len(origins) != 20 || origins[w.source+"/0:0"] != 2 || origins[w.source+"/0:19"] != 1 {
		t.Errorf("copied are %v", origins)
	}
}

// What must not be gone over ends the copying, with what a person has to know, until one has decided.
func TestHalts(t *testing.T) {
	var gap *consumer.ErrGap
	var lost *LostStartError
	var changed *consumer.ErrTopicChanged
	var diverged *consumer.ErrDiverged
	cases := []struct {
		name   string
		breaks func(w *world)
		kind   any
		says   []string
		events int // that are copied once a person has set the position
	}{
		{"retention passed the position", func(w *world) {
			w.charges(0, 10, 10)
			w.kafka.DeleteRecords(t, w.source, 0, 15)
		}, &gap, []string{"lost offsets [10,15)"}, 15},
		{"the source was created again, and is longer", func(w *world) {
			w.kafka.Delete(t, w.source)
			w.kafka.Create(t, "orders", 1, kafkatest.AppendTime)
			w.charges(0, 100, 20)
		}, &changed, []string{"was recreated", "position 10 of"}, 30},
		{"the log was cut and written anew", func(w *world) {
			w.resetWith(0, 10, `{"seen":-1,"offset":0,"leader_epoch":0,"crc":17}`)
		}, &diverged, []string{"in front of our position 10 is not what was read", "CRC 00000011"}, 10},
		{"the copies were created again", func(w *world) {
			w.kafka.Delete(t, w.kafka.Topic("events"))
			w.kafka.Create(t, "events", 2, kafkatest.AppendTime)
		}, &changed, []string{"events was recreated"}, 10},
		{"the beginning is gone before anything was copied", func(w *world) {
			w.kafka.Create(t, "other", 1, kafkatest.AppendTime)
			w.source = w.kafka.Topic("other")
			w.charges(0, 50, 10)
			w.kafka.DeleteRecords(t, w.source, 0, 4)
		}, &lost, []string{"begins at offset 4", "offsets [0,4) are gone"}, 16},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.charges(0, 0, 10)
			w.run()
			c.breaks(w)
			before := len(w.copies())
			for range 2 {
				_, err := w.try()
				if !errors.As(err, c.kind) {
					t.Fatalf("got %v", err)
				}
				for _, text := range c.says {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("the error does not say %q: %v", text, err)
					}
				}
			}
			if n := len(w.copies()); n != before {
				t.Errorf("%d records were copied", n-before)
			}
			starts, err := consumer.StartOffsets(kafkatest.Context(t), w.kafka.Cluster, []consumer.TopicPartition{{Topic: w.source}})
			if err != nil {
				t.Fatal(err)
			}
			w.reset(0, starts[consumer.TopicPartition{Topic: w.source}])
			w.run()
			seen := map[string]bool{}
			for _, r := range w.copies() {
				seen[r.value] = true
			}
			if len(seen) != c.events {
				t.Errorf("%d events were copied, want %d", len(seen), c.events)
			}
		})
	}
}

// What was fetched for a position that the lane has left is void.
func TestAVoidFetch(t *testing.T) {
	w := newWorld(t, 1)
	w.charges(0, 0, 10)
	g, leave := w.join()
	l := w.asLane(g, func(string) error { return nil })
	b := *w.fetch(l)
	s := &session{options: l.options, generation: g, lasting: l.lasting, lanes: []*lane{l}}
	l.Next = 5 // somebody else has moved the position
	got := fetched{asked: map[consumer.TopicPartition]int64{l.TopicPartition: 0}, batches: []consumer.Batch{b}}
	if at := s.positions(&got); len(at) != 1 || at[0].Next != 5 {
		t.Errorf("the next fetch is from %+v", at)
	}
	if err := s.copy(t.Context(), &got); err != nil || l.Next != 5 || len(w.copies()) != 0 {
		t.Errorf("%d records were copied, the position is %d (%v)", len(w.copies()), l.Next, err)
	}
	leave()
}

// A record that the topic of the copies refuses ends the copying with its key.
func TestARefusedRecord(t *testing.T) {
	w := newWorld(t, 1)
	w.kafka.Create(t, "narrow", 2, kafkatest.AppendTime, map[string]string{"max.message.bytes": "200"})
	w.change = func(o *Options) { o.Events = w.kafka.Topic("narrow") }
	w.charges(0, 0, 1)
	_, err := w.try()
	var refused *sink.ErrRefused
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "acme-0") {
		t.Errorf("got %v", err)
	}
}
