package consumer

import "encoding/binary"

// abortFilter knows, while the batches of one answer go by in order, which producers are inside a
// transaction that was aborted. A read_committed broker sends the list of aborted transactions
// that overlap the answer; the filtering is the client's part.
type abortFilter struct {
	pending []abortedTransaction // not begun yet at the current batch, in no particular order
	active  []int64              // producers whose records are aborted until their next marker
}

// sees moves the filter to a batch that ends at offset last, and says whether its records were
// aborted.
func (f *abortFilter) sees(last, producer int64, transactional, control bool) bool {
	for i := 0; i < len(f.pending); {
		if t := f.pending[i]; t.first <= last {
			f.begin(t.producer)
			f.pending[i] = f.pending[len(f.pending)-1]
			f.pending = f.pending[:len(f.pending)-1]
			continue
		}
		i++
	}
	return transactional && !control && f.find(producer) >= 0
}

func (f *abortFilter) begin(producer int64) {
	if f.find(producer) < 0 {
		f.active = append(f.active, producer)
	}
}

func (f *abortFilter) find(producer int64) int {
	for i, p := range f.active {
		if p == producer {
			return i
		}
	}
	return -1
}

// marker reads a control batch: an abort marker ends its producer's aborted transaction.
func (f *abortFilter) marker(producer int64, records []byte) {
	const typeAbort = 0
	i := f.find(producer)
	if i < 0 {
		return
	}
	size, n := binary.Varint(records)
	if n <= 0 || size < 1 || size > int64(len(records)-n) {
		return
	}
	b := records[n+1 : n+int(size)] // behind the attributes
	for range 2 {                   // the two deltas
		_, n := binary.Varint(b)
		if n <= 0 {
			return
		}
		b = b[n:]
	}
	key, _, ok := varBytes(b)
	if ok && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == typeAbort {
		f.active[i] = f.active[len(f.active)-1]
		f.active = f.active[:len(f.active)-1]
	}
}
