package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// watch follows the progress rows, as a reader of committed records sees them, and knows how long they
// stood still although there were events to read; beside it, how much memory the processors take.
type watch struct {
	client   *kgo.Client
	producer *producer
	nemesis  *nemesis

	mu        sync.Mutex
	positions map[string]int64 // by topic/partition: the next one to read
	rows      map[int]progress // the last one by shard
	moved     time.Time        // when a position moved last, or nothing was outstanding
	read      int64
	longest   time.Duration
	during    string // what went on in the longest standstill
	stalled   string
	broken    []string // what a progress row said that it must not
	memory    []sample
}

// progress is a row of the progress topic, as far as it is needed here.
type progress struct {
	Shard     int    `json:"shard"`
	Shards    int    `json:"shards"`
	Positions string `json:"positions"`
	Watermark string `json:"watermark"`
	Epoch     uint64 `json:"epoch"`
	Flush     uint64 `json:"flush"`
	Rows      int64  `json:"rows"`
	Version   uint64 `json:"version"`
}

// sample is the memory of one processor at one moment of one of its lives.
type sample struct {
	processor int
	at        time.Time
	age       time.Duration
	bytes     int64
}

func newWatch(k *cluster, p *producer, n *nemesis) (*watch, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.direct()...), kgo.ConsumeTopics(prefix+"progress"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("watch the progress: %w", err)
	}
	return &watch{
		client: client, producer: p, nemesis: n, positions: map[string]int64{}, rows: map[int]progress{}, moved: time.Now(),
	}, nil
}

// run follows until ctx ends.
func (w *watch) run(ctx context.Context, processors []*processor) {
	var wait sync.WaitGroup
	wait.Go(func() {
		for ctx.Err() == nil {
			w.client.PollFetches(ctx).EachRecord(w.take)
		}
	})
	for ticks := 0; pause(ctx, 100*time.Millisecond) == nil; ticks++ {
		w.look()
		if ticks%20 == 0 {
			w.sampleMemory(processors)
		}
	}
	wait.Wait()
}

// take files one progress row. Within a shard its version rises from row to row, and positions never
// go back in what readers of committed records see when delivery is exactly once; at least once they
// go back at a restart, to what the checkpoint knew.
func (w *watch) take(r *kgo.Record) {
	var row progress
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := json.Unmarshal(r.Value, &row); err != nil {
		w.broken = append(w.broken, fmt.Sprintf("progress row at %d/%d: %v", r.Partition, r.Offset, err))
		return
	}
	if last, ok := w.rows[row.Shard]; ok && row.Version <= last.Version {
		w.broken = append(w.broken, fmt.Sprintf("progress of shard %d at offset %d: version %d after %d", row.Shard, r.Offset, row.Version, last.Version))
	}
	w.rows[row.Shard] = row
	for name, next := range positionsOf(row.Positions) {
		if before := w.positions[name]; next > before {
			w.read += next - before
			w.positions[name] = next
			w.moved = time.Now()
		}
	}
}

// positionsOf reads "topic/partition:next,...".
func positionsOf(text string) map[string]int64 {
	positions := map[string]int64{}
	for one := range strings.SplitSeq(text, ",") {
		at := strings.LastIndexByte(one, ':')
		if at < 0 {
			continue
		}
		if next, err := strconv.ParseInt(one[at+1:], 10, 64); err == nil {
			positions[one[:at]] = next
		}
	}
	return positions
}

// look measures the standstill.
func (w *watch) look() {
	going := w.nemesis.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.producer.acknowledged.Load() <= w.read {
		w.moved = time.Now()
	}
	for _, what := range strings.Split(going, " ") {
		if what != "" && !strings.Contains(w.stalled, what) {
			w.stalled += " " + what
		}
	}
	still := time.Since(w.moved)
	if still > w.longest {
		w.longest, w.during = still, w.stalled
	}
	if still < 200*time.Millisecond {
		w.stalled = ""
	}
}

// behind is how many acknowledged events are not in a progress row.
func (w *watch) behind() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.producer.acknowledged.Load() - w.read
}

// watermark is the one at which all shards stand; an error while they stand at several.
func (w *watch) watermark(shards int) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rows) != shards {
		return "", fmt.Errorf("%d of %d shards have progress rows", len(w.rows), shards)
	}
	first := w.rows[0].Watermark
	for _, row := range w.rows {
		if row.Watermark != first {
			return "", fmt.Errorf("shard %d stands at %s, shard 0 at %s", row.Shard, row.Watermark, first)
		}
	}
	return first, nil
}

// sampleMemory reads the resident memory of every processor that runs.
func (w *watch) sampleMemory(processors []*processor) {
	for _, p := range processors {
		one := p.current()
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", one.cmd.Process.Pid))
		if err != nil || !one.alive() {
			continue
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			continue
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		w.mu.Lock()
		w.memory = append(w.memory, sample{p.number, time.Now(), time.Since(one.began), pages * int64(os.Getpagesize())})
		w.mu.Unlock()
	}
}

func (w *watch) close() { w.client.Close() }

// memoryOf is the most that a processor took, and how fast it grew over the run, by least squares over
// the samples of lives that are older than ten seconds.
func (w *watch) memoryOf(processor int) (peak int64, perMinute float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var x, y []float64
	for _, s := range w.memory {
		if s.processor != processor {
			continue
		}
		peak = max(peak, s.bytes)
		if s.age > 10*time.Second {
			x, y = append(x, s.at.Sub(w.memory[0].at).Minutes()), append(y, float64(s.bytes))
		}
	}
	return peak, slope(x, y)
}

func slope(x, y []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	n := float64(len(x))
	if d := n*sxx - sx*sx; d != 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}
