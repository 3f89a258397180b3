package registry

import (
	"context"
	"encoding/binary"
	"errors"

	"processor/internal/event"
	"processor/internal/event/avro"
)

// prefixBytes is the length of what stands before a value in the wire format: a 0, and the schema's number.
const prefixBytes = 5

// Decoder reads native events that were written with a schema of the registry: Avro, or JSON, whose schema
// must be known but decides nothing, as the native format is checked anyway. It belongs to one goroutine.
type Decoder struct {
	client *Client
	kind   string
	avro   *avro.Decoder
	native *event.Decoder
}

// NewDecoder reads records whose schemas are of a kind, within the bounds of the options.
func NewDecoder(c *Client, kind string, bounds event.Options) *Decoder {
	return &Decoder{client: c, kind: kind, avro: avro.NewDecoder(bounds), native: event.NewDecoder(bounds)}
}

// Decode reads one record; a tombstone is ignored. The error says that the registry could not be asked.
func (d *Decoder) Decode(ctx context.Context, r *event.Record) ([]*event.Event, *event.Rejection, error) {
	if r.Value == nil {
		return nil, nil, nil
	}
	if len(r.Value) < prefixBytes || r.Value[0] != 0 {
		return nil, &event.Rejection{Reason: event.ReasonUnknownSchema, Detail: "value"}, nil
	}
	schema, err := d.client.Schema(ctx, binary.BigEndian.Uint32(r.Value[1:prefixBytes]))
	switch {
	case errors.Is(err, ErrUnknown):
		return nil, &event.Rejection{Reason: event.ReasonUnknownSchema, Detail: "value"}, nil
	case err != nil:
		return nil, nil, err
	case schema.Err != nil || schema.Kind != d.kind:
		return nil, &event.Rejection{Reason: event.ReasonUndecodableSchema, Detail: "schema"}, nil //nolint:nilerr // a schema that cannot be used is an answer
	}
	var e *event.Event
	var rejection *event.Rejection
	if d.kind == KindAvro {
		e, rejection = d.avro.Decode(schema.Avro, r.Value[prefixBytes:], r.Headers)
	} else {
		e, rejection = d.native.Decode(r.Value[prefixBytes:], r.Headers)
	}
	if e == nil {
		return nil, rejection, nil
	}
	return []*event.Event{e}, nil, nil
}
