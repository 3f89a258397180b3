package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// metrics is the rollup's stage: it reads all partitions of the partials, sums the shards' registers
// and writes the rows of metrics. Every instance reads and sums all, so that each can answer for all
// segments; it publishes the partitions whose numbers are those of its shards, which the group shares
// out already (docs/decisions/0015-many-instances.md). Its state is the partials topic; a start reads
// it from the beginning.
type metrics struct {
	*pipeline

	sums     *rollup.Rollup
	calendar *aggregate.Calendar
	encoder  row.Encoder
	fetcher  fetcher
	producer outlet           // of all partitions, under at_least_once
	parts    map[int]*ownPart // that this instance publishes, by number
	withheld bool             // a row was final while the registers were not those of the watermark

	positions []consumer.Position // by partition
	waiting   map[lane][]rollup.Partial
	marks     [][]rollup.Partial // by partition, then shard; the zero one before the first

	alerts *alerting // nil without rules

	settledChanges int // of the owners: parts are as of them
	flushes        uint64
	flushed        time.Time
	changed        bool // a mark came since the last flush
	told           bool // the observer has seen every row
}

// lane is what one shard sends to one partition.
type lane struct{ partition, shard int }

// openRollup reads the partials to their ends.
func (p *pipeline) openRollup(ctx context.Context) (*metrics, error) {
	core := &p.options.Core
	state, err := aggregate.New(*core) // for the calendar with the core's own defaults
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	producer, err := p.options.outlet(ctx, "")
	if err != nil {
		return nil, err
	}
	m := &metrics{
		pipeline: p,
		sums: rollup.New(rollup.Options{
			Calendar: state.Calendar(), Windows: core.Windows, UsageGrace: core.UsageGrace, Shards: p.partitions,
			Targets: p.options.Targets,
		}),
		calendar: state.Calendar(),
		encoder:  row.Encoder{Dimensions: state.Dimensions(), Windows: core.Windows},
		fetcher:  p.options.logs.Fetcher(consumer.FetcherOptions{MaxWait: min(p.options.MetricsInterval, 100*time.Millisecond)}),
		producer: producer, parts: map[int]*ownPart{},
		waiting: map[lane][]rollup.Partial{},
		marks:   make([][]rollup.Partial, p.partitions),
		alerts:  newAlerting(p, state.Calendar()),
	}
	for partition := range p.partitions {
		m.marks[partition] = make([]rollup.Partial, p.partitions)
		m.positions = append(m.positions, consumer.Position{
			TopicPartition: broker.TopicPartition{Topic: p.options.topic(row.TopicPartials), Partition: int32(partition)}, //nolint:gosec // a partition
			Next:           consumer.FromStart,
		})
	}
	if err := m.readToEnd(ctx); err != nil {
		return nil, err
	}
	return m, m.alerts.begin(ctx, p)
}

// readToEnd takes what lies in the partials up to their ends as of now.
func (m *metrics) readToEnd(ctx context.Context) error {
	for i := range m.positions {
		at := &m.positions[i]
		next, err := m.options.logs.Read(ctx, at.TopicPartition, at.Next, func(r *consumer.Record) error {
			return m.take(int(at.Partition), r)
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", at.TopicPartition, operatorError(err))
		}
		at.Next = next
	}
	return nil
}

// run follows the partials until ctx ends.
func (m *metrics) run(ctx context.Context) error {
	lasting, end := broker.Outlast(ctx, m.options.StopWithin-leaveWithin)
	defer end()
	for {
		if err := m.flushIfDue(lasting); err != nil {
			return err
		}
		batches, err := m.fetcher.Fetch(ctx, m.positions)
		if err != nil {
			return stopped(ctx, err)
		}
		for i := range batches {
			if err := m.takeBatch(ctx, &batches[i]); err != nil {
				return err
			}
		}
	}
}

func (m *metrics) takeBatch(ctx context.Context, b *consumer.Batch) error {
	var unavailable *consumer.ErrUnavailable
	switch {
	case errors.As(b.Err, &unavailable):
		m.warnUnreadable(ctx, b.Err)
		return nil
	case b.Err != nil:
		return operatorError(b.Err)
	}
	for i := range b.Records {
		if err := m.take(int(b.Partition), &b.Records[i]); err != nil {
			return err
		}
	}
	m.positions[b.Partition].Next = b.Next
	return nil
}

// take files one record. Registers wait for the mark that closes their flush, so that the sums are
// never those of half a flush.
func (m *metrics) take(partition int, r *consumer.Record) error {
	if len(r.Value) == 0 {
		return nil // the register of an earlier generation, taken away
	}
	p, err := rollup.DecodePartial(r.Key, r.Value, m.generation)
	if err != nil {
		return fmt.Errorf("%s/%d offset %d: %w", m.options.topic(row.TopicPartials), partition, r.Offset, err)
	}
	if p.Generation != m.generation || p.Shard >= m.partitions {
		return nil
	}
	at := lane{partition, p.Shard}
	if err := m.alerts.take(at, &p); err != nil {
		return fmt.Errorf("%s/%d up to offset %d: %w", m.options.topic(row.TopicPartials), partition, r.Offset, err)
	}
	if !p.IsMark {
		m.waiting[at] = append(m.waiting[at], p)
		return nil
	}
	if p.IsTick { // registers wait on, for the mark of their flush
		return nil
	}
	if p.Version < m.marks[partition][p.Shard].Version {
		return nil
	}
	for i := range m.waiting[at] {
		w := &m.waiting[at][i]
		if err := m.sums.Put(w.Shard, w.Segment, w.Kind, w.Index, w.Register, w.Version); err != nil {
			return fmt.Errorf("%s/%d up to offset %d: %w", m.options.topic(row.TopicPartials), partition, r.Offset, err)
		}
	}
	delete(m.waiting, at)
	m.marks[partition][p.Shard] = p
	m.changed = true
	m.sums.SetWatermark(p.Shard, m.watermarkOf(p.Shard))
	return nil
}

// watermarkOf is how far a shard is complete in every partition.
func (m *metrics) watermarkOf(shard int) event.Time {
	least := m.marks[0][shard].Mark.Watermark
	for partition := range m.marks {
		least = min(least, m.marks[partition][shard].Mark.Watermark)
	}
	return least
}

// complete says whether every shard has said how far it is, and caughtUp whether all have read what
// there was when they started.
func (m *metrics) complete() (complete, caughtUp bool) {
	caughtUp = true
	for shard := range m.partitions {
		if m.watermarkOf(shard) <= 0 {
			return false, false
		}
		for partition := range m.marks {
			caughtUp = caughtUp && m.marks[partition][shard].Mark.CaughtUp
		}
	}
	return true, caughtUp
}

func (m *metrics) flushIfDue(ctx context.Context) error {
	_, changes, known := m.owners.now()
	if !known || !m.changed && changes == m.settledChanges || m.options.schedule.Now().Sub(m.flushed) < m.options.MetricsInterval {
		return nil
	}
	return m.flush(ctx)
}

// flush makes the rows that changed and sends those of our partitions whose content is not what was
// sent last.
func (m *metrics) flush(ctx context.Context) error {
	complete, caughtUp := m.complete()
	if !complete {
		m.changed = false
		return nil
	}
	if ours, err := m.settleParts(ctx); !ours || err != nil {
		return err
	}
	m.changed = false
	m.flushed = m.options.schedule.Now()
	m.bringBackWithheld()
	p := m.newPublication()
	for rows, err := range m.sums.Flush() {
		if err != nil {
			m.options.Metrics.update(func(r *Reading) { r.IdentityBreaks++ })
			return fmt.Errorf("%w: %w", ErrIdentity, err)
		}
		if err := p.add(ctx, rows); err != nil {
			return err
		}
	}
	if err := p.send(ctx); err != nil {
		return err
	}
	if caughtUp {
		if err := p.add(ctx, m.vanished()); err != nil {
			return err
		}
		if err := p.send(ctx); err != nil {
			return err
		}
	}
	if err := m.flushAlerts(ctx); err != nil {
		return err
	}
	watermark := m.sums.Watermark()
	m.options.Metrics.update(func(r *Reading) { r.MetricsWatermark, r.Segments = watermark, m.sums.Segments() })
	if m.options.Observer.Metrics != nil && (len(p.shown) > 0 || !m.told) {
		m.options.Observer.Metrics(p.shown, watermark)
		m.told = true
	}
	return nil
}

// drain reads what the ledger said last and sends what follows from it. run has ended by then.
func (m *metrics) drain(ctx context.Context) error {
	if err := m.readToEnd(ctx); err != nil {
		return err
	}
	if err := m.flush(ctx); err != nil {
		return err
	}
	outlets := make([]outlet, 0, len(m.parts))
	for _, part := range m.parts {
		outlets = append(outlets, part.outlet)
	}
	return m.awaitVisible(ctx, outlets)
}
