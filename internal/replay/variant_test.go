package replay_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
)

// look compares what the story's machine holds with every other way to the same events and
// watermark (invariant I1), and reconciles it (I2).
func (s *story) look(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	here := fmt.Sprint(len(s.records), s.main.now)
	if s.looked == here || *effort == "print" {
		return
	}
	s.looked = here
	first := s.seen != len(s.records) && *effort == "all" // later looks at the same events try fewer ways
	s.seen = len(s.records)
	complain := func(what, problem string) {
		if problem != "" {
			d.Fatalf(t, "%s:\n%s", what, problem)
		}
	}
	frozen := s.main.states[0].Frozen()
	if frozen == event.NoTime { // what is frozen only the readers have
		scratch, err := s.main.scratch()
		if err != nil {
			d.Fatalf(t, "from scratch: %v", err)
		}
		complain("updates applied one after the other are not what everything from scratch gives", diff(s.main.sink, scratch))
	}
	complain("after restarts after every command", diff(s.crashed.sink, s.main.sink))
	complain("reconcile", strings.Join(reconcile(s.main.sink.table(), s.main.core), "\n"))
	agree := max(frozen, s.agree)
	if frozen == event.NoTime {
		agree = event.NoTime
	}
	for i, order := range orders(s.events, first, s.permuted, s.dice) {
		got, err := run(s.main.core, order, s.main.now, way{shards: 1}, s.dice)
		if err != nil {
			d.Fatalf(t, "order %d: %v", i, err)
		}
		complain(fmt.Sprintf("order %v", ids(order)), diff(got.since(agree), s.main.sink.since(agree)))
	}
	for i, w := range ways {
		if !first && i%3 > 0 {
			continue
		}
		order := slices.Clone(s.events)
		s.dice.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		got, err := run(s.main.core, order, s.main.now, w, s.dice)
		if err != nil {
			d.Fatalf(t, "%+v: %v", w, err)
		}
		complain(fmt.Sprintf("way %d %+v of %v", i, w, ids(order)), diff(got.since(agree), s.main.sink.since(agree)))
	}
	if frozen == event.NoTime {
		complain("replay", s.replayed())
	}
}

func ids(events []*event.Event) []string {
	var list []string
	for _, e := range events {
		list = append(list, fmt.Sprintf("%s#%d", e.ID, e.Revision))
	}
	return list
}

// orders are all orders of few events, and some of more; only two unless all are wanted.
func orders(events []*event.Event, all bool, permuted int, dice *rand.Rand) [][]*event.Event {
	n := 8
	if !all {
		n = 2
	} else if len(events) <= permuted {
		return permutations(events)
	}
	var list [][]*event.Event
	for range n {
		order := slices.Clone(events)
		dice.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		list = append(list, order)
	}
	return list
}

func permutations(events []*event.Event) [][]*event.Event {
	if len(events) == 0 {
		return [][]*event.Event{nil}
	}
	var list [][]*event.Event
	for i := range events {
		rest := slices.Delete(slices.Clone(events), i, i+1)
		for _, p := range permutations(rest) {
			list = append(list, append([]*event.Event{events[i]}, p...))
		}
	}
	return list
}

// way is how events reach a machine.
type way struct {
	shards   int
	doubled  bool // every event comes again after its successor: A, B, A
	batch    int  // events between flushes; 0: all at once
	steps    int  // how many times the watermark moves; 0: once, at the end
	restarts bool // some, in between
	parks    bool // whatever is at rest
}

// ways are those by which every story is run again.
var ways = []way{
	{shards: 1, doubled: true},
	{shards: 1, batch: 1},
	{shards: 1, batch: 1, steps: 7, parks: true},
	{shards: 1, batch: 2, steps: 40},
	{shards: 1, steps: 200},
	{shards: 4, batch: 3, steps: 3, doubled: true, parks: true},
	{shards: 16, batch: 2, steps: 11, doubled: true, restarts: true},
	{shards: 1, batch: 1, steps: 5, restarts: true, parks: true},
}

// run takes events to a watermark on the given way and returns the rows that a consumer holds.
func run(core aggregate.Options, events []*event.Event, until event.Time, w way, dice *rand.Rand) (rows, error) {
	m, err := newMachine(core, w.shards)
	if err != nil {
		return rows{}, err
	}
	if w.parks {
		m.park()
	}
	if w.doubled {
		events = doubled(events)
	}
	moves := watermarks(events, until, w.steps, dice)
	for len(events) > 0 || len(moves) > 0 {
		if n := len(events); n > 0 && (len(moves) == 0 || dice.IntN(2) == 0) {
			if w.batch > 0 {
				n = min(n, w.batch)
			}
			for _, e := range events[:n] {
				m.apply(e)
			}
			events = events[n:]
		} else if len(moves) > 0 {
			m.advance(moves[0])
			moves = moves[1:]
		}
		if err := m.flush(); err != nil {
			return rows{}, err
		}
		if w.restarts && dice.IntN(3) == 0 {
			if err := m.restart(dice); err != nil {
				return rows{}, err
			}
		}
	}
	m.advance(until)
	if err := m.flush(); err != nil {
		return rows{}, err
	}
	scratch, err := m.scratch()
	if err != nil {
		return rows{}, err
	}
	if problem := diff(m.sink, scratch); problem != "" {
		return rows{}, fmt.Errorf("updates one after the other are not what everything from scratch gives: %s", problem)
	}
	if err := explained(m); err != nil {
		return rows{}, err
	}
	return m.sink, nil
}

// doubled sends each event once more behind its successor.
func doubled(events []*event.Event) []*event.Event {
	var list []*event.Event
	for i, e := range events {
		list = append(list, e)
		if i > 0 {
			list = append(list, events[i-1])
		}
	}
	if n := len(events); n > 0 {
		list = append(list, events[n-1])
	}
	return list
}

// watermarks are n instants in order, from a day before the first event to the last watermark;
// every other one is the instant of an event or close to it.
func watermarks(events []*event.Event, until event.Time, n int, dice *rand.Rand) []event.Time {
	if n == 0 || len(events) == 0 || until <= 0 {
		return nil
	}
	const day = event.Time(24 * 60 * 60 * 1e9)
	first := until
	for _, e := range events {
		first = min(first, e.Time-day)
	}
	var list []event.Time
	for i := range n {
		at := max(first, 1) + event.Time(dice.Int64N(int64(until-max(first, 1))+1))
		if i%2 == 0 {
			at = events[dice.IntN(len(events))].Time + event.Time(dice.Int64N(3)-1)
		}
		list = append(list, min(at, until))
	}
	slices.Sort(list)
	return list
}

// replayed compares with replay, which reads the records themselves; it reads no event that is
// later than its as-of, so it is asked only where there is none.
func (s *story) replayed() string {
	for _, e := range s.events {
		if e.Time > s.main.now {
			return ""
		}
	}
	r, err := replay.New(replay.Options{Core: s.main.core, AsOf: s.main.now})
	if err != nil {
		return err.Error()
	}
	for i, record := range s.records {
		r.Apply("story", int64(i), record)
	}
	var out bytes.Buffer
	if _, err := r.Finish(&out); err != nil {
		return err.Error()
	}
	return diffTables(printed(out.Bytes()), s.main.sink.table())
}

var (
	shardColumns = regexp.MustCompile(`"complete_shards":[0-9]+,"shards":[0-9]+`)
	knownAt      = regexp.MustCompile(`"known_at":"[^"]*"`)
)

// printed reads the lines of replay into a table, with the stamp that the machine uses.
func printed(lines []byte) table {
	t := table{}
	for _, line := range bytes.Split(bytes.TrimSpace(lines), []byte("\n")) {
		rest, topicFound := bytes.CutPrefix(line, []byte(`{"topic":"`))
		topic, rest, _ := bytes.Cut(rest, []byte(`","key":`))
		key, value, valueFound := bytes.Cut(rest, []byte(`,"value":`))
		if !topicFound || !valueFound || string(topic) == string(row.TopicDeadLetters) {
			continue
		}
		value = bytes.TrimSuffix(value, []byte("}"))
		value = shardColumns.ReplaceAll(value, []byte(`"complete_shards":0,"shards":0`))
		value = knownAt.ReplaceAll(value, []byte(`"known_at":"1970-01-01T00:00:00Z"`))
		t[string(topic)+" "+string(key)] = value
	}
	return t
}
