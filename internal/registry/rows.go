package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"processor/internal/row"
	"processor/internal/row/wire"
)

// Rows writes rows as Avro with schemas of the registry, and reads them back. Once it is open it needs the
// registry only for what was written with an earlier schema. It is safe for use by several goroutines.
type Rows struct {
	Waiting func(error) // is told each time that the registry does not answer; nil: nobody is

	client *Client
	order  []row.Topic
	kinds  map[row.Topic]*[2]rowSide // keys, values
}

// rowSide are the keys or the values of one kind of row.
type rowSide struct {
	*wire.AvroSide
	subject string
	id      uint32

	mu      sync.Mutex
	readers map[uint32]wire.AvroReader // of earlier schemas
}

// NewRows writes rows of these tables. The subjects are the names of topics, with their prefix, and -key or
// -value, as Confluent's serialisers name them.
func NewRows(c *Client, prefix string, tables []row.Table) (*Rows, error) {
	r := &Rows{client: c, kinds: map[row.Topic]*[2]rowSide{}}
	for i := range tables {
		t := &tables[i]
		if !t.Topic.IsOfRows() {
			continue
		}
		key, value, err := wire.AvroSides(t)
		if err != nil {
			return nil, err
		}
		topic := prefix + string(t.Topic)
		r.order = append(r.order, t.Topic)
		r.kinds[t.Topic] = &[2]rowSide{
			{AvroSide: key, subject: topic + "-key", readers: map[uint32]wire.AvroReader{}},
			{AvroSide: value, subject: topic + "-value", readers: map[uint32]wire.AvroReader{}},
		}
	}
	return r, nil
}

// Open registers every schema, and waits for as long as the registry does not answer: no row is written before.
func (r *Rows) Open(ctx context.Context) error {
	for _, topic := range r.order {
		for i := range r.kinds[topic] {
			s := &r.kinds[topic][i]
			err := insist(ctx, r.Waiting, func() (err error) {
				s.id, err = r.client.Register(ctx, s.subject, s.Schema)
				return err
			})
			if err != nil {
				return fmt.Errorf("register the schema of %s: %w", s.subject, err)
			}
		}
	}
	return nil
}

// Encode writes a key and a row; what is no row of a table stays as it is.
func (r *Rows) Encode(topic row.Topic, key, value []byte) (k, v []byte, err error) {
	kind := r.kinds[topic]
	if kind == nil {
		return key, value, nil
	}
	if k, err = kind[0].Encode(kind[0].id, key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = kind[1].Encode(kind[1].id, value)
	return k, v, err
}

// Decode is the inverse of Encode, also of what was written with an earlier schema.
func (r *Rows) Decode(ctx context.Context, topic row.Topic, key, value []byte) (k, v []byte, err error) {
	kind := r.kinds[topic]
	if kind == nil {
		return key, value, nil
	}
	if k, err = r.decode(ctx, &kind[0], key); err != nil || value == nil {
		return k, nil, err
	}
	v, err = r.decode(ctx, &kind[1], value)
	return k, v, err
}

func (r *Rows) decode(ctx context.Context, s *rowSide, record []byte) ([]byte, error) {
	id, err := wire.Number(record)
	if err != nil {
		return nil, err
	}
	if id == s.id {
		return s.AvroSide.Decode(s.Own(), record)
	}
	reader, err := r.reader(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return s.AvroSide.Decode(reader, record)
}

// reader reads what was written with an earlier schema. There are as many of a subject as its rows were given
// other columns, which a person does now and then.
func (r *Rows) reader(ctx context.Context, s *rowSide, id uint32) (reader wire.AvroReader, err error) {
	s.mu.Lock()
	reader, found := s.readers[id]
	s.mu.Unlock()
	if found {
		return reader, nil
	}
	var schema *Schema
	err = insist(ctx, r.Waiting, func() (err error) {
		schema, err = r.client.Schema(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, ErrUnknown):
		return reader, fmt.Errorf("%w: schema %d of %s: %w", wire.ErrForm, id, s.subject, err)
	case err != nil:
		return reader, err
	case schema.Kind != KindAvro || schema.Err != nil:
		return reader, fmt.Errorf("%w: schema %d of %s is none of Avro that can be read", wire.ErrForm, id, s.subject)
	}
	if reader, err = s.Reader(schema.Text); err != nil {
		return reader, fmt.Errorf("schema %d of %s: %w", id, s.subject, err)
	}
	s.mu.Lock()
	s.readers[id] = reader
	s.mu.Unlock()
	return reader, nil
}
