package aggregate

import (
	"bytes"
	"fmt"

	"processor/internal/event"
)

// refuses is the rejection of an event for which the account has no room, or nil: what it keeps is
// bounded (spec: events 3, invariant I8). It depends on nothing but the records before it and the
// horizons. An event that needs no room, such as a duplicate, is let through to what becomes of it.
func (a *account) refuses(e *event.Event, keyBytes, valueBytes int, limit int64) *event.Rejection {
	var taken int64
	if a != nil {
		taken = a.bytes
	}
	needed := int64(keyBytes + valueBytes)
	if taken+needed <= limit {
		return nil
	}
	if known := a.version(e); known != nil {
		content := known.AppendStored(nil)
		keptAsItIs := bytes.Compare(e.AppendCanonical(nil), known.AppendCanonical(nil)) >= 0
		if keptAsItIs || taken+int64(valueBytes-len(content)) <= limit {
			return nil
		}
	}
	return &event.Rejection{
		Reason: event.ReasonAccountTooLarge, Time: e.Time, HasTime: true,
		Detail: fmt.Sprintf("the account's records may take %d bytes", limit),
	}
}

// version is the kept content of an event's revision, or nil.
func (a *account) version(e *event.Event) *event.Event {
	if a == nil || a.records[e.Key()] == nil {
		return nil
	}
	for _, v := range a.records[e.Key()].versions {
		if v.Revision == e.Revision {
			return v
		}
	}
	return nil
}
