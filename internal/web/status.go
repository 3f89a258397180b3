package web

import (
	"encoding/json"
	"fmt"
	"time"

	"processor/internal/event"
)

// Status is where the service stands, as people and probes are told.
type Status struct {
	Phase      string
	Ready      bool
	Watermark  event.Time // NoTime before it is known
	Records    int64      // read since the start
	Rejected   int64
	LagRecords int64
	Lag        time.Duration
	Accounts   int
	Segments   int
	Shards     []ShardStatus
	Of         int // shards in all
}

// ShardStatus is where one shard stands.
type ShardStatus struct {
	Shard      int
	Watermark  event.Time
	Accounts   int
	LagRecords int64
	CaughtUp   bool
}

// statusJSON is a Status on the wire.
type statusJSON struct {
	Phase           string      `json:"phase"`
	Ready           bool        `json:"ready"`
	Watermark       *string     `json:"watermark"`
	Records         int64       `json:"records"`
	Rejected        int64       `json:"rejected"`
	LagRecords      int64       `json:"lag_records"`
	LagSeconds      json.Number `json:"lag_seconds"`
	Accounts        int         `json:"accounts"`
	Segments        int         `json:"segments"`
	SegmentsOmitted int         `json:"segments_omitted"`
	Shards          []shardJSON `json:"shards"`
	ShardsOf        int         `json:"shards_of"`
}

type shardJSON struct {
	Shard      int     `json:"shard"`
	Watermark  *string `json:"watermark"`
	Accounts   int     `json:"accounts"`
	LagRecords int64   `json:"lag_records"`
	CaughtUp   bool    `json:"caught_up"`
}

// statusOf is the status as it is sent. The caller holds the board's lock.
func (b *Board) statusOf() statusJSON {
	s := &b.status
	out := statusJSON{
		Phase: s.Phase, Ready: s.Ready, Watermark: timeOrNull(s.Watermark), Records: s.Records, Rejected: s.Rejected,
		LagRecords: s.LagRecords, LagSeconds: seconds(s.Lag), Accounts: s.Accounts, Segments: s.Segments,
		SegmentsOmitted: len(b.omitted), Shards: make([]shardJSON, 0, len(s.Shards)), ShardsOf: s.Of,
	}
	for _, shard := range s.Shards {
		out.Shards = append(out.Shards, shardJSON{shard.Shard, timeOrNull(shard.Watermark), shard.Accounts, shard.LagRecords, shard.CaughtUp})
	}
	return out
}

// seconds writes a duration as seconds with three digits.
func seconds(d time.Duration) json.Number {
	ms := max(d, 0).Milliseconds()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

func timeOrNull(t event.Time) *string {
	if t == event.NoTime {
		return nil
	}
	text := string(t.AppendTo(nil))
	return &text
}
