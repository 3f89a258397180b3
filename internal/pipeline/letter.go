package pipeline

import (
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/letter"
	"processor/internal/row"
	"processor/internal/sink"
)

// letter makes the dead letter of a record that the shard rejects, with the position where it was
// written first.
func (s *shard) letter(src *source, r *consumer.Record, rejection *event.Rejection) sink.Message {
	m := letter.New(s.options.topic(row.TopicDeadLetters), src.Partition, &letter.Rejected{
		Position: src.at, Key: src.key, Value: r.Value, Headers: src.headers, Rejection: rejection, At: s.state.Watermark(),
	})
	m.Time = s.options.schedule.Now().UnixNano()
	return m
}
