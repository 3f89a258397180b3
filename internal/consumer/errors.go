package consumer

import (
	"fmt"
	"time"
)

// ErrGap means that the log no longer holds the position that was asked for: retention or
// DeleteRecords moved its start past it (Asked < LogStart), or the log ends before it (Asked > End:
// the topic was recreated or truncated). Nothing was skipped; only a person may decide to go on.
type ErrGap struct {
	Topic     string
	Partition int32
	Asked     int64
	LogStart  int64 // -1 when the broker did not say
	End       int64 // the log's end offset, -1 when the broker did not say
}

func (e *ErrGap) Error() string {
	if e.End >= 0 && e.Asked > e.End {
		return fmt.Sprintf("consumer: %s/%d ends at offset %d, before our position %d: the topic was recreated or truncated",
			e.Topic, e.Partition, e.End, e.Asked)
	}
	return fmt.Sprintf("consumer: %s/%d lost offsets [%d,%d): the log starts at %d, past our position",
		e.Topic, e.Partition, e.Asked, e.LogStart, e.LogStart)
}

// ErrCorrupt means that a batch of the log cannot be read, also after fetching it again: its
// checksum does not match, its structure is broken, or its format is unknown.
type ErrCorrupt struct {
	Topic     string
	Partition int32
	Offset    int64 // where the broken batch starts; the position stays in front of it
	Reason    string
}

func (e *ErrCorrupt) Error() string {
	return fmt.Sprintf("consumer: %s/%d offset %d cannot be read: %s", e.Topic, e.Partition, e.Offset, e.Reason)
}

// ErrTooLarge means that a batch unpacks to more bytes than the fetcher may hold.
type ErrTooLarge struct {
	Topic     string
	Partition int32
	Offset    int64
	Limit     int
}

func (e *ErrTooLarge) Error() string {
	return fmt.Sprintf("consumer: %s/%d offset %d: the batch is larger than %d bytes when unpacked",
		e.Topic, e.Partition, e.Offset, e.Limit)
}

// ErrUnavailable means that a partition could not be read for as long as the fetcher tries by
// itself. Asking again later is right.
type ErrUnavailable struct {
	Topic     string
	Partition int32
	For       time.Duration
	Cause     error
}

func (e *ErrUnavailable) Error() string {
	return fmt.Sprintf("consumer: %s/%d unreadable for %s: %v", e.Topic, e.Partition, e.For.Round(time.Second), e.Cause)
}

func (e *ErrUnavailable) Unwrap() error { return e.Cause }
