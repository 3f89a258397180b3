package pipeline

import (
	"bytes"
	"slices"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// simLog is one partition: what was appended to it, and what compaction has left of that.
type simLog struct {
	entries []simEntry // by offset; compaction leaves gaps
	start   int64
	next    int64
	open    map[string]int64 // the first offset of each transaction that has not ended, by its id
}

type simEntry struct {
	consumer.Record
	batch int64 // the first offset of its batch
	kind  entryKind
	id    string // of the transaction it is pending in
}

type entryKind uint8

const (
	entryRecord entryKind = iota
	entryPending
	entryAborted
	entryControl
)

// simBroker is a cluster: its partitions, each of which may be read and written at any time.
type simBroker struct {
	logs  map[broker.TopicPartition]*simLog
	names []broker.TopicPartition // in the order in which they came to be
}

func (b *simBroker) log(tp broker.TopicPartition) *simLog {
	l := b.logs[tp]
	if l == nil {
		l = &simLog{open: map[string]int64{}}
		b.logs[tp] = l
		b.names = append(b.names, tp)
	}
	return l
}

// stable is the end for those who read committed records.
func (l *simLog) stable() int64 {
	stable := l.next
	for _, first := range l.open {
		stable = min(stable, first)
	}
	return stable
}

// at is the place of the first entry from an offset on.
func (l *simLog) at(offset int64) int {
	i, _ := slices.BinarySearchFunc(l.entries, offset, func(e simEntry, o int64) int {
		switch {
		case e.Offset < o:
			return -1
		case e.Offset > o:
			return 1
		}
		return 0
	})
	return i
}

// append adds one batch, in a transaction if it has an id, and returns the offset of its first record.
func (l *simLog) append(kind entryKind, id string, at int64, records ...consumer.Record) (first int64) {
	first = l.next
	if _, isOpen := l.open[id]; kind == entryPending && !isOpen {
		l.open[id] = first
	}
	for _, r := range records {
		r.Offset, r.Time, r.Append = l.next, at, true
		l.entries = append(l.entries, simEntry{Record: r, batch: first, kind: kind, id: id})
		l.next++
	}
	return first
}

// end ends an open transaction with its control marker.
func (l *simLog) end(id string, commit bool, at int64) {
	first, isOpen := l.open[id]
	if !isOpen {
		return
	}
	kind := entryAborted
	if commit {
		kind = entryRecord
	}
	for i := l.at(first); i < len(l.entries); i++ {
		if l.entries[i].kind == entryPending && l.entries[i].id == id {
			l.entries[i].kind = kind
		}
	}
	delete(l.open, id)
	l.append(entryControl, id, at, consumer.Record{Key: []byte{0, 0, 0, 1}})
}

// compact keeps the last record of each key, and everything from an offset on.
func (l *simLog) compact(upTo int64, dropTombstones bool) {
	upTo = min(upTo, l.stable())
	last := make(map[string]int64, len(l.entries))
	for i := range l.entries {
		if l.entries[i].kind == entryRecord {
			last[string(l.entries[i].Key)] = l.entries[i].Offset
		}
	}
	l.entries = slices.DeleteFunc(l.entries, func(e simEntry) bool {
		switch {
		case e.Offset >= upTo:
			return false
		case e.kind != entryRecord:
			return true
		case last[string(e.Key)] != e.Offset:
			return true
		}
		return dropTombstones && e.Value == nil
	})
}

// retain drops what lies before an offset, as retention does.
func (l *simLog) retain(from int64) {
	l.entries = slices.Delete(l.entries, 0, l.at(from))
	l.start = max(l.start, from)
}

// fetch is what a fetch of at most so many batches brings from a position.
func (l *simLog) fetch(at consumer.Position, batches int) consumer.Batch {
	tp, from := at.TopicPartition, at.Next
	b := consumer.Batch{TopicPartition: tp, Next: from, HighWatermark: l.next, LastStable: l.stable(), LogStart: l.start}
	if from < l.start || from > l.next {
		b.Err = &consumer.ErrGap{Topic: tp.Topic, Partition: tp.Partition, Asked: from, LogStart: l.start, End: l.next}
		return b
	}
	current := int64(-1)
	for i := l.at(from); i < len(l.entries); i++ {
		e := &l.entries[i]
		if e.Offset >= b.LastStable || at.Until > 0 && e.Offset >= at.Until {
			return b
		}
		if e.batch != current {
			if batches--; batches < 0 {
				return b
			}
			current = e.batch
		}
		if e.kind == entryRecord {
			b.Records = append(b.Records, e.Record)
		} else {
			b.Skipped++
		}
		b.Next, b.Last = e.Offset+1, e.mark()
	}
	b.Next = max(b.Next, b.LastStable) // compaction has left nothing up to there
	if at.Until > 0 {
		b.Next = min(b.Next, at.Until)
	}
	return b
}

func (e *simEntry) mark() consumer.Mark {
	return consumer.Mark{Offset: e.batch, LeaderEpoch: 1, CRC: uint32(e.batch*2654435761 + 1)} //nolint:gosec // any bits
}

// verify is consumer.VerifyPosition for a log that is not compacted.
func (l *simLog) verify(p consumer.Position, applied consumer.Mark) error {
	if p.Next < l.start || p.Next > l.next {
		return &consumer.ErrGap{Topic: p.Topic, Partition: p.Partition, Asked: p.Next, LogStart: l.start, End: l.next}
	}
	if i := l.at(p.Next) - 1; i >= 0 && l.entries[i].mark() != applied {
		return &consumer.ErrDiverged{
			Topic: p.Topic, Partition: p.Partition, Next: p.Next, Applied: applied, Found: l.entries[i].mark(), AgreesTo: -1,
		}
	}
	return nil
}

// latest is the last record of every key, by key.
func (l *simLog) latest() map[string][]byte {
	rows := make(map[string][]byte, len(l.entries))
	for i := range l.entries {
		if l.entries[i].kind == entryRecord {
			rows[string(l.entries[i].Key)] = l.entries[i].Value
		}
	}
	return rows
}

// own copies a record's bytes: a writer may use its own again.
func own(key, value []byte) consumer.Record {
	return consumer.Record{Key: bytes.Clone(key), Value: bytes.Clone(value)}
}
