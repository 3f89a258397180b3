package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// killEvents is how many events TestKilledProcess loads; PROCESSOR_KILL_EVENTS changes it.
const killEvents = 20_000

// The whole program, killed twice on its way with SIGKILL, then stopped in order with SIGTERM,
// leaves the rows that `replay` prints for the same events.
func TestKilledProcess(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("builds the program")
	}
	events := killEvents
	if text := os.Getenv("PROCESSOR_KILL_EVENTS"); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil {
			t.Fatalf("PROCESSOR_KILL_EVENTS: %v", err)
		}
	}
	binary := filepath.Join(t.TempDir(), "processor")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "processor/cmd/processor").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	w := newWorld(t, 4)
	records := companyEvents(t, events, "light")
	config := filepath.Join(t.TempDir(), "processor.yaml")
	text := fmt.Sprintf(`kafka: {brokers: [%q]}
group: %s
sources: [{topic: %s, format: native, keyed_by_account: true}]
output: {prefix: %q, metrics_interval: 100ms, flush_interval: 50ms}
checkpoint: {store: dir, dir: %q, interval: 300ms}
groupings: [[region], [plan_tier, region]]
http: {address: "127.0.0.1:0"}
`, w.kafka.Brokers[0], w.prefix+"group", w.topic, w.prefix, w.dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	part := len(records) / 3
	for kill := range 2 {
		before := w.epochs()
		p := startProcess(t, binary, config)
		w.awaitEpochs(p, before)
		loaded := make(chan struct{})
		go func() { // while the program runs, so that the kill falls in the middle
			defer close(loaded)
			for slice := range slices.Chunk(records[kill*part:(kill+1)*part], max(part/20, 1)) {
				w.write(slice)
			}
		}()
		read := w.awaitProgress(p, int64(kill*part+part/2))
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		t.Logf("kill %d after %d of %d records", kill+1, read, len(records))
		if err := p.wait(); err == nil {
			t.Fatal("the process ended in order before it was killed")
		}
		<-loaded
	}
	w.write(records[2*part:])
	before := w.epochs()
	p := startProcess(t, binary, config)
	w.awaitCaughtUp(p, before)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Fatalf("the process did not end with exit code 0: %v\n%s", err, p.log.Bytes())
	}
	t.Logf("%d records, two kills and an orderly stop in %s", len(w.events), time.Since(begun).Round(time.Millisecond))
	w.clock = w.lastWatermark().Add(10 * time.Minute)
	w.compare()
}

// process is one run of the program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  lockedBuffer
	done chan struct{}
	err  error
}

// lockedBuffer is a bytes.Buffer for two goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// Bytes is what was written so far.
func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func startProcess(t *testing.T, binary, config string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), binary, "run", "--config", config), done: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Stdout = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended long ago
		<-p.done
	})
	return p
}

func (p *process) wait() error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(time.Minute):
		p.t.Fatalf("the process does not end\n%s", p.log.Bytes())
		return nil
	}
}

// awaitProgress waits until the progress rows say that so many records were read, and returns how
// many they were then.
func (w *world) awaitProgress(p *process, records int64) (read int64) {
	w.t.Helper()
	w.await(p, func() bool {
		read = 0
		for _, r := range w.progress() {
			for _, at := range positionsIn(r.Positions) {
				read += at
			}
		}
		return read >= records
	})
	return read
}

// epochs are those in the last progress row of each shard.
func (w *world) epochs() map[int]uint64 {
	w.t.Helper()
	epochs := map[int]uint64{}
	for shard, r := range w.progress() {
		epochs[shard] = r.Epoch
	}
	return epochs
}

// awaitEpochs waits until every shard has been opened since.
func (w *world) awaitEpochs(p *process, before map[int]uint64) {
	w.t.Helper()
	w.await(p, func() bool {
		now := w.epochs()
		for shard, epoch := range now {
			if epoch <= before[shard] {
				return false
			}
		}
		return len(now) == w.partitions
	})
}

// awaitCaughtUp waits until every shard has a later epoch and its watermark follows the clock, which
// it does at the end of its partitions only.
func (w *world) awaitCaughtUp(p *process, before map[int]uint64) {
	w.t.Helper()
	now := time.Now()
	w.await(p, func() bool {
		rows := w.progress()
		var read int64
		for shard, r := range rows {
			at, err := time.Parse(time.RFC3339Nano, r.Watermark)
			if err != nil || now.Sub(at) > time.Hour || r.Epoch <= before[shard] {
				return false
			}
			for _, at := range positionsIn(r.Positions) {
				read += at
			}
		}
		return read >= int64(len(w.events))
	})
}

// await polls a condition for as long as the process lives, at most ten minutes.
func (w *world) await(p *process, condition func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Minute)
	for !condition() {
		select {
		case <-p.done:
			w.t.Fatalf("the process ended: %v\n%s", p.err, p.log.Bytes())
		case <-deadline:
			w.t.Fatalf("the process did not get there within ten minutes\n%s", p.log.Bytes())
		case <-tick.C:
		}
	}
}

// lastWatermark is the one at which all shards stand after a graceful stop.
func (w *world) lastWatermark() time.Time {
	w.t.Helper()
	var last time.Time
	for _, r := range w.progress() {
		at, err := time.Parse(time.RFC3339Nano, r.Watermark)
		if err != nil {
			w.t.Fatal(err)
		}
		if !last.IsZero() && !at.Equal(last) {
			w.t.Fatalf("shards stopped at %s and %s", last, at)
		}
		last = at
	}
	return last
}
