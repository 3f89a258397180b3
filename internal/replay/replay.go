// Package replay runs the core over files of native events, without Kafka and without a clock: it
// is how results are judged from outside. The service must give the same rows for the same
// events (invariant I1).
package replay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// Options are what a replay depends on beside its files.
type Options struct {
	Core    aggregate.Options
	Targets rollup.Targets
	Decoder event.Options
	Shards  int                             // how many states share the accounts; 1 when 0
	ShardOf func(account string, n int) int // needed for more than one shard
	AsOf    event.Time                      // the watermark; NoTime: the largest time of the counted events
	Rows    []row.Topic                     // what to print; all when empty

	// OpenAccountBytes is how much memory accounts may take that are not parked, about; 0 for no limit.
	OpenAccountBytes int64

	// Floor applies the horizons of the service, with the largest time so far as watermark: what comes
	// too late is a dead letter, and what lies below the floor is an opening balance.
	Floor bool
}

// Replay is one run over files.
type Replay struct {
	options  Options
	decoder  *event.Decoder
	shards   []*aggregate.State
	rejected []row.DeadLetter
	read     int64
	outcomes [4]int64
	ignored  int64
	seen     event.Time // the largest time so far
}

// New is a replay that has read nothing yet.
func New(o Options) (*Replay, error) {
	if o.Shards == 0 {
		o.Shards = 1
	}
	if o.Shards > 1 && o.ShardOf == nil {
		return nil, errors.New("replay over several shards needs a partitioner")
	}
	r := &Replay{options: o, decoder: event.NewDecoder(o.Decoder)}
	for range o.Shards {
		s, err := aggregate.New(o.Core)
		if err != nil {
			return nil, err
		}
		s.LimitRoom(o.OpenAccountBytes / int64(o.Shards))
		r.shards = append(r.shards, s)
	}
	return r, nil
}

// Read applies every line of a file. A bad line is a dead letter and never stops the run.
func (r *Replay) Read(name string, in io.Reader) error {
	return eachLine(name, in, func(number int64, line []byte) { r.Apply(name, number, line) })
}

// eachLine calls apply with every line of a file, without its end and counted from 0. The line is
// valid during the call.
func eachLine(name string, in io.Reader, apply func(number int64, line []byte)) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	var long []byte
	for number := int64(0); ; number++ {
		line, err := lines.ReadSlice('\n')
		long = long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			line, err = lines.ReadSlice('\n')
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return fmt.Errorf("read %s, line %d: %w", name, number+1, err)
		}
		if !ended || len(line) > 0 {
			apply(number, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		}
		if ended {
			return nil
		}
	}
}

// Apply decodes and applies one record.
func (r *Replay) Apply(name string, number int64, value []byte) {
	e, rejection := r.decoder.Decode(value, nil)
	if r.tooLate(e, rejection) {
		return
	}
	r.read++
	if e != nil {
		e.Position = event.Position{Topic: name, Offset: number}
		var outcome aggregate.Outcome
		outcome, rejection = r.floored(r.shard(e.Subject)).Apply(e)
		r.seen = max(r.seen, e.Time)
		if rejection == nil {
			r.outcomes[outcome]++
		}
	} else if rejection == nil {
		r.ignored++
	}
	if rejection != nil {
		r.rejected = append(r.rejected, row.DeadLetter{
			Topic: name, Offset: number, Reason: rejection.Reason, Detail: rejection.Detail, Value: bytes.Clone(value),
		})
	}
}

// floored is the shard with the horizons of what was read so far.
func (r *Replay) floored(s *aggregate.State) *aggregate.State {
	if r.options.Floor {
		s.SetHorizons(s.Calendar().Horizons(r.seen))
		s.Freeze()
	}
	return s
}

// tooLate says whether the record's time is readable and after the as-of: it is not read then,
// whatever else is wrong with it.
func (r *Replay) tooLate(e *event.Event, rejection *event.Rejection) bool {
	if r.options.AsOf == event.NoTime {
		return false
	}
	if e != nil {
		return e.Time > r.options.AsOf
	}
	return rejection != nil && rejection.HasTime && rejection.Time > r.options.AsOf
}

func (r *Replay) shard(account string) *aggregate.State {
	if len(r.shards) == 1 {
		return r.shards[0]
	}
	return r.shards[r.options.ShardOf(account, len(r.shards))]
}

// Result is what a replay found.
type Result struct {
	AsOf     event.Time
	Read     int64 // records read = applied + duplicate + amended + revoked + rejected + ignored
	Outcomes [4]int64
	Rejected int64
	Ignored  int64
	Accounts int
	Segments int
}

// Finish moves the watermark to the as-of and writes every final row that is not deleted, sorted
// by topic and key, as NDJSON.
func (r *Replay) Finish(out io.Writer) (Result, error) {
	asOf := r.asOf()
	result := Result{AsOf: asOf, Read: r.read, Outcomes: r.outcomes, Rejected: int64(len(r.rejected)), Ignored: r.ignored}
	c := collector{encoder: row.Encoder{Dimensions: r.shards[0].Dimensions(), Windows: r.options.Core.Windows}, stamp: row.Stamp{Version: 1, KnownAt: asOf}, only: r.options.Rows}
	metrics := rollup.New(rollup.Options{
		Calendar: r.shards[0].Calendar(), Windows: r.options.Core.Windows, UsageGrace: r.options.Core.UsageGrace, Shards: len(r.shards),
		Targets: r.options.Targets,
	})
	for i, s := range r.shards {
		s.AdvanceTo(asOf)
		u := r.floored(s).Everything()
		u.Registers = append(u.Registers, s.Openings()...)
		if err := s.Check(); err != nil {
			return result, err
		}
		c.ledger(&u)
		for j := range u.Registers {
			g := &u.Registers[j]
			if err := metrics.Put(i, s.Segment(g.Key.Segment), g.Key.Kind, g.Key.Index, g.Register, 1); err != nil {
				return result, err
			}
		}
		metrics.SetWatermark(i, asOf)
		result.Accounts += s.Accounts()
	}
	for rows, err := range metrics.Flush() {
		if err != nil {
			return result, err
		}
		for i := range rows {
			c.metric(&rows[i])
		}
	}
	for i := range r.rejected {
		r.rejected[i].At = asOf
		c.deadLetter(&r.rejected[i])
	}
	result.Segments = metrics.Segments()
	return result, c.write(out)
}

// collector gathers encoded rows.
type collector struct {
	encoder row.Encoder
	stamp   row.Stamp
	only    []row.Topic
	rows    []encoded
}

type encoded struct {
	topic row.Topic
	key   []byte
	value []byte
}

func (c *collector) wants(topic row.Topic) bool {
	return len(c.only) == 0 || slices.Contains(c.only, topic)
}

func (c *collector) add(topic row.Topic, key, value []byte) {
	c.rows = append(c.rows, encoded{topic, key, value})
}

func (c *collector) ledger(u *aggregate.Updates) {
	for i := range u.Movements {
		if r := &u.Movements[i]; c.wants(row.TopicMovements) {
			r.Restated = false
			c.add(row.TopicMovements, c.encoder.MovementKey(nil, r), c.encoder.Movement(nil, r, c.stamp))
		}
	}
	for i := range u.Accounts {
		if r := &u.Accounts[i]; c.wants(row.TopicAccounts) {
			c.add(row.TopicAccounts, c.encoder.AccountKey(nil, r), c.encoder.Account(nil, r, c.stamp))
		}
	}
	for i := range u.Signals {
		if r := &u.Signals[i]; c.wants(row.TopicSignals) {
			r.Restated = false
			c.add(row.TopicSignals, c.encoder.SignalKey(nil, r), c.encoder.Signal(nil, r, c.stamp))
		}
	}
	for i := range u.Months {
		if r := &u.Months[i]; c.wants(row.TopicAccountMonths) {
			r.Restated = false
			c.add(row.TopicAccountMonths, c.encoder.MonthKey(nil, r), c.encoder.Month(nil, r, c.stamp))
		}
	}
}

func (c *collector) metric(r *rollup.Row) {
	if topic := row.MetricTopic(r); c.wants(topic) && !r.Deleted {
		r.Restated = false
		c.add(topic, c.encoder.MetricKey(nil, r), c.encoder.Metric(nil, r, c.stamp))
	}
}

func (c *collector) deadLetter(d *row.DeadLetter) {
	if c.wants(row.TopicDeadLetters) {
		c.add(row.TopicDeadLetters, c.encoder.DeadLetterKey(nil, d), c.encoder.DeadLetterRow(nil, d, c.stamp))
	}
}

// write prints the rows sorted by topic and key bytes.
func (c *collector) write(out io.Writer) error {
	slices.SortStableFunc(c.rows, func(a, b encoded) int {
		if a.topic != b.topic {
			if a.topic < b.topic {
				return -1
			}
			return 1
		}
		return bytes.Compare(a.key, b.key)
	})
	w := bufio.NewWriterSize(out, 1<<20)
	for i := range c.rows {
		r := &c.rows[i]
		// The writer keeps its first error for Flush.
		_, _ = fmt.Fprintf(w, `{"topic":%q,"key":%s,"value":%s}`+"\n", r.topic, r.key, r.value)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}
