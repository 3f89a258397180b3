package intake

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/kafkatest"
)

// BenchmarkIntake copies the events of a made-up company (INTAKE_EVENTS, 100,000 by default) from 4
// partitions with any key to 8, and reports records per second of wall time and of this process's
// processor time. With KAFKA_BROKERS the latter is intake's alone; the in-process broker shares it.
func BenchmarkIntake(b *testing.B) {
	events := 100_000
	if text := os.Getenv("INTAKE_EVENTS"); text != "" {
		var err error
		if events, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	o := company.Defaults()
	o.Events, o.Accounts = events, events/10
	records, err := company.Collect(o)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b, 4)
		w.kafka.Create(b, "wide", 8, kafkatest.AppendTime, map[string]string{"max.message.bytes": strconv.Itoa(MessageMax(event.Options{}))})
		w.change = func(o *Options) { o.Events, o.Partitions = w.kafka.Topic("wide"), 8 }
		c := w.kafka.Client(b)
		list := make([]*kgo.Record, 0, len(records))
		for i, r := range records {
			list = append(list, &kgo.Record{Topic: w.source, Partition: int32(i % 4), Key: strconv.AppendInt(nil, int64(i), 10), Value: r.Value})
		}
		if err := c.ProduceSync(context.Background(), list...).FirstErr(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		begun, used := time.Now(), processorTime(b)
		w.run()
		n := float64(len(records))
		b.ReportMetric(n/time.Since(begun).Seconds(), "records/s")
		b.ReportMetric(n/(processorTime(b)-used).Seconds(), "records/cpu-s")
	}
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
