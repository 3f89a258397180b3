package broker

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// TopicID is what a broker gave a topic when it was created: a topic that was deleted and created
// again has the same name and another id. The zero value is none.
type TopicID [16]byte

// String is the form in which Kafka's tools print it.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// TopicIdentity is a topic's name, id and number of partitions as one answer gave them.
type TopicIdentity struct {
	Name       string
	ID         TopicID
	Partitions int // 0: the topic does not exist
}

// ErrNoTopicIDs means that the brokers are too old to have topic ids (Kafka before 2.8).
var ErrNoTopicIDs = errors.New("broker: the brokers have no topic ids, Kafka 2.8 or later is needed")

const (
	metadataWithIDs   int16 = 10       // the first version of metadata that has them
	metadataFrameMax        = 64 << 20 // of one answer
	correlationOfOurs int32 = 1        // one request on a lent connection: any number does
)

// errMetadata is an answer that contradicts the protocol; the connection is dropped.
var errMetadata = errors.New("malformed metadata answer")

// TopicIdentities asks a broker, never a cache. Topics that do not exist are in the answer without
// partitions. The client library knows metadata up to version 8 only, which has no ids: request and
// answer of version 10 are written and read here.
func (c *Cluster) TopicIdentities(ctx context.Context, names ...string) (map[string]TopicIdentity, error) {
	if len(names) == 0 {
		return map[string]TopicIdentity{}, nil
	}
	var frame []byte
	err := c.Exchange(ctx, AnyNode, protocol.Metadata, func(rw io.ReadWriter, _ int16) error {
		if err := c.speaksTopicIDs(rw); err != nil {
			return err
		}
		if _, err := rw.Write(c.identityRequest(names)); err != nil {
			return err
		}
		var err error
		frame, err = readAnswer(rw)
		return err
	})
	if err == nil {
		var found map[string]TopicIdentity
		if found, err = readIdentities(frame); err == nil {
			return found, missing(names, found)
		}
	}
	return nil, fmt.Errorf("broker: ask for the ids of topics %v: %w", names, err)
}

// speaksTopicIDs asks whether this broker speaks a version of metadata that has them.
func (c *Cluster) speaksTopicIDs(rw io.ReadWriter) error {
	err := c.speaks(rw, protocol.Metadata, metadataWithIDs)
	if errors.Is(err, errNotSpoken) {
		return ErrNoTopicIDs
	}
	return err
}

// identityRequest is a metadata request of version 10 that creates nothing.
func (c *Cluster) identityRequest(names []string) []byte {
	b := c.requestOfOurs(protocol.Metadata, metadataWithIDs)
	b = binary.AppendUvarint(b, uint64(len(names)+1))
	for _, name := range names {
		b = append(b, make([]byte, 16)...) // by name
		b = appendCompact(b, name)
		b = append(b, 0)
	}
	b = append(b, 0, 0, 0, 0) // create nothing, no authorised operations of cluster and topics, no tagged fields
	return sized(b)
}

// readAnswer reads one length-prefixed answer, from its correlation on.
func readAnswer(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > metadataFrameMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are accepted", errMetadata, size, metadataFrameMax)
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// readIdentities walks a metadata answer of version 10.
func readIdentities(frame []byte) (map[string]TopicIdentity, error) {
	d := flexible{Fields{Rest: frame}}
	if d.Int32() != correlationOfOurs {
		d.Broken = true
	}
	d.tags()
	d.Int32() // throttle time
	for range d.count() {
		d.Int32() // node
		d.bytes() // host
		d.Int32() // port
		d.bytes() // rack
		d.tags()
	}
	d.bytes() // cluster id
	d.Int32() // controller
	found := map[string]TopicIdentity{}
	for range d.count() {
		code := kafka.Error(d.Int16())
		t := TopicIdentity{Name: string(d.bytes())}
		copy(t.ID[:], d.Take(len(t.ID)))
		d.Take(1) // internal
		t.Partitions = d.partitions()
		d.Int32() // authorised operations
		d.tags()
		if d.Broken {
			break
		}
		switch code {
		case 0, kafka.LeaderNotAvailable:
		case kafka.UnknownTopicOrPartition:
			t.ID, t.Partitions = TopicID{}, 0
		default:
			return nil, fmt.Errorf("topic %s: %w", t.Name, code)
		}
		found[t.Name] = t
	}
	d.Int32() // authorised operations on the cluster
	d.tags()
	if d.Broken {
		return nil, errMetadata
	}
	return found, nil
}

// missing is the error of a topic that a broker left out of its answer.
func missing(names []string, found map[string]TopicIdentity) error {
	for _, name := range names {
		if _, ok := found[name]; !ok {
			return fmt.Errorf("broker: the answer says nothing about topic %s", name)
		}
	}
	return nil
}
