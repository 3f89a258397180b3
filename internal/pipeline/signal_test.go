package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/kafkatest"
)

// A stop in order waits for rows that are under way; a second SIGTERM does not, and ends the process as a
// kill does (fault F7).
func TestASecondSIGTERMEndsItAtOnce(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("builds the program")
	}
	binary := filepath.Join(t.TempDir(), "processor")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "processor/cmd/processor").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	k := kafkatest.StartFake(t, 1)
	w := &world{
		t: t, kafka: k, partitions: 1, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 1, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	w.write(firstEvents)
	config := filepath.Join(t.TempDir(), "processor.yaml")
	text := fmt.Sprintf("kafka: {brokers: [%q]}\ngroup: %s\nsources: [{topic: %s, keyed_by_account: true}]\noutput: {prefix: %q}\n"+
		"checkpoint: {dir: %q}\nhttp: {address: \"127.0.0.1:0\"}\n", k.Brokers[0], w.prefix+"group", w.topic, w.prefix, w.dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, binary, config)
	w.await(p, func() bool { return bytes.Contains(p.log.Bytes(), []byte("caught up")) })
	held, release := make(chan struct{}, 100), make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(release) }) })
	k.Fake.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		topic := r.(*kmsg.ProduceRequest).Topics[0]
		if info := k.Fake.TopicIDInfo(topic.TopicID); topic.Topic == w.topic || info != nil && info.Topic == w.topic {
			return nil, nil, false
		}
		select {
		case held <- struct{}{}:
		default:
		}
		k.Fake.SleepControl(func() { <-release })
		return nil, nil, false
	})
	w.write(otherEvents)
	w.await(p, func() bool { return len(held) > 0 }) // its rows are under way and do not arrive
	begun := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	signalled := time.NewTicker(20 * time.Millisecond) // until the first one is taken, two are one
	defer signalled.Stop()
	for {
		select {
		case <-signalled.C:
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
			continue
		case <-p.done:
		}
		break
	}
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, want the signal", p.err)
	}
	if took := time.Since(begun); took >= defaultStopWithin-leaveWithin {
		t.Errorf("it took %s, as a stop in order may", took)
	}
}
