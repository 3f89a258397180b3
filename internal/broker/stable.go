package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
)

// ErrUnstable means that a transaction which moves the asked position has not ended yet.
var ErrUnstable = errors.New("broker: a transaction over the group's position is still open")

// ErrNoStableOffsets means that the brokers cannot say whether a position is decided (Kafka before 2.5).
var ErrNoStableOffsets = errors.New("broker: the brokers cannot tell decided positions from others, Kafka 2.5 or later is needed")

// errNotSpoken means that a broker does not speak a version.
var errNotSpoken = errors.New("the broker does not speak this version")

// errOffsetFetch is an answer that contradicts the protocol; the connection is dropped.
var errOffsetFetch = errors.New("malformed answer about a group's position")

const offsetFetchStable int16 = 7 // the first version of offset fetch that can be asked for decided positions

// StableOffset asks a group's coordinator once for the position that the group has in a partition, and
// for the text beside it; -1 without a position. The client library knows offset fetch up to version 5
// only, which answers with the position before an open transaction: request and answer of version 7
// are written and read here. Errors are ErrUnstable, ErrNoStableOffsets, a Kafka error code, the
// connection's or the context's.
func (c *Cluster) StableOffset(ctx context.Context, coordinator int32, group string, tp TopicPartition) (next int64, text string, err error) {
	var frame []byte
	err = c.Exchange(ctx, coordinator, protocol.OffsetFetch, func(rw io.ReadWriter, _ int16) error {
		err := c.speaks(rw, protocol.OffsetFetch, offsetFetchStable)
		if errors.Is(err, errNotSpoken) {
			return ErrNoStableOffsets
		}
		if err != nil {
			return err
		}
		if _, err := rw.Write(c.stableRequest(group, tp)); err != nil {
			return err
		}
		frame, err = readAnswer(rw)
		return err
	})
	if err != nil {
		return -1, "", err
	}
	return readStable(frame, tp)
}

// speaks asks whether this broker speaks a version: asked in one that it does not, it would only drop
// the connection.
func (c *Cluster) speaks(rw io.ReadWriter, key protocol.ApiKey, version int16) error {
	m, err := protocol.RoundTrip(rw, 0, correlationOfOurs, c.clientID, &apiversions.Request{})
	if err != nil {
		return err
	}
	for _, v := range m.(*apiversions.Response).ApiKeys {
		if v.ApiKey == int16(key) && v.MinVersion <= version && version <= v.MaxVersion {
			return nil
		}
	}
	return errNotSpoken
}

// stableRequest is an offset fetch of version 7 for one partition.
func (c *Cluster) stableRequest(group string, tp TopicPartition) []byte {
	b := c.requestOfOurs(protocol.OffsetFetch, offsetFetchStable)
	b = appendCompact(b, group)
	b = append(b, 2) // one topic
	b = appendCompact(b, tp.Topic)
	b = append(b, 2) // one partition
	b = binary.BigEndian.AppendUint32(b, uint32(tp.Partition))
	b = append(b, 0, 1, 0) // no tagged fields, decided positions only, no tagged fields
	return sized(b)
}

// readStable walks an offset fetch answer of version 7.
func readStable(frame []byte, tp TopicPartition) (next int64, text string, err error) {
	d := flexible{Fields{Rest: frame}}
	if d.Int32() != correlationOfOurs {
		d.Broken = true
	}
	d.tags()
	d.Int32() // throttle time
	next = -1
	found, code := false, int16(0)
	for range d.count() {
		topic := string(d.bytes())
		for range d.count() {
			partition := d.Int32()
			offset := d.int64()
			d.Int32() // leader epoch
			beside := string(d.bytes())
			problem := d.Int16()
			d.tags()
			if topic == tp.Topic && partition == tp.Partition {
				found, next, text, code = true, offset, beside, problem
			}
			if d.Broken {
				break
			}
		}
		d.tags()
		if d.Broken {
			break
		}
	}
	whole := d.Int16()
	d.tags()
	switch {
	case d.Broken:
		return -1, "", errOffsetFetch
	case whole != 0:
		code = whole
	case !found:
		return -1, "", fmt.Errorf("broker: the answer says nothing about the group's position in %s", tp)
	}
	switch e := kafka.Error(code); e {
	case 0:
		return max(next, -1), text, nil
	case kafka.GroupIdNotFound: // some brokers say so of a group that has never had one
		return -1, "", nil
	case kafka.UnstableOffsetCommit:
		return -1, "", ErrUnstable
	default:
		return -1, "", e
	}
}

// int64 reads eight bytes.
func (d *flexible) int64() int64 {
	if b := d.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}
