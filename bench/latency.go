package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/sink"
)

// stream is events at a steady rate and the rows that they become, as a consumer outside sees them.
//
// Every event sets one more seat, at one unit of money a month, in the account whose turn it is. So the MRR in an
// account's row says which of its events are in it, and the closing MRR of all accounts how many events are.
type stream struct {
	*options
	prefix string
	start  time.Time
}

// due is when an event comes, since the start. That is what its latency counts from, also when the producer
// is late.
func (s *stream) due(n int64) time.Duration {
	return time.Duration(n * int64(time.Second) / int64(s.rate))
}

func (s *stream) total() int64 { return int64(s.seconds.Seconds() * float64(s.rate)) }

// streamWarm is how long events come before latencies count.
const streamWarm = 10 * time.Second

// latency measures how long after an event its rows are visible, once for each delivery, and with peers once for each of
// them.
func (o *options) latency(ctx context.Context) error {
	of := map[string]startStream{atLeastOnce: o.startService(atLeastOnce), exactlyOnce: o.startService(exactlyOnce)}
	names := []string{atLeastOnce, exactlyOnce}
	if o.peers {
		var err error
		if o.classes, err = buildPeer(ctx); err != nil {
			return err
		}
		for _, p := range peers {
			names = append(names, p.phase())
			of[p.phase()] = o.startPeer(p)
		}
	}
	for _, name := range names {
		rows, segments, f, err := o.streamOnce(ctx, name, of[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%-*s %d events/s for %s, CPU %.1f s, peak %d MB\n", widest, name, o.rate, o.seconds, f.cpu.Seconds(), f.peak>>20)
		fmt.Printf("%-*s account rows %s\n%-*s segment rows %s\n", widest, "", quantiles(rows), widest, "", quantiles(segments))
	}
	return nil
}

// startStream is how what is measured is started over a stream, with a folder of its own; ready waits until it reads, and
// code is what it may end with beside 0.
type startStream func(ctx context.Context, cluster *broker.Cluster, s *stream, dir string) (cmd *exec.Cmd, ready func() error, code int, err error)

// startService is the whole program.
func (o *options) startService(delivery string) startStream {
	return func(ctx context.Context, _ *broker.Cluster, s *stream, dir string) (*exec.Cmd, func() error, int, error) {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, nil, 0, err
		}
		cmd, err := o.configured(ctx, filepath.Join(dir, "processor.yaml"), s.config(s.topic, dir, address, delivery, o.promptly()))
		if err != nil {
			return nil, nil, 0, err
		}
		return cmd, func() error { return awaitReady(ctx, address) }, 0, nil
	}
}

// quantiles of latencies.
func quantiles(all []time.Duration) string {
	if len(all) == 0 {
		return "none was seen"
	}
	slices.Sort(all)
	at := func(q float64) time.Duration {
		return all[min(int(q*float64(len(all))), len(all)-1)].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("of %d events: p50 %s  p99 %s  p99.9 %s  max %s", len(all), at(0.5), at(0.99), at(0.999), at(1))
}

// promptly is how a service is set up whose rows are to come at once.
func (o *options) promptly() serviceSettings {
	return serviceSettings{
		output: fmt.Sprintf(", flush_interval: %s, metrics_interval: %s", min(o.flush, 250*time.Millisecond), o.flush), rules: "rules: {lateness: 0s}\n",
	}
}

// streamOnce is one deployment: its topic, its rows, what makes them.
func (o *options) streamOnce(ctx context.Context, name string, begin startStream) (rows, segments []time.Duration, f figure, err error) {
	dir, err := os.MkdirTemp("", "processor-bench")
	if err != nil {
		return nil, nil, f, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cluster, err := broker.New(broker.Options{Brokers: o.brokers})
	if err != nil {
		return nil, nil, f, err
	}
	defer cluster.Close()
	s, err := o.newStream(ctx, cluster, fmt.Sprintf("stream-%d-%s", time.Now().UnixNano(), name))
	if err != nil {
		return nil, nil, f, err
	}
	cmd, ready, code, err := begin(ctx, cluster, s, dir)
	if err != nil {
		return nil, nil, f, err
	}
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, nil, f, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if err = ready(); err == nil {
		rows, segments, err = s.run(ctx, cluster)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if waited := cmd.Wait(); waited != nil && !(errors.As(waited, &exit) && exit.ExitCode() == code) {
		err = errors.Join(err, fmt.Errorf("%s ended badly: %w", cmd.Path, waited))
	}
	return rows, segments, finished(cmd, time.Since(begun)), err
}

// newStream makes the topic of a deployment.
func (o *options) newStream(ctx context.Context, cluster *broker.Cluster, name string) (*stream, error) {
	own := *o
	own.topic = name
	return &stream{options: &own, prefix: name + "."}, sink.EnsureTopics(ctx, cluster, []sink.TopicSpec{{
		Name: name, Partitions: o.partitions, Create: true, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"},
	}})
}

// run sends and watches until every event is in the rows.
func (s *stream) run(ctx context.Context, cluster *broker.Cluster) (rows, segments []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.seconds+2*time.Minute)
	defer cancel()
	s.start = time.Now()
	watched := make(chan error, 2)
	go func() {
		watched <- s.watch(ctx, cluster, "accounts", s.accountRow(), s.after(&rows))
	}()
	go func() {
		watched <- s.watch(ctx, cluster, "metrics", s.segmentRow(), s.after(&segments))
	}()
	err = s.send(ctx, cluster)
	if err != nil {
		cancel()
	}
	return rows, segments, errors.Join(err, <-watched, <-watched)
}

// readyWithin bounds a start.
const readyWithin = 10 * time.Minute

func awaitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := broker.Sleep(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("wait until the service is ready: %w", err)
		}
	}
}

// send keeps the rate: what a slow send delays goes out with the next one.
func (s *stream) send(ctx context.Context, cluster *broker.Cluster) error {
	producer, err := sink.NewProducer(cluster, sink.ProducerOptions{Compression: sink.LZ4})
	if err != nil {
		return err
	}
	total := s.total()
	for n := int64(0); n < total; {
		due := min(int64(time.Since(s.start).Seconds()*float64(s.rate)), total)
		var messages []sink.Message
		for ; n < due; n++ {
			messages = append(messages, s.event(n))
		}
		if _, err := producer.Send(ctx, messages); err != nil {
			return fmt.Errorf("send events: %w", err)
		}
		if err := broker.Sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// event is the n-th: one more seat of the account whose turn it is.
func (s *stream) event(n int64) sink.Message {
	account := "account-" + strconv.FormatInt(n%int64(s.accounts), 10)
	value := fmt.Appendf(nil, `{"specversion":"1.0","id":"e%d","source":"bench","type":"subscription.changed","subject":%q,"time":%q,"data":{`+
		`"subscription":"s1","status":"active","items":[{"item":"seats","product":"crm","plan":"pro","quantity":"%d","unit_price":"1","currency":"USD"}]}}`,
		n, account, s.start.Add(s.due(n)).UTC().Format(time.RFC3339Nano), 1+n/int64(s.accounts))
	return sink.Message{Topic: s.topic, Partition: int32(sink.Partition([]byte(account), s.partitions)), Key: []byte(account), Value: value} //nolint:gosec // a partition
}

// seen says up to which of its events a row goes: those with the numbers first, first+step, ... below end.
type seen func(key, value []byte) (first, step, end int64, ok bool)

// accountRow reads an account's MRR.
func (s *stream) accountRow() seen {
	known := map[string]int64{} // by account, the seats that were seen
	return func(_, value []byte) (first, step, end int64, ok bool) {
		var r struct {
			Account string  `json:"account"`
			MRR     float64 `json:"mrr,string"`
		}
		if json.Unmarshal(value, &r) != nil {
			return 0, 0, 0, false
		}
		place, err := strconv.ParseInt(strings.TrimPrefix(r.Account, "account-"), 10, 64)
		before := known[r.Account]
		if err != nil || int64(r.MRR) <= before {
			return 0, 0, 0, false
		}
		known[r.Account] = int64(r.MRR)
		step = int64(s.accounts)
		return place + before*step, step, place + int64(r.MRR)*step, true
	}
}

// segmentRow reads the closing MRR of all accounts in this month; of a peer, how many changes it has counted.
func (s *stream) segmentRow() seen {
	var known int64
	return func(key, value []byte) (first, step, end int64, ok bool) {
		var k struct {
			Grouping string `json:"grouping"`
			Kind     string `json:"interval_kind"`
		}
		var r struct {
			Closing float64 `json:"closing_mrr,string"`
			Changes float64 `json:"changes"`
		}
		if strings.HasPrefix(string(key), "all=all|month|") {
			k.Grouping, k.Kind = "all", "month"
		} else if json.Unmarshal(key, &k) != nil {
			return 0, 0, 0, false
		}
		if k.Grouping != "all" || k.Kind != "month" || json.Unmarshal(value, &r) != nil {
			return 0, 0, 0, false
		}
		if until := int64(max(r.Closing, r.Changes)); until > known {
			first, known = known, until
			return first, 1, known, true
		}
		return 0, 0, 0, false
	}
}

// after notes how long after it was due an event is seen.
func (s *stream) after(latencies *[]time.Duration) func(n int64, partition int32, at time.Duration) {
	return func(n int64, _ int32, at time.Duration) {
		if due := s.due(n); due >= streamWarm {
			*latencies = append(*latencies, at-due)
		}
	}
}

// watch reads committed rows of a topic until every event was seen in them, and notes each when it is.
func (s *stream) watch(ctx context.Context, cluster *broker.Cluster, topic string, see seen, note func(n int64, partition int32, at time.Duration)) error {
	fetcher := consumer.NewFetcher(cluster, consumer.FetcherOptions{MaxWait: 20 * time.Millisecond})
	positions := make([]consumer.Position, s.partitions)
	for p := range positions {
		positions[p] = consumer.Position{TopicPartition: broker.TopicPartition{Topic: s.prefix + topic, Partition: int32(p)}} //nolint:gosec // a partition
	}
	for left := s.total(); left > 0; {
		batches, err := fetcher.Fetch(ctx, positions)
		if err != nil {
			return fmt.Errorf("watch %s, %d events not seen in it: %w", topic, left, err)
		}
		now := time.Since(s.start)
		for i := range batches {
			if err := batches[i].Err; err != nil {
				return fmt.Errorf("watch %s: %w", topic, err)
			}
			positions[batches[i].Partition].Next = batches[i].Next
			for j := range batches[i].Records {
				first, step, end, ok := see(batches[i].Records[j].Key, batches[i].Records[j].Value)
				for n := first; ok && n < end; n += step {
					left--
					note(n, batches[i].Partition, now)
				}
			}
		}
	}
	return nil
}
