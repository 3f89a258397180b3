package pipeline

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"processor/internal/company"
	"processor/internal/kafkatest"
	"processor/internal/row"
)

// errCrash ends a run where a crash would: nothing is flushed, saved or committed after it.
var errCrash = errors.New("crash")

// crasher ends the run at the n-th pass of a point.
type crasher struct {
	mu    sync.Mutex
	point string
	left  int
}

func (c *crasher) step(point string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if point != c.point {
		return nil
	}
	if c.left--; c.left == 0 {
		return errCrash
	}
	return nil
}

// crashAt runs the service into a crash. It reports whether the point was passed often enough; a
// run that stays alive is stopped in order.
func (w *world) crashAt(point string, pass int) bool {
	w.t.Helper()
	o := w.options()
	c := &crasher{point: point, left: pass}
	o.step = c.step
	flushes := 0
	err := w.runUntil(o, func(s Status) bool {
		flushes++
		return s.Ready() && flushes > 30
	})
	if err != nil && !errors.Is(err, errCrash) {
		w.t.Fatal(err)
	}
	return err != nil
}

// points are all places at which a run can be ended, by delivery: there is nothing to send again where
// every flush is seen whole or not at all.
var points = map[Delivery][]string{
	AtLeastOnce: {"fetched", "applied", "derived", "published", "sent again", "saving", "saved a shard", "saved", "metrics published"},
	ExactlyOnce: {"fetched", "applied", "derived", "sent", "published", "saving", "saved a shard", "saved", "metrics published"},
}

// Crashes at every point, with a few records between them, leave the rows of a replay.
func TestCrashesLeaveTheRowsOfReplay(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		if testing.Short() && d == ExactlyOnce { // the race detector makes it ten times slower
			continue
		}
		t.Run(d.String(), func(t *testing.T) { crashEverywhere(t, StoreDir, d, points[d]) })
	}
}

func crashEverywhere(t *testing.T, store string, delivery Delivery, points []string) {
	w := newWorld(t, 2)
	w.store = store
	w.change = func(o *Options) {
		o.Delivery, o.FlushRecords, o.CheckpointInterval, o.fetchBytes = delivery, 50, 1, 1
	}
	events, rounds := 2000, 3*len(points)
	if testing.Short() { // the race detector makes it ten times slower
		events, rounds = 600, len(points)
	}
	records := companyEvents(t, events, "light")
	dice := rand.New(rand.NewPCG(1, 2))
	crashes := map[string]int{}
	spare := records[len(records)-len(records)/10:]
	for i, slice := range slices.Collect(slices.Chunk(records[:len(records)-len(spare)], len(records)/rounds+1)) {
		w.write(slice)
		point, pass := points[i%len(points)], 1
		if i >= len(points) { // some points are passed but once in a run, on a slow machine
			pass += dice.IntN(3)
		}
		if w.crashAt(point, pass) {
			crashes[point]++
		}
	}
	for _, point := range points {
		for tries := 0; crashes[point] == 0 && tries < 8 && len(spare) > 10 && !testing.Short(); tries++ {
			// On a slow machine the first flush of a run may have no rows, and nothing to send again: a later one each time.
			w.write(spare[:5])
			w.crashAt("published", 1+tries)
			w.write(spare[5:10])
			if spare = spare[10:]; w.crashAt(point, 1) {
				crashes[point]++
			}
		}
		if crashes[point] == 0 && !testing.Short() { // few passes reach the rarer points
			t.Errorf("no crash at %q: the point is never passed", point)
		}
	}
	w.write(spare)
	w.run()
	w.compare()
	if delivery == ExactlyOnce {
		w.eachOnce()
	}
}

// subscription is an event that sets the seats of an account's one subscription.
func subscription(id, account, at string, seats int) company.Record {
	value := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":"subscription.changed","subject":%q,"time":%q,"data":{`+
		`"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","quantity":"%d","unit_price":"10","currency":"USD"}]}}`,
		id, account, at, seats)
	if seats == 0 {
		value = fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":"subscription.changed","subject":%q,"time":%q,`+
			`"data":{"subscription":"s1","status":"canceled","items":[]}}`, id, account, at)
	}
	return company.Record{Key: []byte(account), Value: []byte(value)}
}

func revocation(id, account, at, target string) company.Record {
	return company.Record{Key: []byte(account), Value: fmt.Appendf(nil,
		`{"specversion":"1.0","id":%q,"source":"test","type":"event.revoked","subject":%q,"time":%q,"data":{"revokes":{"source":"test","id":%q}}}`,
		id, account, at, target)}
}

// Two events that cancel out: the first one's rows were sent before the crash, and the run after it
// meets both in one flush, in which nothing seems to change, or rows never come to be.
func TestRowsOfACrashedRunAreTakenBack(t *testing.T) {
	t.Parallel() // it mostly waits
	second := subscription("e2", "acme", "2025-04-01T00:00:00Z", 5)
	cases := []struct {
		name   string
		cancel company.Record
	}{
		{"revoked", revocation("e3", "acme", "2025-04-02T00:00:00Z", "e2")},
		{"moved into another month", movedTo(second, "2025-06-01T00:00:00Z")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
			w.run()
			w.write([]company.Record{second})
			w.crashAfterRow(`"month":"2025-04"`)
			w.write([]company.Record{c.cancel})
			w.run()
			w.compare()
		})
	}
}

// A debt outlives a crash of the run that should have paid it, also when that run has saved since.
func TestDebtOutlivesACheckpoint(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 1)
	w.write([]company.Record{subscription("e1", "acme", "2024-12-01T00:00:00Z", 1)})
	w.run()
	second := subscription("e2", "acme", "2025-01-01T00:00:00Z", 5)
	w.write([]company.Record{second})
	w.crashAfterRow(`"month":"2025-01"`)
	w.write([]company.Record{movedTo(second, "2025-06-01T00:00:00Z")})
	for slice := range slices.Chunk(companyEvents(t, 600, "none"), 100) { // in batches of their own
		w.write(slice)
	}
	o := w.options() // one write a fetch, a flush and a checkpoint behind the second event of the two
	o.FlushRecords, o.FlushInterval, o.MetricsInterval, o.CheckpointInterval, o.fetchBytes = 2, time.Hour, 1, 1, 1
	saved, flushed := make(chan struct{}), false
	o.step = func(point string) error {
		switch point {
		case "saved":
			close(saved)
		case "derived": // the first flush is behind both events of the two
			flushed = true
		case "applied":
			if flushed { // they are saved, and there is more to read
				<-saved
				return errCrash
			}
		}
		return nil
	}
	var last Status
	o.Observer.Status = func(s Status) { last = s }
	if err := Run(kafkatest.Context(t), o); !errors.Is(err, errCrash) || last.Phase != PhaseCatchingUp {
		t.Fatalf("got %v while %s; want a crash while catching up", err, last.Phase)
	}
	w.run()
	w.compare()
}

// movedTo is the next revision of an event, effective at another time.
func movedTo(r company.Record, at string) company.Record {
	value := strings.Replace(string(r.Value), `"source":`, `"revision":2,"source":`, 1)
	value = strings.Replace(value, `"subscription":"s1"`, fmt.Sprintf(`"subscription":"s1","effective_at":%q`, at), 1)
	return company.Record{Key: r.Key, Value: []byte(value)}
}

// crashAfterRow runs the service until a row whose key contains the text was sent, and crashes it
// before anything is saved.
func (w *world) crashAfterRow(text string) {
	w.t.Helper()
	o := w.options()
	o.CheckpointInterval = time.Hour
	o.step = func(point string) error {
		if point != "metrics published" {
			return nil
		}
		for key := range w.got() {
			if strings.Contains(key, text) {
				return errCrash
			}
		}
		return nil
	}
	if err := w.runUntil(o, func(Status) bool { return false }); !errors.Is(err, errCrash) {
		w.t.Fatalf("got %v, want the crash", err)
	}
}

// A restart without news sends no row, and a second one neither.
func TestRestartWithoutNewsSendsNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.write(companyEvents(t, 500, "light"))
	w.run()
	before := w.counts()
	for range 2 {
		w.run()
		if after := w.counts(); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Fatalf("records before %v, after a restart %v", before, after)
		}
	}
	w.compare()
}

// counts are the records of every topic of rows.
func (w *world) counts() map[row.Topic]int {
	counts := map[row.Topic]int{}
	for _, topic := range append([]row.Topic{row.TopicDeadLetters}, rowTopics...) {
		counts[topic] = len(w.kafka.Read(w.t, w.prefix+string(topic)))
	}
	return counts
}

// A lost checkpoint directory costs time and no row: the log still has everything, and rows of the
// earlier life that are not made again are taken back.
func TestLostDirectory(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.write(companyEvents(t, 500, "light"))
	w.run()
	first := w.progress()
	w.dir = t.TempDir()
	w.run()
	w.compare()
	for shard, r := range w.progress() {
		if r.Epoch <= first[shard].Epoch {
			t.Errorf("shard %d has epoch %d after %d: its rows would lose against the old ones", shard, r.Epoch, first[shard].Epoch)
		}
	}
}

// A new meaning in a new directory, written over the old one's topics: what it does not make any
// more is taken back, registers of the old meaning are not summed.
func TestNewMeaningTakesBackOldRows(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.write(companyEvents(t, 300, "none"))
	w.run()
	w.dir, w.core.Groupings, w.core.Coalesce = t.TempDir(), [][]string{{"plan_tier"}}, 0
	w.run()
	w.compare()
	w.core.Groupings = [][]string{{"region"}}
	w.dir = t.TempDir()
	w.run()
	w.compare()
}

// The versions of a key only rise, over all restarts (got looks), and a progress row adds up.
func TestProgressRows(t *testing.T) {
	w := newWorld(t, 2)
	w.write(companyEvents(t, 300, "none"))
	w.run()
	var read int64
	for shard, r := range w.progress() {
		if r.Shard != shard || r.Shards != 2 || r.Version != r.Epoch<<40|r.Flush || r.Digest == "0000000000000000" {
			t.Errorf("progress row %+v", r)
		}
		for _, next := range positionsIn(r.Positions) {
			read += next
		}
	}
	if read != int64(len(w.events)) {
		t.Errorf("positions add up to %d of %d records", read, len(w.events))
	}
}

// Every record has exactly one result (invariant I3), and the results add up to the positions.
func TestRecordsAreConserved(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 3)
	w.write(companyEvents(t, 1500, "heavy"))
	w.run()
	var read, results, positions int64
	reading := w.metrics.Read()
	for _, p := range reading.Partitions {
		read += p.Read
		positions += p.Position
		for _, n := range p.Results {
			results += n
		}
		if p.LagRecords != 0 {
			t.Errorf("lag of %d records at the end", p.LagRecords)
		}
	}
	if n := int64(len(w.events)); read != n || results != n || positions != n {
		t.Errorf("%d records: %d read, %d results, positions %d", n, read, results, positions)
	}
	var rejected, byReason int64
	for _, p := range reading.Partitions {
		rejected += p.Results[ResultRejected]
	}
	for _, n := range reading.Rejections {
		byReason += n
	}
	if letters := len(w.kafka.Read(t, w.prefix+"dead-letters")); rejected == 0 || rejected != byReason || int64(letters) != rejected {
		t.Errorf("%d rejected, %d by reason, %d dead letters", rejected, byReason, letters)
	}
	w.compare()
}
