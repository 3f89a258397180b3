package web

import (
	"cmp"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/event"
)

const (
	feedKept  = 256
	feedShown = 8
)

// feed is the latest movements that moved money, by their booked instant.
type feed struct {
	rows []fed
	from event.Time // what is booked before it is not among the latest
}

// fed is one movement.
type fed struct {
	shard              int
	account, name, key string
	at                 event.Time
	class              aggregate.Class
	change             string
	kind               string // of the largest part, or ""
	deleted            bool
}

// fedJSON is a movement on the wire.
type fedJSON struct {
	Account string  `json:"account"`
	Name    *string `json:"name"`
	At      string  `json:"effective_at"`
	Class   string  `json:"class"`
	Change  string  `json:"change"`
	Type    *string `json:"type"`
}

// add files a movement; a later row of the same key replaces it.
func (f *feed) add(shard int, m *aggregate.MovementRow, name string) {
	if m.At < f.from || m.Change.IsZero() && !m.Deleted || m.Class == aggregate.ClassScheduled || m.Class == aggregate.ClassRevoked {
		return
	}
	f.rows = append(f.rows, fed{
		shard: shard, account: strings.Clone(m.Account), name: strings.Clone(name), key: strings.Clone(m.Key), at: m.At, class: m.Class,
		change: m.Change.String(), kind: largestPart(m.Parts), deleted: m.Deleted,
	})
	if len(f.rows) >= 4*feedKept {
		f.settle()
	}
}

// settle leaves the latest row of each key, and of these the latest by their instant.
func (f *feed) settle() {
	seen := map[[2]string]bool{}
	kept := f.rows[:0:0]
	for _, r := range slices.Backward(f.rows) {
		if key := [2]string{r.account, r.key}; !seen[key] {
			seen[key] = true
			if !r.deleted {
				kept = append(kept, r)
			}
		}
	}
	slices.SortFunc(kept, func(a, b fed) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.account, b.account), cmp.Compare(a.key, b.key))
	})
	if len(kept) > feedKept {
		kept = kept[:feedKept]
		f.from = kept[feedKept-1].at
	}
	slices.Reverse(kept)
	f.rows = kept
}

// latest are the newest movements, newest first.
func (k *book) latest() []fedJSON {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.feed.settle()
	out := make([]fedJSON, 0, feedShown)
	for _, r := range slices.Backward(k.feed.rows) {
		if len(out) == feedShown {
			break
		}
		out = append(out, fedJSON{Account: r.account, Name: textOrNull(clipped(r.name)), At: r.at.String(), Class: r.class.String(), Change: r.change, Type: textOrNull(r.kind)})
	}
	return out
}

// largestPart names the part that made most of a movement.
func largestPart(p *aggregate.Parts) string {
	name, largest := "", p.Up[0].Sub(p.Up[0])
	for i, v := range p.Up {
		if v.Cmp(largest) > 0 {
			name, largest = aggregate.UpNames[i], v
		}
	}
	for i, v := range p.Down {
		if v.Cmp(largest) > 0 {
			name, largest = aggregate.DownNames[i], v
		}
	}
	return name
}
