package intake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"processor/internal/consumer"
	"processor/internal/event"
)

// place is what is committed beside a position, as the text that Kafka keeps with an offset: which log
// the position is in, and up to when its records reach. A position that a person has set has an empty
// text, and none of this.
type place struct {
	TopicID string     `json:"topic_id,omitempty"` // as Kafka's tools print it
	CopyID  string     `json:"copy_id,omitempty"`  // of the topic of the copies
	Seen    event.Time `json:"seen"`               // the largest min(time, append time) so far; NoTime before the first
	At      int64      `json:"at"`                 // when the last record was copied, in seconds since 1970 by the copier's clock

	// The last batch in front of the position; no epoch and checksum before the first.
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leader_epoch"`
	CRC         uint32 `json:"crc"`
}

func (p *place) mark() consumer.Mark {
	return consumer.Mark{Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, CRC: p.CRC}
}

func (p *place) setMark(m consumer.Mark) {
	p.Offset, p.LeaderEpoch, p.CRC = m.Offset, m.LeaderEpoch, m.CRC
}

// changed compares a topic id that was kept with the topic as it is now. Where either is not known there
// is nothing to compare.
func changed(kept string, now consumer.TopicIdentity) error {
	if kept == "" || now == (consumer.TopicIdentity{}) || kept == now.ID.String() {
		return nil
	}
	was := consumer.TopicIdentity{Name: now.Name, Partitions: now.Partitions}
	b, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil || len(b) != len(was.ID) {
		return fmt.Errorf("the topic id %q beside it is none", kept)
	}
	copy(was.ID[:], b)
	return &consumer.ErrTopicChanged{Was: was, Now: now}
}

// idOf is the id of a topic as it is kept; empty where the brokers have none.
func idOf(t consumer.TopicIdentity) string {
	if t == (consumer.TopicIdentity{}) {
		return ""
	}
	return t.ID.String()
}

func (p *place) encode() (string, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode the text beside a position: %w", err)
	}
	return string(b), nil
}

func decodePlace(text string) (place, error) {
	p := place{Seen: event.NoTime}
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("the text beside it cannot be read: %w", err)
	}
	return p, nil
}
