package consumer_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// BenchmarkFetch reads records of 359 bytes from 4 partitions and reports records per second of
// wall time and of this process's processor time. With KAFKA_BROKERS the latter is the client's
// alone; the in-process broker shares it.
func BenchmarkFetch(b *testing.B) {
	for _, codec := range []struct {
		name string
		kgo  kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}} {
		b.Run(codec.name, func(b *testing.B) { benchmarkFetch(b, codec.kgo) })
	}
}

func benchmarkFetch(b *testing.B, codec kgo.CompressionCodec) {
	b.Helper()
	const partitions, perPartition = 4, 100_000
	k := kafkatest.Start(b, 1)
	topic := k.Create(b, "bench", partitions)
	fill(b, k, topic, partitions, perPartition, codec)
	c, err := broker.New(broker.Options{Brokers: k.Brokers})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	f := consumer.NewFetcher(c, consumer.FetcherOptions{})
	ctx := b.Context()
	positions := make([]consumer.Position, partitions)
	records, checked := 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	wall, cpu := time.Now(), processorTime(b)
	for b.Loop() {
		for p := range positions {
			positions[p] = consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic, Partition: int32(p)}}
		}
		for left := partitions * perPartition; left > 0; {
			batches, err := f.Fetch(ctx, positions)
			if err != nil {
				b.Fatal(err)
			}
			for i := range batches {
				if batches[i].Err != nil {
					b.Fatal(batches[i].Err)
				}
				positions[batches[i].Partition].Next = batches[i].Next
				left -= len(batches[i].Records)
				records += len(batches[i].Records)
				for j := range batches[i].Records {
					checked += len(batches[i].Records[j].Value)
				}
			}
		}
	}
	b.ReportMetric(float64(records)/time.Since(wall).Seconds(), "records/s")
	b.ReportMetric(float64(records)/(processorTime(b)-cpu).Seconds(), "records/cpu-s")
	if checked == 0 {
		b.Fatal("no bytes were read")
	}
}

func fill(b *testing.B, k *kafkatest.Kafka, topic string, partitions, perPartition int, codec kgo.CompressionCodec) {
	b.Helper()
	client := k.Client(b, kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(900_000), kgo.MaxBufferedRecords(100_000))
	for i := range perPartition {
		for p := range partitions {
			value := fmt.Appendf(nil, `{"id":"evt_%026d","type":"subscription.updated","account":"acct_%08d","mrr":"%d.00","currency":"EUR",`, i*partitions+p, i%5000, i%977)
			for len(value) < 350 {
				value = fmt.Appendf(value, `"f%d":"%x",`, len(value), i*7919+len(value)*104729)
			}
			client.Produce(b.Context(), &kgo.Record{Topic: topic, Partition: int32(p), Key: fmt.Appendf(nil, "acct_%08d", i%5000)[4:], Value: value[:350]}, nil)
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	client.Close()
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
