package pipeline

import (
	"maps"
	"sync"
)

// owners says which shard numbers are this instance's, and under which epochs. The ledger writes it,
// the rollup, which publishes the partitions of the same numbers, reads it.
type owners struct {
	mu      sync.Mutex
	epochs  map[int]uint64
	paused  bool
	changes int
}

// set replaces what is ours.
func (o *owners) set(epochs map[int]uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.epochs, o.paused = epochs, false
	o.changes++
}

// pause says that it is not known what is ours: the generation is over.
func (o *owners) pause() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paused = true
}

// now is what is ours; changes counts the calls of set. known is false while the group decides.
func (o *owners) now() (epochs map[int]uint64, changes int, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.epochs), o.changes, !o.paused && o.epochs != nil
}
