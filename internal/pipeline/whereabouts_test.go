package pipeline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/sink"
)

// The group is asked once in a while, however many readers ask; nobody is led to an address of before a rebalance.
func TestWhereaboutsAreAskedSeldom(t *testing.T) {
	now, asked := time.Unix(0, 0), 0
	answer := func() (map[int32]string, bool, error) { return map[int32]string{0: "http://a", 1: ""}, true, nil }
	w := newWhereabouts(func(context.Context) (map[int32]string, bool, error) {
		asked++
		return answer()
	}, func() time.Time { return now })
	is := func(shard int, address string, known bool) {
		t.Helper()
		if gotAddress, gotKnown := w.of(t.Context(), shard); gotAddress != address || gotKnown != known {
			t.Errorf("shard %d: %q %t, want %q %t", shard, gotAddress, gotKnown, address, known)
		}
	}
	for range 10 {
		is(0, "http://a", true)
		is(1, "", true)
		is(2, "", false)
	}
	if asked != 1 {
		t.Errorf("the group was asked %d times in an instant", asked)
	}
	answer = func() (map[int32]string, bool, error) { return map[int32]string{0: "http://a"}, false, nil } // it shares out anew
	is(0, "http://a", true)
	now = now.Add(whereaboutsFor)
	is(0, "", false)
	answer = func() (map[int32]string, bool, error) { return nil, false, errors.New("no coordinator") }
	now = now.Add(whereaboutsFor)
	is(0, "", false)
	answer = func() (map[int32]string, bool, error) { return map[int32]string{0: "http://b"}, true, nil }
	now = now.Add(whereaboutsFor)
	is(0, "http://b", true)
}

// Where ordinals share the shards out, an address follows from the ordinal.
func TestWhereaboutsOfOrdinals(t *testing.T) {
	p := &pipeline{options: Options{Instances: 2, Address: "http://p-{ordinal}:80"}, partitions: 3}
	addresses, stable, err := p.addresses(t.Context())
	if err != nil || !stable || addresses[0] != "http://p-0:80" || addresses[1] != "http://p-1:80" || addresses[2] != "http://p-0:80" {
		t.Errorf("%v %t %v", addresses, stable, err)
	}
}

// Of two instances each answers about the accounts of its own shards and knows where the other answers.
func TestQuestionsAreLedToTheOwner(t *testing.T) {
	if testing.Short() {
		t.Skip("several services in one process")
	}
	w := newWorld(t, 2)
	w.store = StoreKafka
	w.write(companyEvents(t, 200, "light"))
	var mu sync.Mutex
	told := [2]map[int]bool{{}, {}} // the shards whose accounts an observer has
	var asked [2]*Questions
	var instances [2]*instance
	for i := range asked {
		asked[i] = NewQuestions()
		w.change = func(o *Options) {
			o.Questions, o.Address = asked[i], []string{"http://first", "http://second"}[i]
			o.Observer.Derived = func(shard int, _ *aggregate.Updates) {
				mu.Lock()
				defer mu.Unlock()
				told[i][shard] = true
			}
			o.Observer.Dropped = func(shard int) {
				mu.Lock()
				defer mu.Unlock()
				delete(told[i], shard)
			}
		}
		instances[i] = w.start(t)
		awaitShards(t, map[*instance]int{instances[i]: 2 - i})
	}
	awaitShards(t, map[*instance]int{instances[0]: 1, instances[1]: 1})
	mu.Lock()
	if len(told[0]) != 1 || len(told[1]) != 1 {
		t.Errorf("the observers have the accounts of the shards %v", told)
	}
	mu.Unlock()
	for shard := range 2 {
		account := w.accountOf(shard)
		answered, led := 0, 0
		for i := range asked {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			row, _, err := asked[i].Account(ctx, account)
			cancel()
			var elsewhere *ElsewhereError
			switch {
			case err == nil && row.Account == account:
				answered++
			case errors.As(err, &elsewhere) && elsewhere.Known && elsewhere.Address == []string{"http://second", "http://first"}[i]:
				led++
			default:
				t.Errorf("instance %d about %s: %v, %+v", i, account, err, elsewhere)
			}
		}
		if answered != 1 || led != 1 {
			t.Errorf("%s: %d answered, %d led elsewhere", account, answered, led)
		}
	}
}

// accountOf is an account of a shard.
func (w *world) accountOf(shard int) string {
	w.t.Helper()
	for _, r := range w.events {
		if sink.Partition(r.Key, w.partitions) == shard {
			return string(r.Key)
		}
	}
	w.t.Fatalf("no account of shard %d", shard)
	return ""
}
