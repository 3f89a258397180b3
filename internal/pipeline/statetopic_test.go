package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/company"
	"processor/internal/kafkatest"
	"processor/internal/row"
)

// Crashes at every point, also inside the transaction of a save, leave the rows of a replay.
func TestStateTopicCrashes(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		if testing.Short() && d == AtLeastOnce { // the race detector makes it ten times slower
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			crashEverywhere(t, StoreKafka, d, append([]string{"shard taken", "saving to the topic"}, points[d]...))
		})
	}
}

// stateWorld is a state topic of one partition, without a service.
type stateWorld struct {
	t       *testing.T
	kafka   *kafkatest.Kafka
	options Options
	wanted  map[string]string // what a shard must hold
}

func newStateWorld(t *testing.T) *stateWorld {
	k := kafkatest.Start(t, 1)
	o, err := Options{
		Cluster: k.Cluster, Group: k.Topic("group"), Sources: []Source{{Topic: "s"}}, Prefix: k.Topic("out."),
		CheckpointStore: StoreKafka,
	}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	k.Create(t, "out.state", 1, map[string]string{"cleanup.policy": "compact"})
	return &stateWorld{t: t, kafka: k, options: o, wanted: map[string]string{}}
}

func (w *stateWorld) open() *stateTopic {
	w.t.Helper()
	s, err := openStateTopic(kafkatest.Context(w.t), &w.options, "Partitions 1; test", 1)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// save stores changes ("-" deletes) with a marker that fits all that was saved.
func (w *stateWorld) save(s *stateTopic, changes map[string]string) error {
	w.t.Helper()
	after := maps.Clone(w.wanted)
	var puts []checkpoint.Put
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		value := changes[key]
		puts = append(puts, checkpoint.Put{Key: []byte(key), Value: []byte(value), Delete: value == "-"})
		if after[key] = value; value == "-" {
			delete(after, key)
		}
	}
	m := marker{}
	for key := range after {
		m.Digest += xxhash.Sum64String(key)
	}
	text, err := m.encode()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Save(kafkatest.Context(w.t), 0, text, puts); err != nil {
		return err
	}
	w.wanted = after
	return nil
}

func (w *stateWorld) mustSave(s *stateTopic, changes map[string]string) {
	w.t.Helper()
	if err := w.save(s, changes); err != nil {
		w.t.Fatal(err)
	}
}

// load opens the store anew, takes the shard, and compares.
func (w *stateWorld) load() *stateTopic {
	w.t.Helper()
	s := w.open()
	got := map[string]string{}
	_, found, err := s.Load(kafkatest.Context(w.t), 0, func(key, value []byte) error {
		if _, twice := got[string(key)]; twice {
			w.t.Errorf("%q comes twice", key)
		}
		got[string(key)] = string(value)
		return nil
	})
	if err != nil || found != (len(w.wanted) > 0) {
		w.t.Fatalf("found %v, %v", found, err)
	}
	if !maps.Equal(got, w.wanted) {
		w.t.Fatalf("%d records differ from the %d that were saved", len(got), len(w.wanted))
	}
	return s
}

// What was saved is what is loaded: replaced, deleted, larger than a record may be, and larger or
// smaller than before.
func TestStateTopicHoldsWhatWasSaved(t *testing.T) {
	w := newStateWorld(t)
	s := w.load()
	dice := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 300, stateChunk - 1, stateChunk, stateChunk + 1, 3*stateChunk + 7}
	for range 8 {
		changes := map[string]string{}
		for range 4 {
			value := strings.Repeat("v", sizes[dice.IntN(len(sizes))]) + fmt.Sprint(dice.Uint32())
			if dice.IntN(4) == 0 {
				value = "-"
			}
			changes[fmt.Sprintf("key%d", dice.IntN(6))] = value
		}
		w.mustSave(s, changes)
		s = w.load()
	}
	w.mustSave(s, map[string]string{"last": "one"})
	w.load()
}

// Who takes a shard fences the one that had it, whose saves change nothing from then on.
func TestStateTopicFencesTheFormerOwner(t *testing.T) {
	w := newStateWorld(t)
	former := w.load()
	w.mustSave(former, map[string]string{"a": "1"})
	owner := w.load()
	if err := w.save(former, map[string]string{"a": "2", "b": "2"}); !errors.Is(err, ErrFenced) {
		t.Fatalf("the former owner's save: %v", err)
	}
	for s, want := range map[*stateTopic]bool{former: false, owner: true} {
		if is, err := s.Owned(kafkatest.Context(t), 0); is != want || err != nil {
			t.Errorf("owned: %v, %v, want %v", is, err, want)
		}
	}
	w.mustSave(owner, map[string]string{"c": "3"})
	w.load()
}

// Between taking a shard and reading it, nothing can be saved any more: what is read is the last.
func TestStateTopicReadsBehindTheFence(t *testing.T) {
	w := newStateWorld(t)
	former := w.load()
	w.mustSave(former, map[string]string{"a": "1"})
	asked := false
	w.options.step = func(point string) error {
		if asked = asked || point == "shard taken"; point != "shard taken" {
			return nil
		}
		if err := w.save(former, map[string]string{"b": "2"}); !errors.Is(err, ErrFenced) {
			t.Errorf("the former owner's save: %v", err)
		}
		return nil
	}
	w.load()
	if !asked {
		t.Error("nobody took the shard")
	}
}

// produce writes a record as if it were a save's.
func (w *stateWorld) produce(key, value []byte) {
	w.t.Helper()
	w.kafka.Produce(w.t, w.options.topic(row.TopicState), kafkatest.Record{Key: string(key), Value: string(value), Tombstone: value == nil})
}

// Whatever is not exactly what was saved is refused, with the place and the remedy.
func TestStateTopicRefusesDamage(t *testing.T) {
	long := strings.Repeat("x", stateChunk+1)
	first, second := stateKey(0, []byte("a")), stateKey(1, []byte("a"))
	cases := []struct {
		name   string
		damage func(w *stateWorld)
		says   string
	}{
		{"a flipped bit", func(w *stateWorld) {
			value := sealState(0, first, 1, []byte{0, 1}, []byte("v"))
			value[len(value)-1] ^= 1
			w.produce(first, value)
		}, "checksum"},
		{"a record of another key", func(w *stateWorld) { w.produce(first, sealState(0, second, 1, []byte{0, 1})) }, "checksum"},
		{"a record of another shard", func(w *stateWorld) { w.produce(first, sealState(1, first, 1, []byte{0, 1})) }, "checksum"},
		{"a record that is gone", func(w *stateWorld) { w.produce(stateKey(0, []byte("b")), nil) }, "digest"},
		{"a record too many", func(w *stateWorld) {
			key := stateKey(0, []byte("more"))
			w.produce(key, sealState(0, key, 1, []byte{0, 1}))
		}, "digest"},
		{"a chunk that is gone", func(w *stateWorld) { w.produce(second, nil) }, "lacks chunk 1 of 2"},
		{"a chunk of another save", func(w *stateWorld) { w.produce(second, sealState(0, second, 9, []byte{0, 2})) }, "chunk 1 of 2, or has one of another save"},
		{"a value cut short", func(w *stateWorld) { w.produce(first, []byte{stateVersion}) }, "less than its checksum"},
		{"no marker", func(w *stateWorld) { w.produce([]byte{kindMarker}, nil) }, "no marker"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newStateWorld(t)
			w.mustSave(w.load(), map[string]string{"a": long, "b": "1"})
			c.damage(w)
			_, _, err := w.open().Load(kafkatest.Context(t), 0, func(_, _ []byte) error { return nil })
			if !errors.Is(err, checkpoint.ErrCorrupt) || !errors.Is(operatorError(err), ErrOperator) {
				t.Fatalf("got %v", err)
			}
			for _, text := range []string{c.says, "rebuild --from log", w.options.topic(row.TopicState)} {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q:\n%v", text, err)
				}
			}
		})
	}
}

// A format of a later version is refused, and so is the checkpoint of another group.
func TestStateTopicRefusesWhatIsForeign(t *testing.T) {
	w := newStateWorld(t)
	w.mustSave(w.load(), map[string]string{"a": "1"})
	w.options.Group += "2"
	if _, err := openStateTopic(kafkatest.Context(t), &w.options, "Partitions 1; test", 1); !errors.Is(err, checkpoint.ErrForeign) {
		t.Errorf("another group: %v", err)
	}
	w.options.Group = strings.TrimSuffix(w.options.Group, "2")
	key := stateKey(0, []byte("a"))
	value := sealState(0, key, 1, []byte{0, 1})
	value[0] = stateVersion + 1
	w.produce(key, value)
	if _, _, err := w.open().Load(kafkatest.Context(t), 0, func(_, _ []byte) error { return nil }); !errors.Is(err, checkpoint.ErrForeign) {
		t.Errorf("a later format: %v", err)
	}
}

// A topic that was deleted between two runs costs time and no row.
func TestLostStateTopic(t *testing.T) {
	w := newWorld(t, 2)
	w.store = StoreKafka
	w.write(companyEvents(t, 400, "light"))
	w.run()
	first := w.progress()
	w.kafka.Delete(t, w.prefix+string(row.TopicState))
	w.run()
	w.compare()
	for shard, r := range w.progress() {
		if r.Epoch <= first[shard].Epoch {
			t.Errorf("shard %d has epoch %d after %d", shard, r.Epoch, first[shard].Epoch)
		}
	}
}

// A topic that is made anew while the service runs ends it before anything is built on half a
// checkpoint; the next run reads the log again.
func TestStateTopicMadeAnewWhileTheServiceRuns(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	w.store = StoreKafka
	events := companyEvents(t, 400, "none")
	w.write(events[:200])
	o := w.options()
	o.fetchBytes, o.FlushRecords, o.CheckpointInterval = 1, 10, 1
	saves := 0
	o.step = func(point string) error {
		if point != "saved" {
			return nil
		}
		if saves++; saves == 3 {
			w.kafka.Delete(t, w.prefix+string(row.TopicState))
			w.kafka.Create(t, "out.state", 1, map[string]string{"cleanup.policy": "compact"})
		}
		return nil
	}
	for slice := range slices.Chunk(events[200:], 20) {
		w.write(slice)
	}
	err := w.runUntil(o, func(Status) bool { return false })
	if !errors.Is(err, ErrOperator) || !strings.Contains(err.Error(), "made anew") {
		t.Fatalf("got %v", err)
	}
	w.run()
	w.compare()
}

// A changed meaning is refused and rebuilt in one step for all shards: killed at any point, the
// command leaves the old meaning or the new one.
func TestRebuildOfTheStateTopic(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, from := range []RebuildFrom{FromCheckpoint, FromLog} {
		t.Run(string(from), func(t *testing.T) {
			w := newWorld(t, 2)
			w.store = StoreKafka
			events := companyEvents(t, 400, "light")
			w.write(events[:300])
			w.run()
			old := w.core.Groupings
			w.core.Groupings = [][]string{{"region"}}
			w.mustRefuse(ErrRefused, "another meaning", "groupings", "processor rebuild --from checkpoint")
			for _, point := range []string{"read", "staged"} {
				w.crashRebuild(from, point)
				w.core.Groupings = old
				w.run() // nothing was changed
				w.core.Groupings = [][]string{{"region"}}
			}
			w.crashRebuild(from, "switched")
			if again := w.rebuild(from); again.Changed {
				t.Errorf("the second time: %+v", again)
			}
			w.write(events[300:])
			w.run()
			w.compare()
			w.oneGeneration()
		})
	}
}

func (w *world) crashRebuild(from RebuildFrom, at string) {
	w.t.Helper()
	o := w.options()
	o.step = func(point string) error {
		if point == at {
			return errCrash
		}
		return nil
	}
	if _, err := Rebuild(kafkatest.Context(w.t), o, from, false); !errors.Is(err, errCrash) {
		w.t.Fatalf("rebuild with a crash at %q: %v", at, err)
	}
}

// A service that starts during a rebuild wins: the rebuild changes nothing.
func TestAStartEndsARebuildOfTheStateTopic(t *testing.T) {
	w := newWorld(t, 1)
	w.store = StoreKafka
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	w.run()
	same := w.core
	o := w.options()
	o.Core.Groupings = [][]string{{"region"}}
	o.step = func(point string) error {
		if point == "staged" {
			w.run()
		}
		return nil
	}
	if _, err := Rebuild(kafkatest.Context(t), o, FromCheckpoint, false); !errors.Is(err, ErrFenced) {
		t.Fatalf("got %v", err)
	}
	w.core = same
	w.run()
	w.compare()
}

// A rebuild ends an instance that still runs: its next save is refused, and the group, which knows of
// nobody else, still gives it the shard.
func TestARebuildEndsARunningService(t *testing.T) {
	w := newWorld(t, 1)
	w.store = StoreKafka
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	o := w.options()
	done := false
	o.step = func(point string) error {
		if point == "published" && !done {
			done = true
			other := w.options()
			other.Core.Groupings = [][]string{{"region"}}
			if _, err := Rebuild(kafkatest.Context(t), other, FromLog, false); err != nil {
				return err
			}
		}
		return nil
	}
	if err := w.runUntil(o, func(Status) bool { return false }); !errors.Is(err, ErrFenced) {
		t.Fatalf("got %v", err)
	}
	w.core.Groupings = [][]string{{"region"}}
	w.run()
	w.compare()
}

// The explanation from the topic of a service that does not run is the one from a directory.
func TestExplainFromTheStateTopic(t *testing.T) {
	events := companyEvents(t, 200, "none")
	account := string(events[0].Key)
	var texts []string
	for _, store := range []string{StoreDir, StoreKafka} {
		w := newWorld(t, 2)
		w.store = store
		w.write(events)
		w.run()
		e, err := w.explainKept(account)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(row.Explain(e, ""))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, strings.ReplaceAll(string(text), w.topic, "events"))
		var unknown *UnknownAccountError
		if _, err := w.explainKept(account + "x"); !errors.As(err, &unknown) || !slices.Contains(unknown.Nearest, account) {
			t.Errorf("%s: an unknown account: %v", store, err)
		}
		w.core.Groupings = nil
		if _, err := w.explainKept(account); !errors.Is(err, ErrOtherMeaning) {
			t.Errorf("%s: another meaning: %v", store, err)
		}
	}
	if texts[0] != texts[1] {
		t.Errorf("from the directory:\n%s\nfrom the topic:\n%s", texts[0], texts[1])
	}
}

func (w *world) explainKept(account string) (*aggregate.Explanation, error) {
	o := w.options()
	if w.store == StoreKafka {
		return ExplainKeptInTopic(kafkatest.Context(w.t), o, account, nil)
	}
	return ExplainKept(kafkatest.Context(w.t), o.CheckpointDir, o.Core, account, nil, nil)
}
