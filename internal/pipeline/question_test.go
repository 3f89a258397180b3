package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// While the service works, any number of readers get explanations that add up, each of an account as
// of one flush; the race detector watches.
func TestQuestionsWhileRunning(t *testing.T) {
	w := newWorld(t, 2)
	records := companyEvents(t, 600, "light")
	w.write(records)
	var accounts []string
	for _, r := range records {
		accounts = append(accounts, string(r.Key))
	}
	slices.Sort(accounts)
	accounts = slices.Compact(accounts)
	o := w.options()
	o.Questions = NewQuestions()
	if _, err := o.Questions.Explain(t.Context(), accounts[0], nil); !errors.Is(err, ErrNotReady) {
		t.Errorf("before the start: %v", err)
	}
	within, _ := aggregate.IntervalNamed("2025")
	ctx, enough := context.WithTimeout(t.Context(), time.Minute)
	defer enough()
	var told, months atomic.Int64
	ready := make(chan struct{})
	readyOnce := sync.OnceFunc(func() { close(ready) })
	var readers sync.WaitGroup
	for reader := range 3 {
		readers.Go(func() {
			select {
			case <-ready:
			case <-ctx.Done():
			}
			for n := reader; ctx.Err() == nil; n++ {
				interval := &within
				if n%2 == 0 {
					interval = nil
				}
				e, err := o.Questions.Explain(ctx, accounts[n%len(accounts)], interval)
				switch {
				case errors.Is(err, ErrNotReady) && told.Load() > 0 || errors.Is(err, ErrBusy) && ctx.Err() != nil:
					return // the service has ended
				case err != nil:
					t.Errorf("%s: %v", accounts[n%len(accounts)], err)
					return
				default:
					if problem := addsUp(e, interval != nil); problem != "" {
						t.Errorf("%s: %s", e.Account, problem)
						return
					}
					told.Add(1)
					months.Add(int64(len(e.Rows)))
				}
			}
		})
	}
	err := w.runUntil(o, func(s Status) bool {
		if s.Ready() {
			readyOnce()
		}
		return told.Load() > 30
	})
	if err != nil || ctx.Err() != nil {
		t.Fatal(err, ctx.Err())
	}
	if _, err := o.Questions.Explain(t.Context(), accounts[0], nil); !errors.Is(err, ErrNotReady) {
		t.Errorf("after the end: %v", err)
	}
	enough()
	readers.Wait()
	if months.Load() == 0 {
		t.Error("no movement was explained")
	}
	w.compare()
}

func addsUp(e *aggregate.Explanation, partly bool) string {
	sum := e.Booked
	for i := range e.Rows {
		sum = sum.Add(e.Rows[i].Change)
		for _, ref := range e.Rows[i].Events {
			if !ref.Position.IsKnown() {
				return fmt.Sprintf("event %s has no position", ref.ID)
			}
		}
	}
	if sum != e.Closing || !partly && sum != e.MRR {
		return fmt.Sprintf("the rows lead to %s, it closes at %s, the MRR is %s", sum, e.Closing, e.MRR)
	}
	return ""
}

// askedSession is a session of one of two shards that knows the account that it is given.
func askedSession(t *testing.T, account string) *session {
	t.Helper()
	o := Options{Core: testCore(), Questions: NewQuestions()}
	own := sink.Partition([]byte(account), 2)
	s := &session{pipeline: &pipeline{options: o, partitions: 2}, byNumber: map[int32]*shard{}}
	one, err := newShard(own, 2, &s.options, 1)
	if err != nil {
		t.Fatal(err)
	}
	one.sources = []*source{{Position: consumer.Position{Next: 1}, endAtStart: 1}}
	s.shards, s.byNumber[int32(own)] = []*shard{one}, one //nolint:gosec // 0 or 1
	one.state.Apply(&event.Event{ID: "e", Source: "s", Subject: account, Type: event.TypeAccountErased})
	one.state.Flush()
	return s
}

// ask puts a question and lets the session answer it.
func (s *session) ask(ctx context.Context, account string) (e *aggregate.Explanation, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		e, err = s.options.Questions.Explain(ctx, account, nil)
	}()
	for {
		s.answerQuestions()
		select {
		case <-done:
			return e, err
		default:
			runtime.Gosched()
		}
	}
}

// idsOf are ids like one, of the wanted shard of two.
func idsOf(prefix string, shard, n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprintf("%s%02d", prefix, i); sink.Partition([]byte(id), 2) == shard {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestQuestionsAreRefused(t *testing.T) {
	known := idsOf("account", 0, 1)[0]
	s := askedSession(t, known)
	defer s.options.Questions.open()()
	if e, err := s.ask(t.Context(), known); err != nil || e.Account != known {
		t.Fatal(e, err)
	}
	var unknown *UnknownAccountError
	missing := idsOf("account", 0, 3)[2]
	if _, err := s.ask(t.Context(), missing); !errors.As(err, &unknown) || !slices.Equal(unknown.Nearest, []string{known}) ||
		!strings.Contains(err.Error(), `nearest ids are "`+known) {
		t.Errorf("an unknown account: %v", err)
	}
	if _, err := s.ask(t.Context(), idsOf("account", 1, 1)[0]); !errors.Is(err, ErrElsewhere) {
		t.Errorf("an account of another shard: %v", err)
	}
	s.shards[0].sources[0].endAtStart = 2
	if _, err := s.ask(t.Context(), missing); !errors.Is(err, ErrNotReady) {
		t.Errorf("an account that may still come: %v", err)
	}
	if _, err := s.ask(t.Context(), known); err != nil {
		t.Errorf("a known account while catching up: %v", err)
	}
}

// The queue is bounded, a reader who went away costs nothing, and a session that ends leaves nobody
// waiting.
func TestQuestionsAreBounded(t *testing.T) {
	account := idsOf("account", 0, 1)[0]
	s := askedSession(t, account)
	q := s.options.Questions
	end := q.open()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for range questionsWaiting {
		if _, err := q.Explain(gone, account, nil); !errors.Is(err, ErrBusy) {
			t.Fatalf("who went away has an answer: %v", err)
		}
	}
	if _, err := q.Explain(t.Context(), account, nil); !errors.Is(err, ErrBusy) {
		t.Fatalf("there is no end to the queue: %v", err)
	}
	for range questionsWaiting/questionsPerFlush + 1 {
		s.answerQuestions()
	}
	if len(q.waiting) > 0 {
		t.Fatalf("%d questions are left", len(q.waiting))
	}
	answers := make(chan error, 3)
	for range cap(answers) {
		go func() { _, err := q.Explain(t.Context(), account, nil); answers <- err }()
	}
	for len(q.waiting) < cap(answers) {
		runtime.Gosched()
	}
	end()
	for range cap(answers) {
		if err := <-answers; !errors.Is(err, ErrNotReady) {
			t.Errorf("left behind by the session: %v", err)
		}
	}
}
