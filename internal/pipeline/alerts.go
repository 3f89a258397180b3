package pipeline

import (
	"context"
	"fmt"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/rollup"
	"processor/internal/row"
)

// alerting is the rollup's watch over slowdowns. Every instance reads all partials and so evaluates all
// alerts, each minute in turn; it publishes those of its partitions. The topic of the alerts is their
// memory: a start goes on with the states that it finds there. A nil one watches nothing.
type alerting struct {
	watch    *alert.Watch
	begun    bool // what lay in the partials at the start is no news
	waiting  map[lane][]alert.Register
	versions map[lane]uint64 // of the last mark or tick
	gone     []alert.Alert   // of rules that are no more
}

// newAlerting is nil where there are no rules.
func newAlerting(p *pipeline, calendar *aggregate.Calendar) *alerting {
	core := &p.options.Core
	if len(p.options.Alerts) == 0 {
		return nil
	}
	return &alerting{
		waiting: map[lane][]alert.Register{}, versions: map[lane]uint64{},
		watch: alert.New(alert.Options{
			Rules: p.options.Alerts, Groupings: core.Groupings, Windows: core.Windows, Calendar: calendar,
			UsageGrace: core.UsageGrace, Targets: p.options.Targets, Shards: p.partitions, Lanes: p.partitions,
		}),
	}
}

// take files one record of the partials. Registers wait for the mark or tick that closes them.
func (a *alerting) take(at lane, p *rollup.Partial) error {
	if a == nil {
		return nil
	}
	if !p.IsMark {
		a.waiting[at] = append(a.waiting[at], alert.Register{
			Segment: p.Segment, Kind: p.Kind, Index: p.Index, Register: p.Register, Version: p.Version, Accounts: p.Accounts,
		})
		return nil
	}
	if p.Version < a.versions[at] { // of a former owner
		return nil
	}
	a.versions[at] = p.Version
	registers := a.waiting[at]
	delete(a.waiting, at)
	if a.begun {
		return a.watch.Take(at.shard, at.partition, alert.Entry{
			Watermark: p.Mark.Watermark, Heard: p.Mark.Heard, History: p.Mark.History, Registers: registers,
		})
	}
	for i := range registers {
		if err := a.watch.Prime(at.shard, &registers[i]); err != nil {
			return err
		}
	}
	a.watch.Primed(at.shard, at.partition, p.Mark.Watermark, p.Mark.Heard)
	return nil
}

// begin goes on with the alerts as they were said last, by whoever it was. What was read of the partials
// before it is the state that they are looked at with: which minutes it came in, a compacted topic does not
// tell any more.
func (a *alerting) begin(ctx context.Context, p *pipeline) error {
	if a == nil {
		return nil
	}
	a.begun = true
	for partition := range p.partitions {
		said, err := readAlerts(ctx, &p.options, partition)
		if err != nil {
			return err
		}
		for _, key := range said.keys() {
			if one := said.latest[key]; a.watch.Restore(one) {
				a.gone = append(a.gone, one)
			}
		}
	}
	return nil
}

// saidAlerts are the alerts as a partition of their topic says last; not those that are deleted.
type saidAlerts struct {
	latest map[alert.Key]alert.Alert
	epoch  uint64 // the highest in the partition
}

// readAlerts reads a partition of the alerts from its beginning.
func readAlerts(ctx context.Context, o *Options, partition int) (saidAlerts, error) {
	said := saidAlerts{latest: map[alert.Key]alert.Alert{}}
	tp := broker.TopicPartition{Topic: o.topic(row.TopicAlerts), Partition: int32(partition)} //nolint:gosec // a partition
	_, err := o.logs.Read(ctx, tp, consumer.FromStart, func(r *consumer.Record) error {
		if r.Value == nil {
			return nil
		}
		one, version, err := row.ReadAlert(r.Value)
		if err != nil {
			return fmt.Errorf("row at offset %d: %w", r.Offset, err)
		}
		said.epoch = max(said.epoch, version>>40)
		said.note(one)
		return nil
	})
	if err != nil {
		return said, fmt.Errorf("read the alerts in %s: %w", tp, operatorError(err))
	}
	return said, nil
}

// note remembers an alert as it is said.
func (s *saidAlerts) note(a alert.Alert) {
	if a.Deleted {
		delete(s.latest, a.Key)
	} else {
		s.latest[a.Key] = a
	}
}

func (s *saidAlerts) keys() []alert.Key {
	keys := make([]alert.Key, 0, len(s.latest))
	for key := range s.latest {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, alert.Key.Compare)
	return keys
}

// says whether the topic has an alert as it stands.
func (s *saidAlerts) says(a *alert.Alert) bool {
	said, found := s.latest[a.Key]
	return found && said.State == a.State && said.Since == a.Since
}

// partOfAlert is the partition that an alert goes to, nil where another instance publishes it.
func (m *metrics) partOfAlert(key alert.Key) *ownPart {
	return m.parts[segmentPartition(aggregate.Segment{Grouping: key.Grouping, Name: key.Segment}, m.partitions)]
}

// flushAlerts looks at the minutes that all shards have come to and sends what changed. What a former
// owner did not live to say of a partition of ours, it says first.
func (m *metrics) flushAlerts(ctx context.Context) error {
	if m.alerts == nil {
		return nil
	}
	list := m.owedAlerts()
	changes, err := m.alerts.watch.Advance()
	if err != nil {
		m.options.Metrics.update(func(r *Reading) { r.IdentityBreaks++ })
		return fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	list = append(list, changes...)
	list = slices.DeleteFunc(list, func(a alert.Alert) bool { return m.partOfAlert(a.Key) == nil })
	if err := m.sendAlerts(ctx, list); err != nil {
		return err
	}
	waiting, merged := m.alerts.watch.Waiting()
	m.options.Metrics.update(func(r *Reading) { r.AlertsWaiting, r.AlertsMerged = waiting, merged })
	if m.options.Observer.Alerts != nil {
		m.options.Observer.Alerts(list, m.alerts.watch.Board(func(key alert.Key) bool { return m.partOfAlert(key) != nil }))
	}
	return nil
}

// owedAlerts are those that the topic does not have as they stand, and those of rules that are gone.
func (m *metrics) owedAlerts() (list []alert.Alert) {
	all := m.alerts.watch.Alerts()
	for i := range all {
		if part := m.partOfAlert(all[i].Key); part != nil && !part.alerts.says(&all[i]) {
			list = append(list, all[i])
		}
	}
	for _, one := range m.alerts.gone {
		if part := m.partOfAlert(one.Key); part != nil && part.alerts.says(&one) {
			one.Deleted = true
			list = append(list, one)
		}
	}
	return list
}

// sendAlerts sends changes of state, each under a version of its own: of one key there may be several.
func (m *metrics) sendAlerts(ctx context.Context, list []alert.Alert) error {
	if len(list) == 0 {
		return nil
	}
	var out outbox
	out.reset(m.now())
	for i := range list {
		one := &list[i]
		part := m.partOfAlert(one.Key)
		m.flushes++
		out.add(m.options.topic(row.TopicAlerts), part.number,
			func(dst []byte) []byte { return m.encoder.AlertKey(dst, one) },
			func(dst []byte) []byte {
				stamp := m.stamp(part)
				stamp.KnownAt = max(one.Since, 0)
				return m.encoder.Alert(dst, one, m.options.Core.Currency, stamp)
			})
	}
	if err := m.send(ctx, out.messages); err != nil {
		return fmt.Errorf("publish alerts: %w", err)
	}
	for i := range list {
		if part := m.partOfAlert(list[i].Key); part != nil { // it may have got a newer owner
			part.alerts.note(list[i])
		}
	}
	m.countRows(out.messages)
	return m.step("alerts published")
}
