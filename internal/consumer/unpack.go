package consumer

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The compression codecs of record batches.
const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// unpack decompresses the records of one batch to the end of a.unpacked. One batch may unpack to
// limit bytes; a batch that starts when limit bytes are held already waits for the next fetch. A
// batch that would be larger is given up when the bound is reached, not after it was unpacked.
func (a *answer) unpack(codec int, packed []byte, limit int) ([]byte, error) {
	if codec == codecNone {
		return packed, nil
	}
	start := len(a.unpacked)
	if start >= limit {
		return nil, errUnpackFull
	}
	var err error
	switch codec {
	case codecGzip:
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(packed)); err == nil {
			a.unpacked, err = appendAll(a.unpacked, r, unpackedGuess*len(packed), limit)
		}
	case codecSnappy:
		a.unpacked, err = appendSnappy(a.unpacked, packed, limit)
	case codecLZ4:
		a.unpacked, err = appendAll(a.unpacked, lz4.NewReader(bytes.NewReader(packed)), unpackedGuess*len(packed), limit)
	case codecZstd:
		a.unpacked, err = a.appendZstd(packed, limit)
	default:
		err = fmt.Errorf("unknown compression codec %d", codec)
	}
	if err != nil {
		a.unpacked = a.unpacked[:start]
		return nil, err
	}
	return a.unpacked[start:], nil
}

// unpackedGuess is how many times its packed size a batch has room for at first.
const unpackedGuess = 4

// appendAll reads r to its end, up to limit bytes; guess is how many there may be.
func appendAll(dst []byte, r io.Reader, guess, limit int) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, min(guess, limit))
	for idle := 0; ; {
		dst = slices.Grow(dst, 64<<10)
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if idle++; n > 0 {
			idle = 0
		}
		switch {
		case len(dst)-start > limit:
			return dst[:start], errUnpackMax
		case idle == 100:
			return dst[:start], io.ErrNoProgress
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst[:start], err
		}
	}
}

// appendSnappy handles the plain block and the framing of the Java client. The sizes that the
// data claims are compared with the room there is before anything is unpacked.
func appendSnappy(dst, packed []byte, limit int) ([]byte, error) {
	for room := min(unpackedGuess*len(packed)+1<<10, limit); ; room = min(2*room, limit) {
		dst = slices.Grow(dst, room)
		end := min(cap(dst), len(dst)+limit)
		out, err := xerial.DecodeCapped(dst[len(dst):len(dst):end], packed)
		switch {
		case err == nil:
			return dst[:len(dst)+len(out)], nil
		case !errors.Is(err, xerial.ErrDstTooSmall):
			return dst, err
		case room == limit:
			return dst, errUnpackMax
		}
	}
}

func (a *answer) appendZstd(packed []byte, limit int) ([]byte, error) {
	if a.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)))
		if err != nil {
			return a.unpacked, fmt.Errorf("start a zstd decoder: %w", err)
		}
		a.zstd = d
	}
	// The decoder makes room for exactly one batch at a time, which would move all earlier ones.
	var head zstd.Header
	if head.Decode(packed) == nil {
		a.unpacked = slices.Grow(a.unpacked, int(min(max(head.FrameContentSize, unpackedGuess*uint64(len(packed))), uint64(limit))))
	}
	out, err := a.zstd.DecodeAll(packed, a.unpacked)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return a.unpacked, errUnpackMax
	}
	if err != nil {
		return a.unpacked, err
	}
	return out, nil
}

// trim gives back memory that one unusually large answer needed and the last one did not.
func (a *answer) trim() {
	const keep = 4 << 20
	if cap(a.unpacked) > keep && len(a.unpacked) < cap(a.unpacked)/4 {
		a.unpacked = nil
	}
	if cap(a.frame) > keep && len(a.frame) < cap(a.frame)/4 {
		a.frame = nil
	}
}
