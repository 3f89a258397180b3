package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"processor/internal/rollup"
	"processor/internal/row"
	"processor/internal/sink"
)

// ownPart is a partition of metrics and vintage that this instance publishes: that of a shard which it
// has. Its rows carry the shard's epoch, which no other owner ever had, so a row that a former owner
// sends late has a lower version than those of the present one.
type ownPart struct {
	number     int
	shardEpoch uint64 // of the shard's owner; another one means that others may have published meanwhile
	epoch      uint64 // of the rows; that of the shard, unless the topic has a higher one
	outlet     outlet // of this partition alone; nil where all share one
	sent       *sentRows
	vintage    vintage
	alerts     saidAlerts // nil without rules
}

// settleParts makes the partitions that are published those whose shards are ours; lost ones are
// dropped, new ones read. ours is false while it is not known: nothing may be published then.
func (m *metrics) settleParts(ctx context.Context) (ours bool, err error) {
	epochs, changes, known := m.owners.now()
	if !known || changes == m.settledChanges {
		return known, nil
	}
	for n, part := range m.parts {
		if epoch, stays := epochs[n]; !stays || epoch != part.shardEpoch {
			delete(m.parts, n)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(epochs)) {
		if m.parts[n] != nil {
			continue
		}
		if m.parts[n], err = m.openPart(ctx, n, epochs[n]); err != nil {
			delete(m.parts, n)
			return false, err
		}
		m.sums.Remake() // every row of it is compared with what was sent last
	}
	m.settledChanges = changes
	return true, nil
}

// openPart takes a partition over: the outlet first, so that a former owner of it writes nothing behind
// what is read here.
func (m *metrics) openPart(ctx context.Context, number int, shardEpoch uint64) (*ownPart, error) {
	part := &ownPart{number: number, shardEpoch: shardEpoch}
	var err error
	if m.options.Delivery == ExactlyOnce {
		if part.outlet, err = m.options.outlet(ctx, fmt.Sprintf("%s-rollup-%d", m.options.Group, number)); err != nil {
			return nil, err
		}
	}
	if part.sent, err = readSent(ctx, &m.options, number); err != nil {
		return nil, err
	}
	if part.vintage, err = readVintage(ctx, &m.options, number); err != nil {
		return nil, err
	}
	part.epoch = max(part.sent.epoch+1, shardEpoch)
	if m.alerts == nil {
		return part, nil
	}
	if part.alerts, err = readAlerts(ctx, &m.options, number); err != nil {
		return nil, err
	}
	part.epoch = max(part.epoch, part.alerts.epoch+1)
	return part, nil
}

// partOf is the partition that a segment's rows go to, nil where another instance publishes it.
func (m *metrics) partOf(r *rollup.Row) *ownPart {
	return m.parts[segmentPartition(r.Segment, m.partitions)]
}

// stamp is what the rows of a partition end with.
func (m *metrics) stamp(part *ownPart) row.Stamp {
	return row.Stamp{Version: part.epoch<<40 | m.flushes, KnownAt: m.sums.Watermark()}
}

// send sends messages of our partitions, each partition in a transaction of its own under exactly_once.
// A partition that has a newer owner is dropped, and published no more.
func (m *metrics) send(ctx context.Context, messages []sink.Message) error {
	if m.options.Delivery != ExactlyOnce {
		_, err := m.producer.Send(ctx, messages)
		return err
	}
	byPart := map[int][]sink.Message{}
	for i := range messages {
		if n := int(messages[i].Partition); m.parts[n] != nil {
			byPart[n] = append(byPart[n], messages[i])
		}
	}
	numbers := slices.Sorted(maps.Keys(byPart))
	refused := make([]error, len(numbers))
	err := m.together(len(numbers), func(i int) error {
		_, err := m.parts[numbers[i]].outlet.Send(ctx, byPart[numbers[i]])
		if isFenced(err) {
			refused[i], err = err, nil
		}
		return err
	})
	for i, n := range numbers {
		if refused[i] != nil {
			m.options.Logger.WarnContext(ctx, "a partition of the metrics has a newer owner and is published no more", "partition", n, "error", refused[i])
			delete(m.parts, n)
		}
	}
	return err
}

// vanished are the rows of earlier owners that the registers do not make any more, once for each
// partition. All that they do make is sent by then.
func (m *metrics) vanished() (gone []rollup.Row) {
	for _, n := range slices.Sorted(maps.Keys(m.parts)) {
		if part := m.parts[n]; !part.sent.swept {
			gone = append(gone, part.sent.vanished()...)
		}
	}
	return gone
}
