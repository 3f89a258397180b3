package broker

import (
	"encoding/binary"

	"github.com/segmentio/kafka-go/protocol"
)

// requestOfOurs begins a request that the client library does not know, up to its body; sized ends it.
func (c *Cluster) requestOfOurs(key protocol.ApiKey, version int16) []byte {
	b := make([]byte, 4, 128) // room for the size
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlationOfOurs))
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.clientID)))
	b = append(b, c.clientID...)
	return append(b, 0) // no tagged fields
}

// sized writes a request's size into the room in front of it.
func sized(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// appendCompact writes a string with its length as the protocol's compact encoding has it.
func appendCompact(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s)+1)), s...)
}

// flexible reads the fields of an answer in the protocol's compact encoding. A read past the end sets
// broken and gives zero; every element of an array takes at least a byte, so a count is bounded by
// what is there.
type flexible struct{ Fields }

func (d *flexible) uvarint() uint64 {
	v, n := binary.Uvarint(d.Rest)
	if n <= 0 {
		d.Fail()
		return 0
	}
	d.Rest = d.Rest[n:]
	return v
}

// count reads the length of an array, stored as one more; null is empty.
func (d *flexible) count() int {
	n := d.uvarint()
	if n > uint64(len(d.Rest))+1 {
		d.Fail()
		return 0
	}
	return max(int(n)-1, 0)
}

// bytes reads a string or nil.
func (d *flexible) bytes() []byte { return d.Take(d.count()) }

// tags skips the tagged fields that end a structure.
func (d *flexible) tags() {
	for n := d.uvarint(); n > 0 && !d.Broken; n-- {
		d.uvarint()
		size := d.uvarint()
		if size > uint64(len(d.Rest)) {
			d.Fail()
			return
		}
		d.Take(int(size))
	}
}

// partitions skips the partitions of a topic in a metadata answer and counts them.
func (d *flexible) partitions() int {
	n := d.count()
	for range n {
		d.Take(2 + 3*4) // error, number, leader, its epoch
		for range 3 {   // replicas, those in sync, those offline
			d.Take(4 * d.count())
		}
		d.tags()
		if d.Broken {
			return 0
		}
	}
	return n
}
