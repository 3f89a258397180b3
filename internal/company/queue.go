package company

// turn is an account's next instant of doing something.
type turn struct {
	at   int64 // seconds since 1970
	slot uint32
}

// before orders turns by instant and, at one instant, by slot, so that the order is total.
func (t turn) before(other turn) bool {
	return t.at < other.at || t.at == other.at && t.slot < other.slot
}

// queue is a binary heap of turns with the earliest first. It is written out because the
// interface calls of container/heap cost more than all else that generating an event does.
type queue []turn

func (q *queue) push(t turn) {
	heap := append(*q, t)
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !t.before(heap[parent]) {
			break
		}
		heap[i] = heap[parent]
		i = parent
	}
	heap[i] = t
	*q = heap
}

// replaceFirst puts t in the place of the earliest turn.
func (q queue) replaceFirst(t turn) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(q) {
			break
		}
		if child+1 < len(q) && q[child+1].before(q[child]) {
			child++
		}
		if !q[child].before(t) {
			break
		}
		q[i] = q[child]
		i = child
	}
	q[i] = t
}

// dropFirst removes the earliest turn.
func (q *queue) dropFirst() {
	heap := *q
	last := heap[len(heap)-1]
	*q = heap[:len(heap)-1]
	if len(*q) > 0 {
		q.replaceFirst(last)
	}
}
