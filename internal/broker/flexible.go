package broker

import "encoding/binary"

// flexible reads the fields of an answer in the protocol's compact encoding. A read past the end sets
// broken and gives zero; every element of an array takes at least a byte, so a count is bounded by
// what is there.
type flexible struct {
	rest   []byte
	broken bool
}

func (d *flexible) take(n int) []byte {
	if n < 0 || n > len(d.rest) {
		d.broken, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *flexible) int16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *flexible) int32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *flexible) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.broken, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads the length of an array, stored as one more; null is empty.
func (d *flexible) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest))+1 {
		d.broken, d.rest = true, nil
		return 0
	}
	return max(int(n)-1, 0)
}

// bytes reads a string or nil.
func (d *flexible) bytes() []byte { return d.take(d.count()) }

// tags skips the tagged fields that end a structure.
func (d *flexible) tags() {
	for n := d.uvarint(); n > 0 && !d.broken; n-- {
		d.uvarint()
		size := d.uvarint()
		if size > uint64(len(d.rest)) {
			d.broken, d.rest = true, nil
			return
		}
		d.take(int(size))
	}
}

// partitions skips the partitions of a topic in a metadata answer and counts them.
func (d *flexible) partitions() int {
	n := d.count()
	for range n {
		d.take(2 + 3*4) // error, number, leader, its epoch
		for range 3 {   // replicas, those in sync, those offline
			d.take(4 * d.count())
		}
		d.tags()
		if d.broken {
			return 0
		}
	}
	return n
}
