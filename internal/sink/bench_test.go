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

// BenchmarkTransaction writes 400 rows of 400 bytes to 4 partitions per transaction, and the same without
// one, and reports what a flush costs: milliseconds of waiting and of this process's processor time.
func BenchmarkTransaction(b *testing.B) {
	for _, transactional := range []bool{false, true} {
		b.Run(fmt.Sprintf("transactional=%v", transactional), func(b *testing.B) {
			k := kafkatest.Start(b, 1)
			topic := k.Create(b, "bench", 4)
			rows := make([]sink.Message, 400)
			for i := range rows {
				rows[i] = sink.Message{Topic: topic, Partition: int32(i % 4), Key: fmt.Appendf(nil, "acct_%08d", i), Value: fmt.Appendf(nil, "%0400d", i*7919)}
			}
			p := producer(b, k, sink.ProducerOptions{Compression: sink.LZ4})
			x := opened(b, own(b, k), sink.TransactorOptions{ID: k.Topic("id"), Compression: sink.LZ4})
			before := processorTime(b)
			for b.Loop() {
				if !transactional {
					_, err := p.Send(b.Context(), rows)
					must(b, err)
					continue
				}
				must(b, x.Begin(b.Context()))
				_, err := x.Send(b.Context(), rows)
				must(b, err, x.Commit(b.Context()))
			}
			b.ReportMetric(1000*(processorTime(b)-before)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(x.Transactions.Busy.Load())/float64(b.N), "busy/op")
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
