package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/broker"
	"processor/internal/config"
	"processor/internal/embedded"
	"processor/internal/pipeline"
	"processor/internal/web"
)

const (
	demoTopic      = "billing.events"
	demoPartitions = 8
	demoPrefix     = "expansion."
	demoAddress    = "127.0.0.1:8080"
	demoLateness   = 10 * time.Minute

	// Whoever stops the demo early waits for the rows of a year on a machine that does other things too.
	demoStopWithin = time.Minute

	// A year passes in less than a minute: to look at each of its minutes would take longer than all the rest.
	demoAlertsEvery = 7 * 24 * time.Hour
)

// demoGroupings are the segments that the demo shows; the cohorts are the page's heat map.
var demoGroupings = []config.Grouping{{"region"}, {"plan_tier"}, {"plan_tier", "region"}, {"cohort"}}

// demoFlags are the flags of `demo`.
type demoFlags struct {
	seed     uint64
	accounts int
	events   int
	rate     int
	once     bool
	file     string
	address  string

	chosen bool // the address was given
}

// demoCommand runs the main job with nothing installed.
func demoCommand() *cobra.Command {
	flags := demoFlags{seed: 1, events: 100_000, rate: 2000, address: demoAddress}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in this process: a broker, a made-up company, the figures live",
		Long: `Run the whole service in this process, with nothing installed: a Kafka-compatible broker on
the loopback interface, the events of a made-up software company (or of a file), the page on
http://127.0.0.1:8080 and a table in the terminal. At the end it reads the output topics back and
checks that they reconcile. Ctrl-C ends it; with --once it ends by itself.`,
		Example: "  processor demo\n  processor demo --events 50000 --once\n  processor demo --file events.ndjson --once",
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags.chosen = cmd.Flags().Changed("address")
			if flags.once && !cmd.Flags().Changed("rate") {
				flags.rate = 0
			}
			return runDemo(cmd, flags)
		},
	}
	cmd.Flags().Uint64Var(&flags.seed, "seed", flags.seed, "another company for each `NUMBER`")
	cmd.Flags().IntVar(&flags.accounts, "accounts", 0, "`NUMBER` of accounts (default: a fiftieth of the events)")
	cmd.Flags().IntVar(&flags.events, "events", flags.events, "`NUMBER` of events")
	cmd.Flags().IntVar(&flags.rate, "rate", flags.rate, "events `A SECOND`; 0 is as fast as possible, which --once means")
	cmd.Flags().BoolVar(&flags.once, "once", false, "end after the last event, with the closing summary")
	cmd.Flags().StringVar(&flags.file, "file", "", "the native events of a `FILE`, one to a line, instead of made-up ones")
	cmd.Flags().StringVar(&flags.address, "address", flags.address, "`HOST:PORT` of the page; when the default port is taken, a free one")
	return cmd
}

// demo is one run.
type demo struct {
	flags   demoFlags
	core    aggregate.Options
	source  *demoSource
	clock   demoClock
	cluster *broker.Cluster
	face    *face
	screen  *demoScreen
	moved   chan struct{} // something happened to the service; holds at most one
}

// runDemo starts everything, waits for the end and prints the closing summary.
func runDemo(cmd *cobra.Command, flags demoFlags) (err error) {
	d := &demo{flags: flags, moved: make(chan struct{}, 1)}
	if d.source, err = openDemoSource(flags); err != nil {
		return err
	}
	defer d.source.close()
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	loaded := config.Default()
	loaded.Groupings = demoGroupings
	if d.core, err = coreOptions(loaded); err != nil {
		return err
	}
	if d.face, err = newFace(new(pipeline.Metrics), d.core, web.Options{Loopback: config.IsLoopback(flags.address), Log: log}); err != nil {
		return err
	}
	d.face.alarm.clock = d.clock.now
	listener, err := d.listen(cmd.Context())
	if err != nil {
		return err
	}
	cmd.PrintErrf("processor: the page is at http://%s\n", listener.Addr())
	d.screen = newDemoScreen(cmd.OutOrStdout(), d.face.board, d.core.Currency, listener.Addr().String())

	// The operator's wish to stop ends the events, not the service: what was sent is still counted.
	lasting, end := context.WithCancel(context.WithoutCancel(cmd.Context()))
	defer end()
	if err := d.openBroker(lasting); err != nil {
		return errors.Join(err, listener.Close())
	}
	defer d.cluster.Close()
	served := make(chan error, 1)
	serving, endServing := context.WithCancel(lasting)
	go func() { served <- d.face.serve(serving, listener) }()

	err = d.work(cmd.Context(), lasting, log)
	d.screen.clear()
	if err == nil {
		err = d.summarise(lasting, cmd.OutOrStdout())
	}
	endServing()
	return errors.Join(err, <-served)
}

// listen opens the page's address. The default port gives way to a free one when it is taken.
func (d *demo) listen(ctx context.Context) (net.Listener, error) {
	l, err := web.Listen(ctx, d.flags.address)
	if err != nil && !d.flags.chosen {
		l, err = web.Listen(ctx, "127.0.0.1:0")
	}
	return l, err
}

// openBroker starts the broker, which ends with ctx, and connects to it.
func (d *demo) openBroker(ctx context.Context) error {
	running, err := embedded.Start(ctx, embedded.Options{Topics: []embedded.Topic{{
		Name: demoTopic, Partitions: demoPartitions, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"},
	}}})
	if err != nil {
		return err
	}
	d.cluster, err = broker.New(broker.Options{Brokers: running.Brokers, ClientID: "processor-demo"})
	return err
}

// work runs the service and feeds it until everything that was sent is in the rows.
func (d *demo) work(ctx, lasting context.Context, log *slog.Logger) error {
	dir, err := os.MkdirTemp("", "processor-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for checkpoints: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the system's own for such things

	running, stop := context.WithCancel(lasting)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- pipeline.Run(running, d.options(dir, log)) }()

	feeding, endFeeding := context.WithCancel(ctx)
	defer endFeeding()
	fed := make(chan error, 1)
	go func() { fed <- d.feed(feeding) }()

	if err := d.wait(ctx, fed, ended); err != nil {
		endFeeding()
		stop()
		return err
	}
	stop()
	return <-ended
}

// options are the service's, as `run` would have them but for its clock.
func (d *demo) options(dir string, log *slog.Logger) pipeline.Options {
	observer := d.face.observer()
	status := observer.Status
	observer.Status = func(s pipeline.Status) {
		status(s)
		select {
		case d.moved <- struct{}{}:
		default:
		}
	}
	return pipeline.Options{
		Cluster: d.cluster, Group: "demo", Sources: []pipeline.Source{{Topic: demoTopic, KeyedByAccount: true}},
		Prefix: demoPrefix, StopWithin: demoStopWithin, CreateTopics: true, CheckpointDir: dir, Core: d.core, Alerts: alert.Defaults(), AlertsEvery: demoAlertsEvery, Lateness: demoLateness,
		Clock: d.clock.now, Metrics: d.face.counters, Observer: observer, Questions: d.face.questions, Watchdog: d.face.watchdog, Logger: log,
	}
}

// wait draws the table until the run is over: with --once when all events are counted, else when
// the operator wants it. Either way what was sent is waited for.
func (d *demo) wait(ctx context.Context, fed, ended <-chan error) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	finished, over := false, ctx.Done()
	for {
		if finished && (d.flags.once || ctx.Err() != nil) && d.isCounted() {
			return nil
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("the service ended before the demo did")
			}
			return err
		case err := <-fed:
			if err != nil {
				return err
			}
			finished, fed = true, nil
			d.clock.finish()
		case <-d.moved:
		case <-over:
			over = nil
		case <-ticker.C:
			d.screen.draw()
		}
	}
}

// isCounted says whether the rows are those of everything that was sent.
func (d *demo) isCounted() bool {
	s := d.face.board.Status()
	return s.Ready && s.Records >= d.clock.sent() && s.LagRecords == 0 && s.Watermark >= d.clock.last()
}
