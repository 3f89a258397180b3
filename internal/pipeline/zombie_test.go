package pipeline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"processor/internal/kafkatest"
)

// A process is frozen for longer than its session, another one takes its shards over, and it wakes in
// the middle of its work: nothing that it does then is seen by readers of committed records, and
// nothing is saved. It goes on as a member of the group, and the rows are those of a replay.
func TestZombieProcess(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("builds the program and waits for the end of a session")
	}
	if !kafkatest.Real() {
		t.Skip("the in-process broker does not compare epochs in InitProducerID: the one that wakes could take its ids back")
	}
	binary := filepath.Join(t.TempDir(), "processor")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "processor/cmd/processor").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	w := newWorld(t, 2)
	config := filepath.Join(t.TempDir(), "processor.yaml")
	text := fmt.Sprintf(`kafka: {brokers: [%q]}
group: %s
sources: [{topic: %s, format: native, keyed_by_account: true}]
output: {prefix: %q, metrics_interval: 100ms, flush_interval: 50ms, delivery: exactly_once}
checkpoint: {store: kafka, interval: 300ms}
groupings: [[region], [plan_tier, region]]
http: {address: "127.0.0.1:0"}
`, w.kafka.Brokers[0], w.prefix+"group", w.topic, w.prefix)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	records := companyEvents(t, 3000, "light")
	zombie := startProcess(t, binary, config)
	w.write(records[:1000])
	w.awaitCaughtUp(zombie, map[int]uint64{})
	loaded := make(chan struct{})
	go func() { // so that it is frozen in the middle of its work
		defer close(loaded)
		for slice := range slices.Chunk(records[1000:2000], 20) {
			w.write(slice)
		}
	}()
	w.awaitProgress(zombie, 1200)
	signal := func(p *process, s syscall.Signal) {
		if err := p.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(zombie, syscall.SIGSTOP)
	<-loaded
	before := w.epochs()
	heir := startProcess(t, binary, config)
	w.awaitEpochs(heir, before)
	w.awaitProgress(heir, 2000)
	heirs := w.epochs()
	signal(zombie, syscall.SIGCONT)
	w.write(records[2000:])
	w.awaitProgress(heir, int64(len(records)))
	w.await(zombie, func() bool { return strings.Count(string(zombie.log.Bytes()), "partitions assigned") >= 2 })
	signal(zombie, syscall.SIGTERM)
	if err := zombie.wait(); err != nil {
		t.Errorf("the frozen one did not end in order: %v\n%s", err, zombie.log.Bytes())
	}
	// The one that woke may have been given a shard and have let it go before it opened it: its epoch does
	// not tell, and nobody would publish its metrics if the heir ended before it has both again.
	w.await(heir, func() bool {
		log := string(heir.log.Bytes())
		now := log[strings.LastIndex(log, "partitions assigned"):]
		return strings.Contains(now, ":[0 1]]") && strings.Contains(now, "caught up")
	})
	signal(heir, syscall.SIGTERM)
	if err := heir.wait(); err != nil {
		t.Fatalf("the heir did not end in order: %v\n%s", err, heir.log.Bytes())
	}
	t.Logf("epochs %v, of the heir %v, in the end %v", before, heirs, w.epochs())
	w.clock = w.lastWatermark().Add(10 * time.Minute)
	w.compare()
	w.eachOnce()
}
