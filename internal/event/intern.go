package event

import "hash/maphash"

const (
	internSlots    = 1024 // a power of two
	internBytesMax = 64
)

// interner hands out one copy of each short text that keeps coming back (products, plans,
// currencies, sources), so that millions of lines share it. It is a bounded, direct-mapped table:
// two texts that meet in a slot take turns. Its seed is random and no answer depends on it.
type interner struct {
	seed  maphash.Seed
	table [internSlots]string
}

// text is the string of b, which the caller may overwrite afterwards.
func (n *interner) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > internBytesMax {
		return string(b)
	}
	entry := &n.table[maphash.Bytes(n.seed, b)&(internSlots-1)]
	if *entry != string(b) {
		*entry = string(b)
	}
	return *entry
}
