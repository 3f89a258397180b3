package letter

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// Filter chooses letters. What is empty chooses all.
type Filter struct {
	Reasons []string
	Sources []string // topics that the records were written to
	Since   time.Time
	Until   time.Time // not included
}

func (f *Filter) takes(l *Letter) bool {
	switch {
	case len(f.Reasons) > 0 && !slices.Contains(f.Reasons, string(l.Reason)):
	case len(f.Sources) > 0 && !slices.Contains(f.Sources, l.Position.Topic):
	case !f.Since.IsZero() && l.Stored.Before(f.Since):
	case !f.Until.IsZero() && !l.Stored.Before(f.Until):
	default:
		return true
	}
	return false
}

// redrivenMax bounds the positions that are known to have been sent back, of a topic's retention; each takes
// some 50 bytes of memory.
const redrivenMax = 4_000_000

// ErrTooMany means that more was sent back than can be remembered.
var ErrTooMany = fmt.Errorf("more than %d letters were sent back within the topic's retention: shorten it (retention.ms), so that what is done goes", redrivenMax)

// Box is a dead-letter topic.
type Box struct {
	cluster    *broker.Cluster
	topic      string
	partitions int

	redriven map[[16]byte]struct{} // by the key of the position
	foreign  int64                 // records that are no letters
}

// OpenBox looks the topic up and reads which letters were sent back already.
func OpenBox(ctx context.Context, c *broker.Cluster, topic string) (*Box, error) {
	found, err := c.Topics(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", topic, err)
	}
	if !found[topic].Exists {
		return nil, fmt.Errorf("there is no topic %s: are output.prefix and kafka.brokers those of the service?", topic)
	}
	b := &Box{cluster: c, topic: topic, partitions: len(found[topic].Partitions), redriven: map[[16]byte]struct{}{}}
	err = b.read(ctx, func(_ int32, r *consumer.Record) error {
		if isMark(r) {
			b.redriven[hashOf(r.Key)] = struct{}{}
		}
		if len(b.redriven) > redrivenMax {
			return ErrTooMany
		}
		return nil
	})
	return b, err
}

// hashOf stands for the key of a position.
func hashOf(key []byte) [16]byte {
	sum := sha256.Sum256(key)
	return [16]byte(sum[:16])
}

// read calls fn with every record that the topic holds as of now, a partition after the other.
func (b *Box) read(ctx context.Context, fn func(partition int32, r *consumer.Record) error) error {
	for p := range b.partitions {
		partition := int32(p) //nolint:gosec // a partition
		_, err := consumer.ReadRange(ctx, b.cluster, b.topic, partition, consumer.FromStart, func(r *consumer.Record) error {
			return fn(partition, r)
		})
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", b.topic, p, err)
		}
	}
	return nil
}

// ErrEnough ends a reading without an error, when the function given to Each returns it.
var ErrEnough = errors.New("enough")

// Each calls fn with every letter that the filter chooses, in the order of partitions and offsets, and whether
// it was sent back already. Only one letter is in memory at a time.
func (b *Box) Each(ctx context.Context, f Filter, fn func(l *Letter, redriven bool) error) error {
	b.foreign = 0
	err := b.read(ctx, func(partition int32, r *consumer.Record) error {
		if isMark(r) {
			return nil
		}
		l, err := Read(partition, r)
		if err != nil {
			b.foreign++
			return nil //nolint:nilerr // it is counted, and is not ours
		}
		if !f.takes(l) {
			return nil
		}
		_, redriven := b.redriven[hashOf(r.Key)]
		return fn(l, redriven)
	})
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return err
}

// Foreign is how many records the last Each met that are no letters of this program.
func (b *Box) Foreign() int64 { return b.foreign }
