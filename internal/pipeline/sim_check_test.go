package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
)

// finish holds what must be true once everything is read.
func (s *simulation) finish() {
	got := s.rows()
	s.compareRows(got)
	s.compareVintage(got)
	s.compareLetters()
	s.compareResults()
	if s.plan.Retention {
		s.loseWhatWasNotRead()
	}
}

// partitions are those of an output topic.
func (s *simulation) partitions(topic row.Topic) []*simLog {
	logs := make([]*simLog, s.plan.Shards)
	for i := range logs {
		logs[i] = s.broker.log(broker.TopicPartition{Topic: simPrefix + string(topic), Partition: int32(i)}) //nolint:gosec // a partition
	}
	return logs
}

// rows are what a reader has of the topics that a replay gives.
func (s *simulation) rows() map[string]string {
	rows := map[string]string{}
	for _, topic := range rowTopics {
		for number, log := range s.partitions(topic) {
			for key, value := range log.latest() {
				if value == nil || strings.HasSuffix(string(value), `"deleted":true}`) {
					continue
				}
				name := string(topic) + " " + key
				if _, twice := rows[name]; twice {
					panic(simFailure(fmt.Sprintf("%s is in two partitions, one of them %d", name, number)))
				}
				rows[name] = plain(string(value))
			}
		}
	}
	return rows
}

// compareRows holds that a reader has the bytes of a replay (I1).
func (s *simulation) compareRows(got map[string]string) {
	want := s.company.rows(s.plan.Shards)
	if maps.Equal(got, want) {
		return
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			wrong = append(wrong, name+differing(got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s\n    is there and must not be: %s", name, got[name]))
		}
	}
	panic(simFailure(fmt.Sprintf("%d of %d rows differ from replay's:\n%s", len(wrong), len(want), strings.Join(wrong[:min(len(wrong), 3)], "\n"))))
}

// differing are the fields of two rows that are not the same.
func differing(got, want string) string {
	if got == "" {
		return "\n    is not there"
	}
	fields := func(row string) (m map[string]any) {
		if err := json.Unmarshal([]byte(row), &m); err != nil {
			panic(simFailure(fmt.Sprintf("row %q: %v", row, err)))
		}
		return m
	}
	var b strings.Builder
	g, w := fields(got), fields(want)
	shown := 0
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if g[name] != w[name] && shown < 10 {
			shown++
			fmt.Fprintf(&b, "\n    %s is %v, want %v", name, g[name], w[name])
		}
	}
	if b.Len() == 0 {
		return "\n    in its bytes only: " + got
	}
	return b.String()
}

// compareVintage holds that every final period was reported, and of a plain company as it stands.
func (s *simulation) compareVintage(got map[string]string) {
	reported := map[string][]byte{}
	for _, log := range s.partitions(row.TopicVintage) {
		maps.Copy(reported, log.latest())
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		value := got[name]
		key, isMetric := strings.CutPrefix(name, "metrics ")
		if !isMetric || !isFinalPeriod([]byte(value)) {
			continue
		}
		was, known := reported[key]
		if !known {
			panic(simFailure(key + " is final and was not reported"))
		}
		if s.company.plain && plain(string(was)) != value {
			panic(simFailure(key + " was reported with other figures" + differing(plain(string(was)), value)))
		}
	}
}

// compareLetters holds that exactly the records that replay rejects are in the dead letters. Over two
// topics the order of records with one identity is another, and with it which of them is kept.
func (s *simulation) compareLetters() {
	found := map[int]struct{}{}
	for _, log := range s.partitions(row.TopicDeadLetters) {
		for i := range log.entries {
			if log.entries[i].kind != entryRecord {
				continue
			}
			var key struct {
				Topic     string `json:"source_topic"`
				Partition int32  `json:"partition"`
				Offset    int64  `json:"offset"`
			}
			if err := json.Unmarshal(log.entries[i].Key, &key); err != nil {
				panic(simFailure(err.Error()))
			}
			at, known := s.places[broker.TopicPartition{Topic: key.Topic, Partition: key.Partition}][key.Offset]
			if !known {
				panic(simFailure(fmt.Sprintf("a dead letter of no record: %s", log.entries[i].Key)))
			}
			if _, twice := found[at]; twice && s.plan.Delivery == ExactlyOnce {
				panic(simFailure(fmt.Sprintf("two dead letters of one record: %s", log.entries[i].Key)))
			}
			found[at] = struct{}{}
		}
	}
	if len(s.topics) == 1 && !maps.Equal(found, s.company.letters) {
		panic(simFailure(fmt.Sprintf("dead letters of the records %v, replay rejects %v",
			slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(s.company.letters)))))
	}
}

// compareResults holds that each record has one result (I3), in the checkpoint that a run would begin
// with and for the states in it what the identities say (I2).
func (s *simulation) compareResults() {
	if s.process != nil {
		return // it has not saved yet what it has read
	}
	s.faults, s.down = false, 0
	var results [7]int64
	var offsets, skipped int64
	for shard := range s.plan.Shards {
		one := s.restored(shard)
		for i, n := range one.results {
			results[i] += n
		}
		for _, src := range one.sources {
			log := s.broker.log(src.TopicPartition)
			if src.Next != log.next {
				panic(simFailure(fmt.Sprintf("%s was stopped at %d of %d", src.TopicPartition, src.Next, log.next)))
			}
			offsets += src.Next
			for i := range log.entries {
				if log.entries[i].kind != entryRecord {
					skipped++
				}
			}
		}
		if err := errors.Join(one.check(), s.compareStored(one)); err != nil {
			panic(simFailure(err.Error()))
		}
	}
	var sum int64
	for _, n := range results {
		sum += n
	}
	r := s.company.result
	want := [7]int64{r.Outcomes[0], r.Outcomes[1], r.Outcomes[2], r.Outcomes[3], r.Rejected, r.Ignored, skipped}
	if sum != offsets || results[placeSkipped] != skipped || len(s.topics) == 1 && results != want {
		panic(simFailure(fmt.Sprintf("%d offsets with the results %v, want %v", offsets, results, want)))
	}
}

// compareStored holds that the movements of a state that was stored and restored are those of a replay.
func (s *simulation) compareStored(one *shard) error {
	want := s.company.rows(s.plan.Shards)
	return one.state.EachAccount(func(u *aggregate.Updates) error {
		for i := range u.Movements {
			r := &u.Movements[i]
			name := string(row.TopicMovements) + " " + string(one.encoder.MovementKey(nil, r))
			if got := plain(string(one.encoder.Movement(nil, r, one.stamp()))); got != want[name] {
				return fmt.Errorf("the checkpoint has %s%s", name, differing(got, want[name]))
			}
		}
		return nil
	})
}

// restored is a shard as the checkpoint has it, opened by the real code.
func (s *simulation) restored(number int) *shard {
	s.start()
	p := s.process
	for _, t := range p.tasks { // none has begun
		t.stop()
	}
	p.tasks = nil
	var one *shard
	p.task("check", func() {
		logs, err := p.service.borders(context.Background(), []int{number})
		if err == nil {
			one, err = p.service.openShard(context.Background(), number, simOutlet{simProcess: p}, logs)
		}
		p.end(err)
	})
	for p.alive() {
		p.run(p.tasks[0])
	}
	p.ended = true
	p.bury()
	s.process = nil
	return one
}

// loseWhatWasNotRead has retention pass the position of a shard: neither the run that meets it nor
// the next one may go on.
func (s *simulation) loseWhatWasNotRead() {
	tp := broker.TopicPartition{Topic: s.topics[0], Partition: int32(s.dice.IntN(s.plan.Shards))} //nolint:gosec // a partition
	log := s.broker.log(tp)
	for range 3 {
		log.append(entryControl, "", int64(s.clock), consumer.Record{})
	}
	log.retain(log.next - 1)
	s.mayRefuse = true
	for range 2 {
		s.refused = false
		for begun := s.steps; ; {
			s.turn()
			if s.process == nil && s.refused {
				break
			}
			if s.steps > begun+quietSteps*10 {
				panic(simFailure(fmt.Sprintf("%s lost what was not read, and nobody refuses to go on", tp)))
			}
		}
	}
}
