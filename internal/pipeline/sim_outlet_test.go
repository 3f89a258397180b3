package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
	"processor/internal/sink"
)

// simOutlet appends what it is given. A crash may come before, after or between, with a part of each
// partition's rows written, and now and then it gives up with an unknown outcome. With an id each
// sending is a transaction.
type simOutlet struct {
	*simProcess
	id string
}

// outlet opens one; what a former owner of the id left open comes to the end that was decided.
func (p *simProcess) outlet(_ context.Context, id string) (outlet, error) {
	if err := p.pause("outlet"); err != nil {
		return nil, err
	}
	p.quiet = 0 // somebody is still about to begin
	if id != "" {
		for _, tp := range p.broker.names {
			p.broker.logs[tp].end(id, p.decided[id], int64(p.clock))
		}
		delete(p.decided, id)
	}
	return simOutlet{p, id}, p.pause("outlet open")
}

func (o simOutlet) Send(_ context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	o.quiet = 0
	if err := o.pause("send"); err != nil {
		return nil, err
	}
	byPartition := map[broker.TopicPartition][]sink.Message{}
	var order []broker.TopicPartition
	for _, m := range messages {
		tp := broker.TopicPartition{Topic: m.Topic, Partition: m.Partition}
		if byPartition[tp] == nil {
			order = append(order, tp)
		}
		byPartition[tp] = append(byPartition[tp], m)
	}
	if o.dice.IntN(4) == 0 { // in two requests, of which the second may never be sent
		for _, tp := range order {
			n := o.dice.IntN(len(byPartition[tp]) + 1)
			o.append(tp, byPartition[tp][:n])
			byPartition[tp] = byPartition[tp][n:]
		}
		if err := o.unlessLost("sent a part"); err != nil {
			return nil, err
		}
	}
	next := map[broker.TopicPartition]int64{}
	for _, tp := range order {
		o.append(tp, byPartition[tp])
		next[tp] = o.broker.log(tp).next
	}
	if err := o.unlessLost("sent"); err != nil {
		return nil, err
	}
	if o.id == "" {
		return next, nil
	}
	return next, o.commit(order, messages)
}

// unlessLost is a point at which an answer may get lost for good.
func (o simOutlet) unlessLost(at string) error {
	if err := o.pause(at); err != nil {
		return err
	}
	if o.faults && o.dice.IntN(1000) < o.plan.LostAnswers {
		o.note("no answer", 0)
		return errDelivery
	}
	return nil
}

// commit decides a transaction, and writes its markers, one partition after the other.
func (o simOutlet) commit(order []broker.TopicPartition, messages []sink.Message) error {
	for i := range messages {
		m := &messages[i]
		o.books.written(o.simProcess, broker.TopicPartition{Topic: m.Topic, Partition: m.Partition}, m)
	}
	o.decided[o.id] = true
	for _, tp := range order {
		if err := o.unlessLost("marker"); err != nil {
			return err
		}
		o.broker.log(tp).end(o.id, true, int64(o.clock))
	}
	delete(o.decided, o.id)
	o.quiet = 0
	return o.unlessLost("committed")
}

// append writes one batch, and holds what every reader relies on.
func (o simOutlet) append(tp broker.TopicPartition, messages []sink.Message) {
	if len(messages) == 0 {
		return
	}
	records := make([]consumer.Record, 0, len(messages))
	for i := range messages {
		m := &messages[i]
		if o.id == "" {
			o.books.written(o.simProcess, tp, m)
		}
		r := own(m.Key, m.Value)
		if m.Value == nil {
			r.Value = nil
		}
		_, _ = o.hash.Write(m.Key)
		_, _ = o.hash.Write(m.Value)
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, consumer.Header{Key: []byte(h.Key), Value: bytes.Clone(h.Value)})
		}
		records = append(records, r)
	}
	kind := entryRecord
	if o.id != "" {
		kind = entryPending
	}
	first := o.broker.log(tp).append(kind, o.id, int64(o.clock), records...)
	o.note("append", first, tp.Topic)
	o.quiet = 0
}

// books are what was ever sent, whatever compaction has left of it.
type books struct {
	seed     maphash.Seed
	versions map[string]sentVersion // by topic and key
	epochs   map[int]map[uint64]epochOwner
	reported map[string]struct{} // the keys of the vintage
}

type sentVersion struct {
	version uint64
	hash    uint64
}

// epochOwner is who a shard's epoch belongs to.
type epochOwner struct{ process, opening int }

func newBooks() *books {
	return &books{
		seed: maphash.MakeSeed(), versions: map[string]sentVersion{}, epochs: map[int]map[uint64]epochOwner{}, reported: map[string]struct{}{},
	}
}

// written notes one row: versions of a key rise, and of two rows with one version both are the same;
// what is final was reported before, and nothing is reported twice.
func (b *books) written(p *simProcess, tp broker.TopicPartition, m *sink.Message) {
	topic := row.Topic(strings.TrimPrefix(tp.Topic, simPrefix))
	if topic == row.TopicDeadLetters || m.Value == nil {
		return
	}
	name := tp.String() + " " + string(m.Key)
	version := versionOf(topic, m.Value)
	before, known := b.versions[name]
	now := sentVersion{version, maphash.Bytes(b.seed, m.Value)}
	again := version == before.version && (now.hash != before.hash || p.plan.Delivery == ExactlyOnce)
	if known && (version < before.version || again) {
		panic(simFailure(fmt.Sprintf("%s: version %d after %d: %q", name, version, before.version, m.Value)))
	}
	b.versions[name] = now
	switch topic {
	case row.TopicVintage:
		if _, twice := b.reported[string(m.Key)]; twice {
			panic(simFailure(fmt.Sprintf("reported twice: %s", m.Value)))
		}
		b.reported[string(m.Key)] = struct{}{}
	case row.TopicMetrics:
		// After a restart what is final may have to wait until all shards are where they were.
		if _, known := b.reported[string(m.Key)]; !known && isFinalPeriod(m.Value) && p.isFirst() {
			panic(simFailure(fmt.Sprintf("final and not reported: %s", m.Value)))
		}
	case row.TopicProgress:
		b.progress(p, m.Value)
	}
}

// progress holds that an epoch belongs to one opening of a shard.
func (b *books) progress(p *simProcess, value []byte) {
	var r progressRow
	if err := json.Unmarshal(value, &r); err != nil {
		panic(simFailure(fmt.Sprintf("progress %q: %v", value, err)))
	}
	owners := b.epochs[r.Shard]
	if owners == nil {
		owners = map[uint64]epochOwner{}
		b.epochs[r.Shard] = owners
	}
	me := epochOwner{p.number, p.opened[r.Shard]}
	if owner, known := owners[r.Epoch]; known && owner != me {
		panic(simFailure(fmt.Sprintf("shard %d: the epoch %d was that of another run", r.Shard, r.Epoch)))
	}
	owners[r.Epoch] = me
}

// isFinalPeriod says whether a row of metrics is that of a period that is final.
func isFinalPeriod(value []byte) bool {
	return bytes.HasSuffix(value, []byte(`"final":true,"deleted":false}`))
}

// versionOf is the version that a row carries.
func versionOf(topic row.Topic, value []byte) uint64 {
	if topic == row.TopicPartials {
		return binary.BigEndian.Uint64(value)
	}
	_, rest, _ := bytes.Cut(value[max(bytes.LastIndex(value, []byte(stampStart)), 0):], []byte(stampStart))
	digits, _, _ := bytes.Cut(rest, []byte(","))
	version, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic(simFailure(fmt.Sprintf("%s: no version in %q", topic, value)))
	}
	return version
}
