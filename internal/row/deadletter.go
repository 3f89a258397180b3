package row

import "processor/internal/event"

// DeadLetter is a rejected record: where it stood, why it was not accepted, and its bytes.
type DeadLetter struct {
	Topic     string
	Partition int
	Offset    int64
	Reason    event.Reason
	Detail    string
	At        event.Time // when it was rejected, by the watermark
	Key       []byte
	Value     []byte
}

// DeadLetterKey appends the key of a dead letter.
func (*Encoder) DeadLetterKey(dst []byte, d *DeadLetter) []byte {
	o := open(dst)
	o.position(d)
	return o.close()
}

func (o *object) position(d *DeadLetter) {
	o.text("source_topic", d.Topic)
	o.integer("partition", int64(d.Partition))
	o.integer("offset", d.Offset)
}

// DeadLetterRow appends a dead letter as `replay` prints it. On Kafka the record keeps its own key,
// value and headers, and the position and reason travel as headers.
func (*Encoder) DeadLetterRow(dst []byte, d *DeadLetter, s Stamp) []byte {
	o := open(dst)
	o.position(d)
	o.text("reason", string(d.Reason))
	o.text("detail", d.Detail)
	o.instant("at", d.At)
	o.text("value", string(d.Value))
	o.stamp(s)
	return o.close()
}
