package sink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/addpartitionstotxn"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
)

// AddPartitions makes partitions part of the transaction. Send does it for those that are missing;
// naming all of them at once saves a round trip for each later Send. Right after a transaction the
// broker is busy with its end (CONCURRENT_TRANSACTIONS): the call waits until it is not, since a
// record sent meanwhile would become part of the old transaction. An error is an *ErrTransaction:
// the transaction can only be aborted.
func (t *Transactor) AddPartitions(ctx context.Context, partitions []TopicPartition) error {
	if t.state != open {
		return t.misuse("add partitions")
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	var missing []TopicPartition
	for _, tp := range partitions {
		if !t.added[tp] {
			missing = append(missing, tp)
		}
	}
	slices.SortFunc(missing, compare)
	missing = slices.Compact(missing)
	if len(missing) == 0 {
		return nil
	}
	me := t.producer.identity
	req := &addpartitionstotxn.Request{TransactionalID: t.options.ID, ProducerID: me.id, ProducerEpoch: me.epoch}
	for _, tp := range missing {
		if n := len(req.Topics); n > 0 && req.Topics[n-1].Name == tp.Topic {
			req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, tp.Partition)
			continue
		}
		req.Topics = append(req.Topics, addpartitionstotxn.RequestTopic{Name: tp.Topic, Partitions: []int32{tp.Partition}})
	}
	t.touched = true
	a := t.coordinate(ctx, req, func(m protocol.Message) error {
		codes := map[TopicPartition]kafka.Error{}
		for _, topic := range m.(*addpartitionstotxn.Response).Results {
			for _, p := range topic.Results {
				codes[TopicPartition{Topic: topic.Name, Partition: p.PartitionIndex}] = kafka.Error(p.ErrorCode)
			}
		}
		return worst(missing, codes)
	})
	if a.err != nil {
		return t.fail("add partitions", a.err, a.lost)
	}
	t.renew = t.renew || a.lost
	for _, tp := range missing {
		t.added[tp] = true
	}
	return nil
}

func compare(a, b TopicPartition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// notAttempted stands beside the error of another partition in the same answer.
const notAttempted kafka.Error = 55

// worst picks the error that decides about a whole answer: one that will not pass before one that
// may, and silence about a partition before both.
func worst(asked []TopicPartition, codes map[TopicPartition]kafka.Error) error {
	var found error
	rank := 0
	for _, tp := range asked {
		code, answered := codes[tp]
		var r int
		switch {
		case !answered:
			return fmt.Errorf("the broker said nothing about %s", tp)
		case code == 0:
			continue
		case code == notAttempted:
			r = 1
		case passing(code):
			r = 2
		default:
			r = 3
		}
		if r > rank {
			rank, found = r, fmt.Errorf("%s: %w", tp, code)
		}
	}
	return found
}

// Send writes messages as part of the transaction and waits until all replicas have them, in order
// per partition, as Producer.Send does. The offsets are those of records that nobody may read yet.
// An error is an *ErrTransaction around *ErrUnacknowledged, *ErrRefused (joined) or ErrFenced: the
// transaction can only be aborted, and surely is or will be.
func (t *Transactor) Send(ctx context.Context, messages []Message) (map[TopicPartition]int64, error) {
	if t.state != open {
		return nil, t.misuse("send")
	}
	partitions := make([]TopicPartition, 0, 8)
	for i := range messages {
		tp := TopicPartition{Topic: messages[i].Topic, Partition: messages[i].Partition}
		if !t.added[tp] && !slices.Contains(partitions, tp) {
			partitions = append(partitions, tp)
		}
	}
	if err := t.AddPartitions(ctx, partitions); err != nil {
		return nil, err
	}
	next, err := t.producer.Send(ctx, messages)
	t.renew = t.renew || t.producer.uncertain
	if errors.Is(err, kafka.InvalidTransactionState) {
		// The partitions were added, so the transaction was open: somebody else has ended it.
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if err != nil {
		return nil, t.fail("send", err, true) // the sequence is in doubt, so the epoch is done with
	}
	return next, nil
}

// GroupOffsets are positions of a consumer group that a transaction moves.
type GroupOffsets struct {
	Group      string
	Generation int32  // of the membership under which the records were read
	Member     string // its member id
	Next       map[TopicPartition]int64
	Text       map[TopicPartition]string // kept beside the positions, at most 4,096 bytes each; may be nil
}

// SendOffsets makes the group's positions part of the transaction: they move when it commits. The
// group's coordinator refuses them when the generation has ended. An error is an *ErrTransaction:
// the transaction can only be aborted. A commit after it would publish the records without their
// positions, so Commit refuses.
func (t *Transactor) SendOffsets(ctx context.Context, o GroupOffsets) error {
	if t.state != open {
		return t.misuse("send offsets")
	}
	if len(o.Next) == 0 {
		return nil
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	if err := t.addGroup(ctx, o.Group); err != nil {
		return err
	}
	me := t.producer.identity
	req := &txnoffsetcommit.Request{
		TransactionalID: t.options.ID, GroupID: o.Group, ProducerID: me.id, ProducerEpoch: me.epoch,
		GenerationID: o.Generation, MemberID: o.Member,
	}
	asked := slices.SortedFunc(maps.Keys(o.Next), compare)
	for _, tp := range asked {
		p := txnoffsetcommit.RequestPartition{Partition: tp.Partition, CommittedOffset: o.Next[tp], CommittedLeaderEpoch: -1, CommittedMetadata: o.Text[tp]}
		if n := len(req.Topics); n > 0 && req.Topics[n-1].Name == tp.Topic {
			req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, p)
			continue
		}
		req.Topics = append(req.Topics, txnoffsetcommit.RequestTopic{Name: tp.Topic, Partitions: []txnoffsetcommit.RequestPartition{p}})
	}
	a := t.ask(ctx, t.groupCoordinator(o.Group), req, func(m protocol.Message) error {
		codes := map[TopicPartition]kafka.Error{}
		for _, topic := range m.(*txnoffsetcommit.Response).Topics {
			for _, p := range topic.Partitions {
				codes[TopicPartition{Topic: topic.Name, Partition: p.Partition}] = kafka.Error(p.ErrorCode)
			}
		}
		return worst(asked, codes)
	})
	if a.err != nil {
		if membershipEnded(a.err) {
			a.err = fmt.Errorf("%w: %w", ErrMembership, a.err)
		}
		return t.fail("send offsets of group "+o.Group, a.err, a.lost)
	}
	t.renew = t.renew || a.lost
	return nil
}

// addGroup makes a group's offsets part of the transaction.
func (t *Transactor) addGroup(ctx context.Context, group string) error {
	if group == "" {
		return t.fail("send offsets", errors.New("no group is named"), false)
	}
	if t.groups[group] {
		return nil
	}
	me := t.producer.identity
	t.touched = true
	a := t.coordinate(ctx, &addoffsetstotxn.Request{
		TransactionalID: t.options.ID, ProducerID: me.id, ProducerEpoch: me.epoch, GroupID: group,
	}, func(m protocol.Message) error {
		if code := m.(*addoffsetstotxn.Response).ErrorCode; code != 0 {
			return kafka.Error(code)
		}
		return nil
	})
	if a.err != nil {
		return t.fail("add group "+group, a.err, a.lost)
	}
	t.renew = t.renew || a.lost
	t.groups[group] = true
	return nil
}
