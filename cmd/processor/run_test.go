package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/config"
	"processor/internal/kafkatest"
	"processor/internal/pipeline"
	"processor/internal/web"
)

// logLines is where a running service logs to; it calls seen for every line.
type logLines struct {
	mu   sync.Mutex
	all  bytes.Buffer
	seen func(line string)
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen(string(p))
	return l.all.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// runService runs `processor run` in this process until it ends, or until it has logged a text: then
// it is asked to stop.
func runService(t *testing.T, yaml, until string) (code int, log string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	lines := &logLines{seen: func(line string) {
		if until != "" && strings.Contains(line, until) {
			stop()
		}
	}}
	code = execute(ctx, []string{"run", "--config", file}, strings.NewReader(""), &bytes.Buffer{}, lines)
	if ctx.Err() == context.DeadlineExceeded {
		t.Fatalf("the service did not end within a minute:\n%s", lines)
	}
	return code, lines.String()
}

func serviceYAML(k *kafkatest.Kafka, topic, dir, more string) string {
	return fmt.Sprintf("kafka: {brokers: [%q]}\ngroup: %s\nsources: [{topic: %s, keyed_by_account: true}]\noutput: {prefix: %q}\n"+
		"checkpoint: {dir: %q}\nhttp: {address: \"127.0.0.1:0\"}\n%s", k.Brokers[0], topic, topic, topic+".", dir, more)
}

const oneEvent = `{"specversion":"1.0","id":"e1","source":"test","type":"subscription.changed","subject":"acme","time":"2026-03-01T00:00:00Z",` +
	`"data":{"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"USD"}]}}`

// The service starts from a configuration alone, logs JSON where nobody watches, and stops in order.
func TestRunAndStop(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: oneEvent})
	code, log := runService(t, serviceYAML(k, topic, t.TempDir(), ""), "caught up")
	if code != exitFine || !strings.Contains(log, "stopped in order") {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// A source with any key needs one word in the configuration; the scrape and the status say what was copied.
func TestRunCopiesASourceWithAnyKey(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "orders", 1)
	k.Produce(t, topic, kafkatest.Record{Key: "order-1", Value: oneEvent}, kafkatest.Record{Key: "order-2", Value: "{"})
	var f *face
	before := openHTTP
	defer func() { openHTTP = before }()
	openHTTP = func(c *config.Config, counted *pipeline.Metrics, log *slog.Logger) (part *httpPart, err error) {
		if f, err = newFace(counted, aggregate.Options{Currency: c.Reporting.Currency}, web.Options{Log: log}); err != nil {
			return nil, err
		}
		return &httpPart{observer: f.observer(), questions: f.questions, watchdog: f.watchdog, serve: func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}}, nil
	}
	yaml := strings.Replace(serviceYAML(k, topic, t.TempDir(), ""), "keyed_by_account: true", "keyed_by_account: false", 1)
	if code, log := runService(t, yaml, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		fmt.Sprintf(`expansion_records_total{partition="0",result="copied",topic=%q} 1`, topic),
		fmt.Sprintf(`expansion_records_total{partition="0",result="rejected",topic=%q} 1`, topic),
		fmt.Sprintf(`expansion_records_total{partition="0",result="applied",topic="%s.events"} 1`, topic),
		fmt.Sprintf(`expansion_lag_records{partition="0",topic=%q} 0`, topic),
		`expansion_rejections_total{reason="not_json"} 1`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("the scrape does not say %s", line)
		}
	}
	if strings.Contains(w.Body.String(), fmt.Sprintf(`result="applied",topic=%q`, topic)) {
		t.Error("the scrape says that records of the source were applied")
	}
}

// Exit codes tell what kind of help is needed.
func TestRunExitCodes(t *testing.T) {
	k := kafkatest.Start(t, 1)
	stamped := k.Create(t, "stamped", 1, kafkatest.AppendTime)
	plain := k.Create(t, "plain", 1)
	k.Produce(t, stamped, kafkatest.Record{Key: "acme", Value: oneEvent}, kafkatest.Record{Key: "acme", Value: oneEvent})
	k.DeleteRecords(t, stamped, 0, 1)
	other := k.Create(t, "other", 1, kafkatest.AppendTime)
	k.Produce(t, other, kafkatest.Record{Key: "order-1", Value: oneEvent})
	missing := filepath.Join(t.TempDir(), "ca.pem")
	cases := []struct {
		name, yaml string
		code       int
		says       string
	}{
		{"a key that is not the account", serviceYAML(k, other, t.TempDir(), ""), exitUsage, "say keyed_by_account: false"},
		{
			"a log without its beginning, that is copied", strings.Replace(serviceYAML(k, stamped, t.TempDir(), ""), "keyed_by_account: true", "keyed_by_account: false", 1),
			exitOperator, "offsets [0,1) are gone. Name a topic",
		},
		{"a log without its beginning", serviceYAML(k, stamped, t.TempDir(), ""), exitOperator, "lost offsets [0,1)"},
		{
			"no such certificate", strings.Replace(serviceYAML(k, plain, t.TempDir(), ""), "kafka: {", "kafka: {tls: {enabled: true, ca_file: "+missing+"}, ", 1),
			exitUsage, "kafka.tls.ca_file",
		},
		{"an unknown key", serviceYAML(k, plain, t.TempDir(), "gruop: x\n"), exitUsage, `did you mean "group"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, log := runService(t, c.yaml, "")
			if code != c.code || !strings.Contains(log, c.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, c.code, c.says, log)
			}
		})
	}
}

// optionsOf is a configuration, and what it means for the service as long as the test runs.
func optionsOf(t *testing.T, text string) (*config.Config, pipeline.Options) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil, config.ForRun)
	if err != nil {
		t.Fatal(err)
	}
	o, err := pipelineOptions(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Cluster.Close)
	return c, o
}

// Every setting of a configuration that the service needs reaches it.
func TestPipelineOptions(t *testing.T) {
	_, o := optionsOf(t, `kafka: {brokers: ["localhost:9092"], client_id: me}
group: g
sources: [{topic: a, keyed_by_account: true}, {topic: b, keyed_by_account: true}]
output: {prefix: "x.", create_topics: false, replication: 2, flush_interval: 1s, metrics_interval: 2s, tombstones: true}
checkpoint: {dir: /var/lib/x, interval: 3s}
instance: {name: x-0}
rules: {lateness: 4m}
limits: {max_record_bytes: 2MiB}
`)
	for _, s := range o.Sources {
		if s.Format != "native" || s.Decoder != nil || s.Detect != nil {
			t.Errorf("source %s is of format %q", s.Topic, s.Format)
		}
	}
	got := fmt.Sprint(o.Group, o.Name, o.Sources[0].Topic, o.Sources[0].KeyedByAccount, o.Sources[1].Topic, o.Sources[1].KeyedByAccount, o.Prefix, o.CreateTopics, o.Replication, o.FlushInterval, o.MetricsInterval, o.Tombstones,
		o.CheckpointDir, o.CheckpointInterval, o.Lateness, o.Decoder.MaxBytes, o.Core.Currency, o.Metrics != nil)
	want := fmt.Sprint("g", "x-0", "a", true, "b", true, "x.", false, 2, time.Second, 2*time.Second, true,
		"/var/lib/x", 3*time.Second, 4*time.Minute, 2<<20, "USD", true)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
