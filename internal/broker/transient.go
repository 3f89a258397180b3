package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// Transient says whether an error may go away by itself: a lost connection, a moved leader or
// coordinator, too few replicas. The caller's own cancelled context is not transient; check it
// first. An error code not listed here will not get better by asking again, nor will a certificate.
func Transient(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		var certificate *tls.CertificateVerificationError
		return err != nil && !errors.Is(err, context.Canceled) && !errors.As(err, &certificate)
	}
	switch code {
	case kafka.UnknownTopicOrPartition, // also while the metadata of a new leader spreads
		kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.RequestTimedOut,
		kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable, kafka.NetworkException,
		kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend, kafka.NotController,
		kafka.KafkaStorageError, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch,
		kafka.OffsetNotAvailable, kafka.ConcurrentTransactions:
		return true
	default:
		return false
	}
}

// Backoff waits before attempt n (from 0) is repeated: 50 ms doubling to 2 s. It returns early
// with the context's error.
func Backoff(ctx context.Context, attempt int) error {
	return Sleep(ctx, BackoffDelay(attempt))
}

// BackoffDelay is the wait of Backoff.
func BackoffDelay(attempt int) time.Duration {
	return min(50*time.Millisecond<<min(attempt, 10), 2*time.Second)
}

// Outlast is a context that goes on for a while after ctx ended: what is being sent when a stop is asked
// for must arrive. end releases it.
func Outlast(ctx context.Context, within time.Duration) (lasting context.Context, end func()) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	halt := context.AfterFunc(ctx, func() { time.AfterFunc(within, cancel) })
	return lasting, func() { halt(); cancel() }
}

// Sleep waits for d or for the end of ctx, whichever is first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
