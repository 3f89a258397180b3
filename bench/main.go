// Command bench measures the service beside what its Kafka client can do at most, in one run on one
// machine: fetch only, fetch and decode, and the whole `run`. It talks to a broker on loopback only, or to
// one inside of it.
//
//	KAFKA_BROKERS=127.0.0.1:19092 go run ./bench -events 1000000 -processor ./processor
//	go run ./bench -embedded -events 100000 -accounts 10000 -rounds 1
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"processor/bench/curves"
	"processor/internal/embedded"
)

// options are what one benchmark measures.
type options struct {
	brokers    []string
	processor  string
	openBytes  string
	memory     string // GOMEMLIMIT of the service
	topic      string
	events     int
	accounts   int
	partitions int
	rounds     int
	phase      string
	embedded   bool
	peers      bool
	classes    string // of the peer
	stream     bool
	failover   bool
	curves     bool // of the core alone
	restarts   bool
	store      string
	rate       int // events a second of the stream
	flush      time.Duration
	seconds    time.Duration
	viewers    int    // of event streams
	slow       int    // clients that send a header a byte at a time
	address    string // of the service, for the crowd
}

func main() {
	var o options
	flag.StringVar(&o.processor, "processor", "./processor", "the built program")
	flag.StringVar(&o.topic, "topic", "bench.events", "topic of the events; loaded when it is empty")
	flag.IntVar(&o.events, "events", 1_000_000, "events in the topic")
	flag.IntVar(&o.accounts, "accounts", 100_000, "accounts they are about")
	flag.IntVar(&o.partitions, "partitions", 8, "partitions of the topic")
	flag.StringVar(&o.openBytes, "open", "", "the service's limits.open_account_bytes; a quarter of its GOMEMLIMIT without")
	flag.StringVar(&o.memory, "memory", "8GiB", "the service's GOMEMLIMIT")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each phase is measured, interleaved")
	flag.BoolVar(&o.embedded, "embedded", false, "use a broker inside this program instead of KAFKA_BROKERS; what it takes itself is not counted")
	flag.BoolVar(&o.peers, "peers", false, "also measure the same work in Kafka Streams (bench/peer); needs a JDK, and mvn the first time")
	flag.StringVar(&o.store, "store", "dir", "the service's checkpoint.store")
	flag.BoolVar(&o.restarts, "restart", false, "also start each service again over its state, and say when it is ready")
	flag.BoolVar(&o.stream, "latency", false, "instead measure how long after an event its rows are visible, at a steady rate")
	flag.BoolVar(&o.failover, "failover", false, "instead kill the service halfway through a steady stream, and say when rows come again")
	flag.IntVar(&o.rate, "rate", 5000, "events a second, with -latency and -failover")
	flag.DurationVar(&o.flush, "flush", 50*time.Millisecond, "the service's output.metrics_interval, and at most its flush_interval, with -latency")
	flag.DurationVar(&o.seconds, "for", time.Minute, "how long, with -latency and -failover; the first 10 s do not count")
	flag.IntVar(&o.viewers, "viewers", 0, "instead measure the service with and without so many open event streams")
	flag.IntVar(&o.slow, "slow", 0, "and so many clients that send a header a byte at a time")
	flag.StringVar(&o.address, "address", "", "internal: the service's address, for the crowd")
	flag.BoolVar(&o.curves, "curves", false, "instead measure the core alone, without a broker, as a company grows, and draw bench/curves/*.svg; arguments name some of the curves")
	flag.StringVar(&o.phase, "phase", "", "internal: one phase in a process of its own")
	flag.Parse()
	o.brokers = strings.Split(os.Getenv("KAFKA_BROKERS"), ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.main(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) main(ctx context.Context) error {
	if o.curves {
		return curves.Run(ctx, os.Stdout, "bench/curves", flag.Args())
	}
	if o.embedded {
		b, err := embedded.Start(ctx, embedded.Options{Nodes: 1})
		if err != nil {
			return fmt.Errorf("start the embedded broker: %w", err)
		}
		defer b.Close()
		o.brokers = b.Brokers
	}
	if err := o.onLoopback(); err != nil {
		return err
	}
	switch o.phase {
	case "fetch":
		return o.read(ctx, false)
	case "decode":
		return o.read(ctx, true)
	case "conn":
		return o.readConn(ctx)
	case "crowd":
		return o.crowd(ctx)
	case "":
		if o.viewers+o.slow > 0 {
			return o.besideCrowd(ctx)
		}
		if o.stream {
			return o.latency(ctx)
		}
		if o.failover {
			return o.failovers(ctx)
		}
		return o.measureAll(ctx)
	default:
		return fmt.Errorf("there is no phase %q", o.phase)
	}
}

// onLoopback refuses any broker that is not on this machine.
func (o *options) onLoopback() error {
	for _, b := range o.brokers {
		host, _, err := net.SplitHostPort(b)
		if err != nil {
			return fmt.Errorf("KAFKA_BROKERS must be host:port on loopback: %w", err)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("broker %s is not on loopback: a load goes to this machine only", b)
		}
	}
	return nil
}

// The phases that are the whole service, by its delivery.
const (
	atLeastOnce = "at_least_once"
	exactlyOnce = "exactly_once"
)

// widest is room for the longest name of a phase.
const widest = 31

// figure is one measured pass.
type figure struct {
	wall time.Duration
	cpu  time.Duration
	peak int64 // bytes

	rows, saved float64 // of the service: rows sent, and bytes handed to the checkpoint
}

// measureAll loads the topic once and measures every phase in turn.
func (o *options) measureAll(ctx context.Context) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	phases := []string{"conn", "fetch", "decode", atLeastOnce, exactlyOnce}
	if o.peers {
		var err error
		if o.classes, err = buildPeer(ctx); err != nil {
			return err
		}
		phases = append(phases, peerPhases()...)
	}
	figures := map[string][]figure{}
	for round := range o.rounds {
		for _, phase := range phases {
			f, err := o.measure(ctx, phase, round)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", phase, round+1, err)
			}
			figures[phase] = append(figures[phase], f)
			fmt.Printf("round %d %-*s %s\n", round+1, widest, phase, o.show(f))
		}
	}
	fmt.Println()
	for _, phase := range phases {
		fmt.Printf("median  %-*s %s\n", widest, phase, o.show(median(figures[phase])))
	}
	ceiling, full := median(figures["decode"]), median(figures[atLeastOnce])
	once := median(figures[exactlyOnce])
	fmt.Printf("exactly_once beside at_least_once: %.3f of the CPU time, %.3f of the time\n",
		float64(once.cpu)/float64(full.cpu), float64(once.wall)/float64(full.wall))
	for _, p := range peers {
		if f := figures[p.phase()]; f != nil {
			fmt.Printf("events per CPU second, %s to %s: %.2f\n", p.beside, p.phase(), float64(median(f).cpu)/float64(median(figures[p.beside]).cpu))
		}
	}
	fmt.Printf("ratio_to_ceiling=%.3f\n", float64(ceiling.cpu)/float64(full.cpu))
	return nil
}

func (o *options) show(f figure) string {
	per := func(d time.Duration) string { return strconv.Itoa(int(float64(o.events) / d.Seconds())) }
	line := fmt.Sprintf("%8s events/s %8s events/CPU-s  wall %6.2f s  CPU %6.2f s  peak %5d MB",
		per(f.wall), per(f.cpu), f.wall.Seconds(), f.cpu.Seconds(), f.peak>>20)
	if f.rows > 0 {
		line += fmt.Sprintf("  rows %.2f/event  checkpoints %.0f B/event", f.rows/float64(o.events), f.saved/float64(o.events))
	}
	return line
}

// median is the pass with the middle CPU time.
func median(f []figure) figure {
	s := slices.Clone(f)
	slices.SortFunc(s, func(a, b figure) int { return int(a.cpu - b.cpu) })
	return s[len(s)/2]
}

// measure runs one phase in a process of its own, so that its CPU and memory are its own.
func (o *options) measure(ctx context.Context, phase string, round int) (figure, error) {
	if phase == atLeastOnce || phase == exactlyOnce {
		return o.service(ctx, phase, round)
	}
	for _, p := range peers {
		if p.phase() == phase {
			return o.peer(ctx, p, round)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return figure{}, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "-phase", phase, "-topic", o.topic, "-events", strconv.Itoa(o.events))
	cmd.Env = append(os.Environ(), "KAFKA_BROKERS="+strings.Join(o.brokers, ","))
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return figure{}, err
	}
	return finished(cmd, time.Since(start)), nil
}

// finished is what a process that ended used.
func finished(cmd *exec.Cmd, wall time.Duration) figure {
	f := figure{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		f.peak = usage.Maxrss << 10
	}
	return f
}
