package event

import (
	"bytes"
	"hash/maphash"
)

// namesFewMax is how many names are compared pairwise; larger objects use the set, so that a
// record of a hundred thousand names costs no quadratic time.
const namesFewMax = 32

// uniqueNames says whether no two members of the object have the same name, as it reads after
// unescaping: two systems must not read two amounts from one record.
func (t *tape) uniqueNames(object slot) bool {
	var seen uint64
	count := 0
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		if count++; count > namesFewMax {
			return t.names.unique(t, object)
		}
		name := t.text(at)
		bit := uint64(1) << nameBit(name)
		if seen&bit != 0 && t.earlier(object, at, name) {
			return false
		}
		seen |= bit
	}
	return true
}

// nameBit spreads the usual names over 64 bits; only names of one bit are compared.
func nameBit(name []byte) uint {
	if len(name) == 0 {
		return 0
	}
	return (uint(name[0])*5 + uint(name[len(name)-1])*11 + uint(name[len(name)/2])*3 + uint(len(name))) % 64
}

func (t *tape) earlier(object, until slot, name []byte) bool {
	for at := object + 1; at < until; at = t.after(at + 1) {
		if bytes.Equal(t.text(at), name) {
			return true
		}
	}
	return false
}

// nameSet is a hash set of the names of one large object. Its seed is random, so that no record
// can be built to collide; the answer does not depend on it.
type nameSet struct {
	seed  maphash.Seed
	table []slot
}

func (n *nameSet) unique(t *tape, object slot) bool {
	count := 0
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		count++
	}
	size := 1
	for size < 2*count {
		size *= 2
	}
	if cap(n.table) < size || cap(n.table) > nodesKeptMax {
		n.table = make([]slot, size)
	}
	n.table = n.table[:size]
	clear(n.table)
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		name := t.text(at)
		bucket := maphash.Bytes(n.seed, name) & uint64(size-1)
		for n.table[bucket] != 0 {
			if bytes.Equal(t.text(n.table[bucket]), name) {
				return false
			}
			bucket = (bucket + 1) & uint64(size-1)
		}
		n.table[bucket] = at
	}
	return true
}
