package aggregate

import (
	"container/heap"
	"encoding/binary"
	"fmt"

	"processor/internal/event"
)

// State is the ledger of one shard: its accounts, and the registers that they add up to. It
// belongs to one goroutine.
//
// The way of an event: Apply files it and marks its account; AdvanceTo moves the watermark and
// marks the accounts for which time alone changes something; Flush derives the marked accounts
// anew and returns what changed, as absolute rows.
type State struct {
	options  Options
	calendar *Calendar
	dims     *dimensions
	accounts map[string]*slot
	now      event.Time

	opened    []*slot // those that are not parked
	openBytes int64   // what they take
	room      int64   // what they may take; 0 for no limit
	hand      int     // whose turn it is to be looked at for room
	flushes   uint32  // so far; it may begin anew

	dirty      []*slot
	wakes      wakeHeap
	registers  map[RegisterKey]*register
	touched    []RegisterKey               // since the last flush
	expansions map[RegisterKey]*expansions // of months
	signals    signalSums                  // nil as long as there are none
	scratch    *contributions
	kept       []Kept
	buffer     []byte // of the record that is filed
	block      []byte // of those that were kept
	packed     []byte // scratch of what is parked
	bytes      int64  // of everything kept, as it is stored
	unrated    int    // months of usage without a price, over all accounts
	horizons   Horizons
	bound      event.Time // what is booked before it cannot be changed by an event any more
	frozen     event.Time // rows booked before it are never returned again; NoTime for none
	forgotten  event.Time // the frozen instant of the last Forget
	firstEvent event.Time // when the first event counts
	first      event.Time // nothing is booked before it
	broken     error
	derivation derivation
}

// New is an empty state. Its watermark is 1970-01-01T00:00:00Z until AdvanceTo says otherwise.
func New(options Options) (*State, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	c := NewCalendar(o.Zone, o.FiscalYearStart)
	d := newDimensions(o.Groupings, o.Values)
	return &State{
		options: o, calendar: c, dims: d,
		accounts:   map[string]*slot{},
		registers:  map[RegisterKey]*register{},
		expansions: map[RegisterKey]*expansions{},
		scratch:    newContributions(c, o.Windows, d),
		horizons:   NoHorizons,
		bound:      event.NoTime,
		frozen:     event.NoTime,
		forgotten:  event.NoTime,
		firstEvent: never,
		first:      never,
	}, nil
}

// Kept is a record that a checkpoint must hold: the state is a fold of such records, in any order
// (see Restore). Replaces says that an earlier value of the key is overwritten, Delete that the key
// is gone.
type Kept struct {
	Key      []byte
	Value    []byte
	Replaces bool
	Delete   bool
}

// Apply files an event. A rejection is returned for a missing rate, for what comes too late, for an
// account that is full, and for contents that claim one revision; in the last case the content that
// sorts first counts all the same.
func (s *State) Apply(e *event.Event) (Outcome, *event.Rejection) {
	if field := missingRate(e, &s.options); field != "" {
		return Applied, &event.Rejection{Reason: event.ReasonMissingRate, Detail: field, Time: e.Time, HasTime: true}
	}
	if rejection := s.horizons.Judge(e, s.calendar); rejection != nil {
		return Applied, rejection
	}
	known := s.find(e.Subject)
	if known != nil {
		s.use(known.slot)
		s.reduce(known)
	}
	if rejection := s.tooOld(known, e); rejection != nil {
		return Applied, rejection
	}
	key, value := s.stored(e)
	if rejection := known.refuses(e, len(key), len(value), s.options.AccountBytes); rejection != nil {
		return Applied, rejection
	}
	return s.file(known, e, key, value)
}

// account is the account of an id, made when it is new.
func (s *State) account(id string) *account {
	if a := s.find(id); a != nil {
		return a
	}
	return s.newSlot(id).open
}

// file files an event whose key and stored form are given with its account, which is nil where it is new.
func (s *State) file(a *account, e *event.Event, key, value []byte) (Outcome, *event.Rejection) {
	s.noteFirst(e)
	if a == nil {
		a = s.newSlot(e.Subject).open
	}
	f := s.enter(a, e)
	if f.kept {
		k := Kept{Key: key, Value: value, Replaces: f.conflict}
		s.kept = append(s.kept, k)
		if f.conflict {
			s.count(a, len(value)-len(f.replaced.AppendStored(nil)))
		} else {
			s.count(a, len(k.Key)+len(value))
		}
		if at := a.effectOf(e, s); f.amended || f.conflict || a.derived == nil || at <= s.now {
			a.noteChange(e, f.amended || f.conflict)
			s.mark(a.slot)
		} else {
			s.wakeAt(a.slot, at)
		}
	}
	switch {
	case f.conflict && f.kept:
		return Applied, &event.Rejection{Reason: event.ReasonConflictingDuplicate, Detail: "kept: this", Time: e.Time, HasTime: true}
	case f.conflict:
		return Applied, &event.Rejection{Reason: event.ReasonConflictingDuplicate, Detail: "kept: other", Time: e.Time, HasTime: true}
	case !f.kept || f.record.current() != e && e.Type != event.TypeEventRevoked:
		return Duplicate, nil
	case a.revocations[e.Key()] > 0 && e.Type != event.TypeEventRevoked:
		return Revoked, nil
	case f.amended:
		return Amended, nil
	default:
		return Applied, nil
	}
}

// enter files an event with its account, and nothing else.
func (s *State) enter(a *account, e *event.Event) filed {
	id := e.Key()
	r := a.records[id]
	before := r.withdraws()
	f := a.keep(id, r, e)
	if !f.kept {
		return f
	}
	if f.amended || f.conflict { // else nothing was filed of it before
		a.forget(id)
	}
	a.index(id, f.record, s)
	a.revoke(before, f.record.withdraws(), s)
	return f
}

// Restore files a record that a checkpoint held. It must precede every Apply.
func (s *State) Restore(value []byte) error {
	defer func() { s.kept = s.kept[:0] }()
	switch {
	case IsDerived(value):
		return nil // the state derives it
	case isReduced(value):
		return s.restoreReduced(value)
	}
	e, err := event.DecodeStored(value)
	if err != nil {
		return fmt.Errorf("restore a record: %w", err)
	}
	var rejection *event.Rejection
	if field := missingRate(e, &s.options); field != "" {
		rejection = &event.Rejection{Reason: event.ReasonMissingRate, Detail: field}
	} else if at := s.accounts[e.Subject]; at.isUntouched() {
		s.noteFirst(e)
		s.restoreParked(at, keptKey(e), value)
	} else {
		_, rejection = s.file(s.find(e.Subject), e, keptKey(e), value)
	}
	if rejection != nil {
		return &RefusedError{Account: e.Subject, Source: e.Source, ID: e.ID, Rejection: rejection}
	}
	return nil
}

// TakeKept returns the records kept since the last call.
func (s *State) TakeKept() []Kept {
	kept := s.kept
	s.kept = nil
	return kept
}

// keptKey names a record: account, source, id, revision, each so that no two names run together.
func keptKey(e *event.Event) []byte {
	return appendKeptKey(make([]byte, 0, len(e.Subject)+len(e.Source)+len(e.ID)+14), e)
}

func appendKeptKey(dst []byte, e *event.Event) []byte {
	for _, part := range [3]string{e.Subject, e.Source, e.ID} {
		dst = appendText(dst, part)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(e.Revision))
}

// keptBlock is how much memory the records share that wait to be taken, in bytes, at most: they
// are saved together.
const keptBlock = 64 << 10

// stored are an event's key and stored form.
func (s *State) stored(e *event.Event) (key, value []byte) {
	s.buffer = appendKeptKey(s.buffer[:0], e)
	n := len(s.buffer)
	s.buffer = e.AppendStored(s.buffer)
	return s.inBlock(n)
}

// inBlock is a copy of the buffer, of which the first n bytes are a key, beside those of other records.
func (s *State) inBlock(n int) (key, value []byte) {
	if len(s.buffer) > cap(s.block)-len(s.block) {
		s.block = make([]byte, 0, max(min(2*cap(s.block), keptBlock), 1<<10, len(s.buffer)))
	}
	start := len(s.block)
	s.block = append(s.block, s.buffer...)
	both := s.block[start:len(s.block):len(s.block)]
	return both[:n:n], both[n:]
}

// withdraws lists what the kept versions of an identity withdraw: every revision counts.
func (r *record) withdraws() []event.Key {
	if r == nil {
		return nil
	}
	var targets []event.Key
	for _, v := range r.versions {
		if v.Type == event.TypeEventRevoked {
			targets = append(targets, v.Revocation.Key())
		}
	}
	return targets
}

// revoke moves the count of revocations from what an identity withdrew to what it withdraws now.
func (a *account) revoke(before, after []event.Key, s *State) {
	for _, target := range before {
		if a.revocations[target]--; a.revocations[target] == 0 {
			delete(a.revocations, target)
		}
	}
	for _, target := range after {
		a.revocations[target]++
	}
	for _, target := range append(before, after...) {
		a.reindex(target, s)
	}
}

func (s *State) mark(at *slot) {
	if !at.dirty {
		at.dirty = true
		s.dirty = append(s.dirty, at)
	}
}

// AdvanceTo moves the watermark forward (an earlier one is ignored) and marks the accounts for
// which that alone changes something: a step takes effect, a row becomes final, a window moves on.
func (s *State) AdvanceTo(watermark event.Time) {
	if watermark <= s.now {
		return
	}
	s.now = watermark
	for len(s.wakes) > 0 && s.wakes[0].at <= watermark {
		w := heap.Pop(&s.wakes).(wake)
		if w.slot.wake == w.at {
			s.mark(w.slot)
		}
	}
}

// Watermark is the instant up to which the state is complete.
func (s *State) Watermark() event.Time { return s.now }

// LatestTime is the largest time of the counted events, revoked ones included; 0 without any.
func (s *State) LatestTime() event.Time {
	var latest event.Time
	for _, at := range s.accounts {
		for _, r := range s.open(at).records {
			latest = max(latest, r.current().Time)
		}
	}
	return latest
}

// Accounts is how many accounts the state knows.
func (s *State) Accounts() int { return len(s.accounts) }

// Bytes is how much the kept records take as they are stored, keys included.
func (s *State) Bytes() int64 { return s.bytes }

// Unrated is in how many months of a metered item, over all accounts, quantity was recorded that has
// no price yet: kept, and no revenue until a snapshot prices it (spec: rules 6.1). As of the last
// flush.
func (s *State) Unrated() int { return s.unrated }

// Calendar is the calendar of the state's options.
func (s *State) Calendar() *Calendar { return s.calendar }

// Dimensions are the names of the configured dimensions, in the order of Dims.Values.
func (s *State) Dimensions() []string { return s.dims.names }

// Segment is what a segment number stands for.
func (s *State) Segment(id SegmentID) Segment { return s.dims.segments[id] }

// SegmentNumber is the inverse of Segment; known is false for a segment that no account was in.
func (s *State) SegmentNumber(segment Segment) (id SegmentID, known bool) {
	id, known = s.dims.numbers[segment]
	return id, known
}

// Check is the first identity that did not hold, of an account or of a register, or nil: a state that is
// broken must not be checkpointed (invariant I2).
func (s *State) Check() error { return s.broken }

// wakeAt sees to it that the account is derived once the watermark reaches an instant.
func (s *State) wakeAt(of *slot, at event.Time) {
	of.foldAt = min(of.foldAt, at)
	s.move(of)
	if of.foldAt < of.wake {
		of.wake = of.foldAt
		heap.Push(&s.wakes, wake{of.wake, of})
	}
}

// wake is the watermark at which an account must be derived again.
type wake struct {
	at   event.Time
	slot *slot
}

type wakeHeap []wake

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h wakeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *wakeHeap) Push(x any)        { *h = append(*h, x.(wake)) }
func (h *wakeHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = wake{}
	*h = old[:len(old)-1]
	return last
}
