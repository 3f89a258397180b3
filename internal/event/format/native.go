package format

import "processor/internal/event"

// nativeReader reads native events as the other readers read theirs, for commands that take any format.
type nativeReader struct{ decoder *event.Decoder }

// NativeReader reads native events, within the bounds of the options.
func NativeReader(bounds event.Options) event.Reader {
	return nativeReader{event.NewDecoder(bounds)}
}

// Read reads one event.
func (r nativeReader) Read(record *event.Record) ([]*event.Event, *event.Rejection) {
	e, rejection := r.decoder.Decode(record.Value, record.Headers)
	if e == nil {
		return nil, rejection
	}
	return []*event.Event{e}, nil
}
