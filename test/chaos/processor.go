package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The names of topics and group; the outputs carry the prefix.
const (
	sourceTopic = "chaos.events"
	prefix      = "expansion."
	group       = "chaos"
)

// processor is one instance of the service over all its lives. The harness is its supervisor: what ends
// is started again, as an orchestrator would.
type processor struct {
	number   int
	options  *options
	children *children
	binary   string
	folder   string
	http     int
	network  *network
	disk     *disk // nil where the machine mounts none
	brokers  []string

	mu      sync.Mutex
	child   *child
	wanted  bool
	lives   int
	expects string         // why it is about to end; empty: it ends by itself
	ends    map[string]int // how lives ended, by words
	fatal   []string       // ends that no supervisor can mend
}

// build makes the program with its failpoints, and checks that a plain build has none.
func build(ctx context.Context, o *options, folder string) (string, error) {
	if o.binary != "" {
		return o.binary, nil
	}
	binary, plain := filepath.Join(folder, "processor"), filepath.Join(folder, "plain")
	for out, tags := range map[string]string{binary: "failpoints", plain: ""} {
		cmd := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", out, "./cmd/processor")
		cmd.Dir = o.repo
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the program: %w\n%s", err, text)
		}
	}
	with, err := os.ReadFile(binary)
	if err != nil {
		return "", err
	}
	without, err := os.ReadFile(plain)
	if err != nil {
		return "", err
	}
	word := []byte(failpointVariable)
	if !bytes.Contains(with, word) || bytes.Contains(without, word) {
		return "", fmt.Errorf("%s must be in the program with the tag failpoints, and only there", failpointVariable)
	}
	return binary, os.Remove(plain)
}

// failpointVariable names the file that says where the program kills itself; internal/pipeline reads it.
const failpointVariable = "PROCESSOR_FAILPOINT_FILE"

func (p *processor) failpoint() string { return filepath.Join(p.folder, "failpoint") }

func (p *processor) log() string { return filepath.Join(p.folder, "log") }

func (p *processor) config() string { return filepath.Join(p.folder, "processor.yaml") }

func (p *processor) state() string {
	if p.disk != nil {
		return filepath.Join(p.disk.path, "state")
	}
	return filepath.Join(p.folder, "state")
}

// configure writes the processor's configuration.
func (p *processor) configure() error {
	var tables []string
	for _, currency := range sorted(rates) {
		tables = append(tables, fmt.Sprintf("%s: %q", currency, rates[currency]))
	}
	text := fmt.Sprintf(`kafka: {brokers: ["%s"]}
group: %s
instance: {name: "processor-%d"}
sources: [{topic: %s, format: native, keyed_by_account: true}]
output: {prefix: %q, delivery: %s, replication: %d, flush_interval: 200ms, metrics_interval: 1s}
checkpoint: {store: %s, dir: %q, interval: 2s}
reporting:
  currency: USD
  rates: [{%s}]
groupings: [[region], [plan_tier, region]]
windows: [30d, 365d]
limits: {open_account_bytes: 2MiB} # less than the accounts take, so that some are parked
http: {address: "%s"}
log: {format: json}
`, strings.Join(p.brokers, `", "`), group, p.number, sourceTopic, prefix, p.options.delivery, replicas,
		p.options.store, p.state(), strings.Join(tables, ", "), loopback(p.http))
	return os.WriteFile(p.config(), []byte(text), 0o600)
}

// start begins another life.
func (p *processor) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.begin()
}

// begin starts the program. The lock is held.
func (p *processor) begin() error {
	one, err := p.children.start(fmt.Sprintf("processor %d", p.number), p.log(), []string{failpointVariable + "=" + p.failpoint()},
		p.binary, "run", "--config", p.config())
	if err != nil {
		return err
	}
	p.child = one
	p.lives++
	return nil
}

// supervise starts the processor again whenever it has ended, after a second, until ctx ends.
func (p *processor) supervise(ctx context.Context, say func(format string, args ...any)) {
	for {
		p.mu.Lock()
		child := p.child
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-child.ended:
		}
		p.note(child, say)
		if pause(ctx, time.Second) != nil {
			return
		}
		p.mu.Lock()
		if p.wanted {
			if err := p.begin(); err != nil {
				say("processor %d does not start: %v", p.number, err)
			}
		}
		again := p.child
		p.mu.Unlock()
		if again == child { // not wanted any more
			return
		}
	}
}

// note writes down how a life ended. An orderly end and one that was brought about are as they should
// be; 1 means that starting again may help, 4 that a newer owner took over, as after a pause; 2 and 3 that
// only a person can help.
func (p *processor) note(child *child, say func(format string, args ...any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code, expected := child.exitCode(), p.expects
	p.expects = ""
	switch {
	case code == -1 && expected != "":
		p.ends[expected]++
	case code == 0:
		p.ends["in order"]++
	default:
		what := fmt.Sprintf("exit code %d", code)
		if code == -1 {
			what = fmt.Sprintf("by itself: %v", child.err)
		}
		p.ends[what]++
		why := lastLine(p.log())
		say("processor %d ended, %s: %s", p.number, what, why)
		if code != 1 && code != 4 {
			p.fatal = append(p.fatal, fmt.Sprintf("processor %d: %s: %s", p.number, what, why))
		}
	}
}

// lastLine is the end of a log, for a message.
func lastLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 600)]
}

// strikeDown kills the processor now.
func (p *processor) strikeDown(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child.alive() {
		p.expects = why
		p.child.signal(syscall.SIGKILL)
	}
}

// current is the life of now.
func (p *processor) current() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}

// next is the life after one that has ended or is about to.
func (p *processor) next(ctx context.Context, before *child) (*child, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if now := p.current(); now != before {
			return now, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// expect says why the processor is about to end.
func (p *processor) expect(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expects = why
}

// retire stops the processor in order, for good.
func (p *processor) retire(ctx context.Context, within time.Duration) error {
	p.mu.Lock()
	p.wanted = false
	child := p.child
	p.mu.Unlock()
	child.signal(syscall.SIGTERM)
	if err := child.wait(ctx, within); err != nil {
		return err
	}
	if code := child.exitCode(); code != 0 {
		return fmt.Errorf("processor %d did not stop in order, exit code %d: %s", p.number, code, lastLine(p.log()))
	}
	return nil
}

// pause waits; the error is that ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
