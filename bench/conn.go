package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// readConn reads the whole topic by the client's own connections, a partition after the other, every record once into
// one piece of memory: what kafka-go gives by itself. Only what is committed counts, as with the service.
func (o *options) readConn(ctx context.Context) error {
	cluster, partitions, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer cluster.Close()
	read := 0
	for _, p := range partitions {
		n, err := o.readPartition(ctx, cluster, p)
		if err != nil {
			return fmt.Errorf("read %s by a connection: %w", p, err)
		}
		read += n
	}
	if read < o.events {
		return fmt.Errorf("%d of %d events were read by connections", read, o.events)
	}
	return nil
}

// connWithin bounds one request; connBytes is the most that one brings, as the service's.
const (
	connWithin = 30 * time.Second
	connBytes  = 8 << 20
)

func (o *options) readPartition(ctx context.Context, cluster *broker.Cluster, p consumer.TopicPartition) (read int, err error) {
	conn, err := cluster.Dialer().DialLeader(ctx, "tcp", o.brokers[0], p.Topic, int(p.Partition))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	first, last, err := conn.ReadOffsets()
	if err != nil {
		return 0, err
	}
	if _, err := conn.Seek(first, kafka.SeekAbsolute); err != nil {
		return 0, err
	}
	value := make([]byte, 1<<20)
	for next := first; next < last; {
		if err := conn.SetDeadline(time.Now().Add(connWithin)); err != nil {
			return read, err
		}
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: connBytes, IsolationLevel: kafka.ReadCommitted})
		for err == nil {
			if _, err = batch.Read(value); err == nil {
				read++
			}
		}
		next = batch.Offset()
		if err = errors.Join(ignoreEnd(err), batch.Close()); err != nil {
			return read, err
		}
	}
	return read, nil
}

// ignoreEnd is nil for the end of a batch.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
