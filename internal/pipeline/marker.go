package pipeline

import (
	"encoding/json"
	"fmt"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/event"
)

// marker is what a checkpoint holds beside the records: where the shard stands. Positions come from
// here only (invariant I4).
type marker struct {
	Format     int        `json:"format"`
	Epoch      uint64     `json:"epoch"`
	Flush      uint64     `json:"flush"`
	Generation uint64     `json:"generation"`
	Watermark  event.Time `json:"watermark"`

	// What was too late for the shard, and up to where it was frozen; 0 and nothing in markers from
	// before there were horizons.
	Horizons aggregate.Horizons `json:"horizons"`
	Frozen   event.Time         `json:"frozen"`

	Sources    []place  `json:"sources"`
	Outputs    []end    `json:"outputs"`
	Prefix     *string  `json:"prefix,omitempty"` // of the outputs; nil in markers from before it was kept
	Digest     uint64   `json:"digest"`
	Results    [7]int64 `json:"results"`
	Rows       int64    `json:"rows"`
	Everything bool     `json:"everything"`          // every row must be sent again, and was not yet
	Openings   bool     `json:"openings"`            // and opening balances instead of what is frozen
	Registers  bool     `json:"registers,omitempty"` // every register must be, because some were held back
	Gaps       []Gap    `json:"gaps,omitempty"`
}

// place is where the shard stands in one source topic.
type place struct {
	Topic string     `json:"topic"`
	Next  int64      `json:"next"`
	Seen  event.Time `json:"seen"` // the largest min(time, append time) so far, NoTime before the first

	// Which log that is (invariant I7). Markers from before this was kept have neither.
	ID   string     `json:"topic_id,omitempty"` // as Kafka's tools print it; empty where brokers have none
	Last *lastBatch `json:"last,omitempty"`     // in front of Next; nil before the first

	Origins []seenOrigin `json:"origins,omitempty"` // of the topic of the copies, those of which something was seen
}

// seenOrigin is how far one source partition was seen through its copies.
type seenOrigin struct {
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Seen      event.Time `json:"seen"`
}

// lastBatch tells the last batch that was applied from every other that may come to stand in its
// place.
type lastBatch struct {
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leader_epoch"`
	CRC         uint32 `json:"crc"`
}

// lastOf is how a marker keeps the mark of a batch; nil for none.
func lastOf(m consumer.Mark) *lastBatch {
	if m == (consumer.Mark{}) {
		return nil
	}
	return &lastBatch{Offset: m.Offset, LeaderEpoch: m.LeaderEpoch, CRC: m.CRC}
}

// mark is what was kept.
func (l *lastBatch) mark() consumer.Mark {
	if l == nil {
		return consumer.Mark{}
	}
	return consumer.Mark{Offset: l.Offset, LeaderEpoch: l.LeaderEpoch, CRC: l.CRC}
}

// end is up to where the rows that this checkpoint knows of reach in one output partition; rows
// behind it were sent by a run that did not live to save again.
type end struct {
	outputPartition
	Next int64 `json:"next"`
}

const markerFormat = 1

func (m *marker) encode() ([]byte, error) {
	m.Format = markerFormat
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the checkpoint's marker: %w", err)
	}
	return b, nil
}

func decodeMarker(b []byte) (*marker, error) {
	m := new(marker)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("decode the checkpoint's marker: %w", err)
	}
	if m.Format != markerFormat {
		return nil, fmt.Errorf("the checkpoint's marker has format %d, this version reads %d", m.Format, markerFormat)
	}
	return m, nil
}

// settle brings a restored state to where the marker says it was, and tells of each account that is derived on the way.
func (m *marker) settle(s *aggregate.State, each func(*aggregate.Updates)) {
	s.AdvanceTo(m.Watermark)
	s.SetHorizons(m.Horizons)
	s.RestoreFrozen(m.Frozen)
	s.FlushEach(each)
}
