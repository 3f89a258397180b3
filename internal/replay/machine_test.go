package replay_test

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// machine is the whole core as the service puts it together: states that share the accounts, a
// rollup over them, and a consumer that keeps of every key the row sent last.
type machine struct {
	core   aggregate.Options
	states []*aggregate.State
	store  []map[string][]byte // what the checkpoint of each shard holds

	programs []string // what each shard is of; "" keeps nothing of what it derives
	rollup   *rollup.Rollup
	version  uint64
	now      event.Time
	sink     rows
	sent     []sentRow // movements since the last look
	months   []sentRow // account_months since the last look

	room     int64 // of the states; 0 for no limit
	horizons bool  // those of the watermark hold, as in the service
	partials map[partialKey]aggregate.Register
}

// partialKey is the key of a register in the partials topic.
type partialKey struct {
	shard   int
	segment aggregate.Segment
	kind    aggregate.Kind
	index   int32
}

// rows are what a consumer holds: the last row of each key. I1 covers their bytes.
type rows struct {
	ledger  table
	metrics map[metricKey]rollup.Row // encoded only when looked at: equal rows are equal bytes
	encoder row.Encoder
}

type metricKey struct {
	segment  aggregate.Segment
	kind     aggregate.Kind
	interval string
	signal   string
}

// table is encoded rows by topic and key.
type table map[string][]byte

// sentRow is a row on its way out.
type sentRow struct {
	value             []byte
	restated, deleted bool
}

func newMachine(core aggregate.Options, shards int) (*machine, error) {
	m := &machine{core: core, partials: map[partialKey]aggregate.Register{}}
	for range shards {
		s, err := m.newState("")
		if err != nil {
			return nil, err
		}
		m.states = append(m.states, s)
		m.programs = append(m.programs, "")
		m.store = append(m.store, map[string][]byte{})
	}
	m.newRollup()
	m.sink = m.noRows()
	return m, nil
}

// newState is of a program: another one does not trust what it derives.
func (m *machine) newState(program string) (*aggregate.State, error) {
	s, err := aggregate.New(m.core)
	if err == nil {
		s.LimitRoom(m.room)
		s.Trust(program)
	}
	return s, err
}

// park has every account parked that is at rest.
func (m *machine) park() {
	m.room = 1
	for _, s := range m.states {
		s.LimitRoom(m.room)
	}
}

func (m *machine) noRows() rows {
	return rows{table{}, map[metricKey]rollup.Row{}, m.encoder()}
}

func (m *machine) newRollup() {
	m.rollup = rollup.New(rollup.Options{
		Calendar: m.states[0].Calendar(), Windows: m.core.Windows, UsageGrace: m.core.UsageGrace, Shards: len(m.states),
	})
}

// shardOf spreads accounts over shards.
func shardOf(account string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(account))
	return int(h.Sum32() % uint32(n))
}

func (m *machine) apply(e *event.Event) (aggregate.Outcome, *event.Rejection) {
	return m.states[shardOf(e.Subject, len(m.states))].Apply(e)
}

func (m *machine) advance(t event.Time) {
	m.now = max(m.now, t)
	for _, s := range m.states {
		s.AdvanceTo(t)
	}
}

// setHorizons moves the horizons to the watermark, after everything behind them was sent.
func (m *machine) setHorizons() {
	for _, s := range m.states {
		if m.horizons {
			s.SetHorizons(s.Calendar().Horizons(m.now))
			s.Freeze()
		}
	}
}

func (m *machine) encoder() row.Encoder {
	return row.Encoder{Dimensions: m.states[0].Dimensions(), Windows: m.core.Windows}
}

// stamp is the same for every row, so that equal figures are equal bytes.
var stamp = row.Stamp{Version: 1}

// flush sends what changed, and keeps the records as a checkpoint does.
func (m *machine) flush() error {
	for i := range m.states {
		if err := m.flushShard(i); err != nil {
			return err
		}
	}
	return m.flushRollup()
}

// flushShard sends what changed in one shard, its registers to the rollup, and keeps its records.
func (m *machine) flushShard(i int) error {
	m.version++
	s := m.states[i]
	u := s.Flush()
	m.send(&u)
	if err := m.put(i, s, m.rollup, &u); err != nil {
		return err
	}
	if err := s.Check(); err != nil {
		return err
	}
	s.KeepDerived()
	for _, k := range s.TakeKept() {
		_, known := m.store[i][string(k.Key)]
		if k.Delete {
			delete(m.store[i], string(k.Key))
			continue
		}
		if known && !k.Replaces {
			return fmt.Errorf("the record %q is kept twice and does not say that it replaces one", k.Key)
		}
		m.store[i][string(k.Key)] = k.Value
	}
	return nil
}

func (m *machine) flushRollup() error {
	for made, err := range m.rollup.Flush() {
		if err != nil {
			return err
		}
		m.sink.put(made)
	}
	m.setHorizons()
	for _, s := range m.states {
		if m.horizons && m.version%2 == 0 {
			s.Forget()
		}
	}
	return nil
}

// put hands a shard's registers to a rollup.
func (m *machine) put(shard int, s *aggregate.State, r *rollup.Rollup, u *aggregate.Updates) error {
	for j := range u.Registers {
		g := &u.Registers[j]
		register := g.Register
		segment := s.Segment(g.Key.Segment)
		if g.Deleted {
			register = nil
			delete(m.partials, partialKey{shard, segment, g.Key.Kind, g.Key.Index})
		} else {
			m.partials[partialKey{shard, segment, g.Key.Kind, g.Key.Index}] = *register
		}
		if err := r.Put(shard, s.Segment(g.Key.Segment), g.Key.Kind, g.Key.Index, register, m.version); err != nil {
			return err
		}
	}
	r.SetWatermark(shard, m.now)
	return nil
}

// send upserts the rows of one flush, and notes the movements.
func (m *machine) send(u *aggregate.Updates) {
	enc := m.encoder()
	for i := range u.Movements {
		r := u.Movements[i]
		m.sent = append(m.sent, sentRow{enc.Movement(nil, &r, stamp), r.Restated, r.Deleted})
	}
	for i := range u.Months {
		r := u.Months[i]
		m.months = append(m.months, sentRow{enc.Month(nil, &r, stamp), r.Restated, r.Deleted})
	}
	m.sink.ledger.send(enc, u)
}

func (t table) put(topic row.Topic, key, value []byte, deleted bool) {
	name := string(topic) + " " + string(key)
	if deleted {
		delete(t, name)
		return
	}
	t[name] = value
}

// send upserts the rows of a state; restated says how a row came about, so it is left out.
func (t table) send(enc row.Encoder, u *aggregate.Updates) {
	for i := range u.Movements {
		r := u.Movements[i]
		r.Restated = false
		t.put(row.TopicMovements, enc.MovementKey(nil, &r), enc.Movement(nil, &r, stamp), r.Deleted)
	}
	for i := range u.Accounts {
		r := &u.Accounts[i]
		t.put(row.TopicAccounts, enc.AccountKey(nil, r), enc.Account(nil, r, stamp), false)
	}
	for i := range u.Signals {
		r := u.Signals[i]
		r.Restated = false
		t.put(row.TopicSignals, enc.SignalKey(nil, &r), enc.Signal(nil, &r, stamp), r.Deleted)
	}
	for i := range u.Months {
		r := u.Months[i]
		r.Restated = false
		t.put(row.TopicAccountMonths, enc.MonthKey(nil, &r), enc.Month(nil, &r, stamp), r.Deleted)
	}
}

// put upserts rows of the rollup; how many shards made them is no figure.
func (r *rows) put(made []rollup.Row) {
	for _, row := range made {
		key := metricKey{row.Segment, row.Kind, row.Interval, row.Signal}
		if row.Deleted {
			delete(r.metrics, key)
			continue
		}
		row.Restated, row.CompleteShards, row.Shards = false, 0, 0
		r.metrics[key] = row
	}
}

// table is all rows as bytes.
func (r *rows) table() table {
	t := maps.Clone(r.ledger)
	for _, m := range r.metrics {
		t.put(row.MetricTopic(&m), r.encoder.MetricKey(nil, &m), r.encoder.Metric(nil, &m, stamp), false)
	}
	return t
}

// scratch is every row as it comes from nothing but the states as they are: Everything, and a
// rollup that never knew anything else.
func (m *machine) scratch() (rows, error) {
	t := m.noRows()
	fresh := rollup.New(rollup.Options{
		Calendar: m.states[0].Calendar(), Windows: m.core.Windows, UsageGrace: m.core.UsageGrace, Shards: len(m.states),
	})
	for i, s := range m.states {
		u := s.Everything()
		t.ledger.send(m.encoder(), &u)
		if err := m.put(i, s, fresh, &u); err != nil {
			return t, err
		}
	}
	for made, err := range fresh.Flush() {
		if err != nil {
			return t, err
		}
		t.put(made)
	}
	return t, nil
}

// restart throws the states and the rollup away and makes them again from what the checkpoint
// holds.
func (m *machine) restart(dice *rand.Rand) error {
	for i := range m.states {
		if err := m.reload(i, dice); err != nil {
			return err
		}
	}
	m.advance(m.now)
	m.setHorizons()
	m.newRollup()
	if err := m.readPartials(); err != nil {
		return err
	}
	return m.flush()
}

// reload throws one shard's state away and makes it again: from what it had derived, or, as another program
// does, from its events in any order; then what it sends is all of its rows.
func (m *machine) reload(shard int, dice *rand.Rand) error {
	keys := slices.Sorted(maps.Keys(m.store[shard]))
	derives := m.programs[shard] == "" || dice.IntN(2) == 0
	if derives {
		m.programs[shard] = fmt.Sprint("program ", m.version)
		dice.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
	}
	s, err := m.newState(m.programs[shard])
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.RestoreKept([]byte(key), m.store[shard][key]); err != nil {
			return err
		}
	}
	if resumed, err := s.EndRestore(); err != nil || resumed == derives && s.Accounts() > 0 {
		return fmt.Errorf("the state is resumed: %t, and should derive: %t: %w", resumed, derives, err)
	}
	s.AdvanceTo(m.now)
	m.states[shard] = s
	return nil
}

// readPartials gives a new rollup what the partials topic holds.
func (m *machine) readPartials() error {
	for key, register := range m.partials {
		if err := m.rollup.Put(key.shard, key.segment, key.kind, key.index, &register, m.version); err != nil {
			return err
		}
	}
	return nil
}

// diff tells the first differences of what two consumers hold, "" when they are the same bytes.
func diff(got, want rows) string {
	var g, w []byte
	same := func(x, y rollup.Row) bool { // a row may point to what it was made from
		if x == y {
			return true
		}
		g, w = got.encoder.Metric(g[:0], &x, stamp), got.encoder.Metric(w[:0], &y, stamp)
		return bytes.Equal(g, w)
	}
	if maps.EqualFunc(got.metrics, want.metrics, same) && maps.EqualFunc(got.ledger, want.ledger, bytes.Equal) {
		return ""
	}
	return diffTables(got.table(), want.table())
}

func diffTables(got, want table) string {
	var b bytes.Buffer
	n := 0
	names := maps.Clone(got)
	maps.Copy(names, want)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		g, w := got[name], want[name]
		if bytes.Equal(g, w) {
			continue
		}
		if n++; n > 4 {
			continue
		}
		switch {
		case g == nil:
			fmt.Fprintf(&b, "missing: %s\n", name)
		case w == nil:
			fmt.Fprintf(&b, "too much: %s\n", name)
		default:
			fmt.Fprintf(&b, "%s: %s\n", name, cells(g, w))
		}
	}
	if n == 0 {
		return ""
	}
	fmt.Fprintf(&b, "%d rows differ", n)
	return b.String()
}

// cells lists the columns in which two rows differ.
func cells(got, want []byte) string {
	g, w := columnsOf(got), columnsOf(want)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if g[name] != w[name] {
			list = append(list, fmt.Sprintf("%s is %v, want %v", name, g[name], w[name]))
		}
	}
	return fmt.Sprint(list)
}
