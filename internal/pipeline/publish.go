package pipeline

import (
	"context"
	"fmt"
	"math"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// publication is one flush of the rollup on its way. Rows come a segment at a time and are encoded at
// once; only what is news is kept, and no more of it than fits one sending.
type publication struct {
	*metrics
	vintage outbox
	first   []freshRow // of the vintage
	out     outbox
	news    map[*ownPart][]sentRow

	from  [aggregate.KindRolling + 1]event.Time // the observer looks no further back
	shown []rollup.Row                          // to it
}

// newPublication begins with a flush.
func (m *metrics) newPublication() *publication {
	m.flushes++
	p := &publication{metrics: m, news: map[*ownPart][]sentRow{}}
	p.vintage.reset(m.now())
	p.out.reset(m.now())
	c := m.calendar
	today := c.Day(m.sums.Watermark())
	for kind, periods := range m.options.Observer.Periods {
		p.from[kind] = math.MinInt64
		if k := aggregate.Kind(kind); periods > 0 && k != aggregate.KindRolling {
			p.from[kind] = c.Start(k, c.Index(k, today)-int32(periods)+1) //nolint:gosec // a few
		}
	}
	return p
}

// add takes the rows of a segment, or those that are no more, and sends when there are enough.
func (p *publication) add(ctx context.Context, rows []rollup.Row) error {
	for _, one := range p.firstFinal(rows) {
		p.vintage.add(p.options.topic(row.TopicVintage), one.part.number,
			func(dst []byte) []byte { return p.encoder.MetricKey(dst, one.row) },
			func(dst []byte) []byte { return p.encoder.Metric(dst, one.row, p.stamp(one.part)) })
		p.first = append(p.first, one)
	}
	for i := range rows {
		r := &rows[i]
		part := p.partOf(r)
		change := rowUnknown
		if part != nil {
			change = p.compare(part, r)
		}
		if p.options.Observer.Metrics != nil && r.Signal == "" && change != rowSame && (r.Deleted || r.StartsAt >= p.from[r.Kind]) {
			p.shown = append(p.shown, *r)
		}
	}
	if len(p.out.messages) < resendRecords && len(p.vintage.messages) < resendRecords {
		return nil
	}
	return p.send(ctx)
}

// compare encodes a row that is news to the readers of its partition.
func (p *publication) compare(part *ownPart, r *rollup.Row) rowChange {
	one, change := part.sent.compare(&p.encoder, r)
	if change != rowNews {
		return change
	}
	p.news[part] = append(p.news[part], one)
	p.out.add(p.options.topic(row.MetricTopic(r)), part.number,
		func(dst []byte) []byte { return append(dst, one.key...) },
		func(dst []byte) []byte { return p.encoder.Metric(dst, r, p.stamp(part)) })
	if r.Deleted && p.options.Tombstones {
		p.out.tombstone()
	}
	return change
}

// send sends what was gathered. The vintage is acknowledged before the metrics are sent: a crash
// between the two leaves a period that is in vintage and will be in metrics, and a crash before it
// leaves one of which no reader was told that it is final. The other way round, the run after a crash
// could report a period with a correction that came in between.
func (p *publication) send(ctx context.Context) error {
	if err := p.sendVintage(ctx); err != nil {
		return err
	}
	if len(p.out.messages) == 0 {
		return nil
	}
	if err := p.metrics.send(ctx, p.out.messages); err != nil {
		return fmt.Errorf("publish metrics: %w", err)
	}
	for part, rows := range p.news {
		part.sent.note(rows)
	}
	p.countRows(p.out.messages)
	p.out.reset(p.now())
	clear(p.news)
	return p.step("metrics published")
}

func (p *publication) sendVintage(ctx context.Context) error {
	if len(p.first) == 0 {
		return nil
	}
	if err := p.metrics.send(ctx, p.vintage.messages); err != nil {
		return fmt.Errorf("publish vintage: %w", err)
	}
	for _, one := range p.first {
		one.part.vintage[one.hash] = struct{}{}
	}
	p.countRows(p.vintage.messages)
	p.vintage.reset(p.now())
	p.first = p.first[:0]
	return p.step("vintage published")
}
