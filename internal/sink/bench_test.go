package sink_test

import (
	"fmt"
	"syscall"
	"testing"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// BenchmarkSend writes rows of about 400 bytes to 4 partitions, 4,000 at a time, and reports
// records per second of this process's processor time (with KAFKA_BROKERS the client's alone).
func BenchmarkSend(b *testing.B) {
	for _, codec := range []struct {
		name  string
		codec sink.Compression
	}{{"none", sink.None}, {"lz4", sink.LZ4}, {"zstd", sink.Zstd}} {
		b.Run(codec.name, func(b *testing.B) {
			k := kafkatest.Start(b, 1)
			topic := k.Create(b, "bench", 4)
			p := producer(b, k, sink.ProducerOptions{Compression: codec.codec})
			rows := make([]sink.Message, 4000)
			for i := range rows {
				value := fmt.Appendf(nil, `{"account":"acct_%08d","month":"2026-%02d","kind":"expansion","currency":"EUR","opening":"%d.00","delta":"%d.50",`, i*7919%5000, i%12+1, i%977, i%31)
				for len(value) < 380 {
					value = fmt.Appendf(value, `"s%d":"%x",`, len(value), i*len(value)*104729)
				}
				rows[i] = sink.Message{Topic: topic, Partition: int32(i % 4), Key: fmt.Appendf(nil, "acct_%08d", i), Value: value}
			}
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				if _, err := p.Send(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(p.Counters.Records.Load())
			b.ReportMetric(n/(processorTime(b)-before), "records/cpu-s")
			b.ReportMetric(float64(p.Counters.Bytes.Load())/n, "B/record")
		})
	}
}

func processorTime(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
