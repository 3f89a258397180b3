package sink_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"processor/internal/broker"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/sink"
)

// counters are a reading with a value for every metric.
func counters() sink.PipelineReading {
	return sink.PipelineReading{
		Sources: []sink.SourceReading{{
			Topic: "billing.events", Partition: 3, Results: map[string]int64{"applied": 90, "rejected": 2}, LagRecords: 12, LagTime: 1500 * time.Millisecond,
		}},
		Shards: []sink.ShardReading{{
			Shard: 3, Watermark: event.At(time.Unix(1_700_000_000, 500_000_000)), Saved: time.Unix(1_700_000_100, 0), Accounts: 40, Bytes: 4096, Open: 5, OpenBytes: 77_000, Unrated: 3, Restored: 1,
		}},
		Rejections: map[event.Reason]int64{event.ReasonBadAmount: 2}, Rows: map[string]int64{"movements": 77},
		Flushes: 4, FlushTime: 80 * time.Millisecond, Checkpoints: 1, CheckpointTime: 2 * time.Second,
		CheckpointBytes: 9000, CheckpointFailures: 1, Rebalances: 5, ShardLoads: 8, IdentityBreaks: 0, Stalled: 6, Registry: &sink.RegistryReading{Answered: 3, Unknown: 1, Failed: 2, Schemas: 4},
		Security: broker.Security{Encrypted: true, Unverified: true, Certificate: time.Unix(1_800_000_000, 0)},
	}
}

func TestPipelineShowsWhatIsCounted(t *testing.T) {
	p := sink.NewPipeline(counters, sink.Build{Version: "1.2.3", Commit: "abc", GoVersion: "go1.26"})
	for metric, want := range map[string]string{
		"expansion_records_total":                              `expansion_records_total{partition="3",result="applied",topic="billing.events"} 90`,
		"expansion_rejections_total":                           `expansion_rejections_total{reason="bad_amount"} 2`,
		"expansion_lag_records":                                `expansion_lag_records{partition="3",topic="billing.events"} 12`,
		"expansion_lag_seconds":                                `expansion_lag_seconds{partition="3",topic="billing.events"} 1.5`,
		"expansion_watermark_timestamp_seconds":                `expansion_watermark_timestamp_seconds{shard="3"} 1.7000000005e+09`,
		"expansion_checkpoint_timestamp_seconds":               `expansion_checkpoint_timestamp_seconds{shard="3"} 1.7000001e+09`,
		"expansion_rows_total":                                 `expansion_rows_total{topic="movements"} 77`,
		"expansion_state_bytes":                                `expansion_state_bytes{shard="3"} 4096`,
		"expansion_open_accounts":                              `expansion_open_accounts{shard="3"} 5`,
		"expansion_open_account_bytes":                         `expansion_open_account_bytes{shard="3"} 77000`,
		"expansion_unrated_usage_months":                       `expansion_unrated_usage_months{shard="3"} 3`,
		"expansion_restore_progress_ratio":                     `expansion_restore_progress_ratio{shard="3"} 1`,
		"expansion_shard_loads_total":                          `expansion_shard_loads_total 8`,
		"expansion_stalled_partitions":                         `expansion_stalled_partitions 6`,
		"expansion_kafka_tls_unverified":                       `expansion_kafka_tls_unverified 1`,
		"expansion_kafka_certificate_stale":                    `expansion_kafka_certificate_stale 0`,
		"expansion_kafka_certificate_expiry_timestamp_seconds": `expansion_kafka_certificate_expiry_timestamp_seconds 1.8e+09`,
		"expansion_build_info":                                 `expansion_build_info{commit="abc",go_version="go1.26",version="1.2.3"} 1`,
		"expansion_flush_duration_seconds":                     `expansion_flush_duration_seconds_bucket{le="0.025"} 4`,
		"expansion_checkpoint_duration_seconds":                `expansion_checkpoint_duration_seconds_sum 2`,
		"expansion_registry_requests_total":                    `expansion_registry_requests_total{result="failed"} 2`,
		"expansion_registry_schemas":                           `expansion_registry_schemas 4`,
	} {
		if got := series(t, p, metric); !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// What is not known has no series, rather than a zero that looks like a figure.
func TestPipelineLeavesOutTheUnknown(t *testing.T) {
	p := sink.NewPipeline(func() sink.PipelineReading {
		return sink.PipelineReading{Shards: []sink.ShardReading{{Watermark: event.NoTime, Bytes: -1}}}
	}, sink.Build{})
	for _, metric := range []string{"expansion_watermark_timestamp_seconds", "expansion_checkpoint_timestamp_seconds", "expansion_state_bytes"} {
		wantSeries(t, p, metric)
	}
	wantSeries(t, p, "expansion_state_accounts", `expansion_state_accounts{shard="0"} 0`)
}

func TestPipelineSamplesDurations(t *testing.T) {
	var now sink.PipelineReading
	p := sink.NewPipeline(func() sink.PipelineReading { return now }, sink.Build{})
	now.Flushes, now.FlushTime = 1, 2*time.Millisecond
	p.Sample()
	now.Flushes, now.FlushTime = 3, 2*time.Millisecond+2*time.Second
	p.Sample()
	p.Sample()
	now.Flushes, now.FlushTime = 4, 2*time.Millisecond+2*time.Second+time.Minute
	got := series(t, p, "expansion_flush_duration_seconds")
	for _, want := range []string{
		`expansion_flush_duration_seconds_bucket{le="0.0025"} 1`, `expansion_flush_duration_seconds_bucket{le="0.5"} 1`,
		`expansion_flush_duration_seconds_bucket{le="1"} 3`, `expansion_flush_duration_seconds_bucket{le="30"} 3`,
		`expansion_flush_duration_seconds_bucket{le="+Inf"} 4`, `expansion_flush_duration_seconds_sum 62.002`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// The dashboard and the alert rules are written against deploy/metrics.txt: the exporters hold
// exactly its names, types and labels.
func TestMetricsAreThoseThatAreDeployed(t *testing.T) {
	text, err := os.ReadFile("../../deploy/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "#" {
			labels := strings.Split(strings.TrimPrefix(fields[2], "-"), ",")
			slices.Sort(labels)
			want = append(want, fields[0]+" "+fields[1]+" "+strings.Join(labels, ","))
		}
	}
	slices.Sort(want)

	revenue := sink.NewRevenue(sink.RevenueOptions{})
	row := month("all", "all", 3, 100, 5)
	row.Growth, row.NRR1, row.GRR1 = row.ExpansionRate, row.ExpansionRate, row.ExpansionRate
	revenue.Observe([]rollup.Row{row})
	registry := prometheus.NewPedanticRegistry()
	served := sink.NewHTTP(func() sink.HTTPReading {
		return sink.HTTPReading{Requests: map[sink.HTTPRequest]int64{{"/metrics", 200}: 3}}
	})
	registry.MustRegister(revenue, sink.NewPipeline(counters, sink.Build{}), served, sink.NewAlerts(alertsReading, nil))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		slices.Sort(labels)
		got = append(got, f.GetName()+" "+strings.ToLower(f.GetType().String())+" "+strings.Join(labels, ","))
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exported:\n%s\nin deploy/metrics.txt:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
