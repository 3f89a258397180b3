package aggregate

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/klauspost/compress/s2"

	"processor/internal/event"
)

// Most accounts are at rest: nothing has come for them since they were derived, and time alone will not
// change them soon. Such an account can be parked: of it there are only its records in their stored form,
// and when it was derived. Opening it again is a restart of one account (see Restore), and finds it as
// it was.

// slot is what the state always has of an account.
type slot struct {
	id     string
	open   *account // nil while it is parked
	parked []byte   // each record with its length before it; nil while it is open and has other records

	wake   event.Time // the watermark at which time alone changes what the account shows
	foldAt event.Time // the watermark at which time alone changes its rows
	asOf   event.Time // of what was derived, while it is parked; NoTime before the first

	settledTo   event.Time // of the account, while it is parked
	collapsedTo event.Time

	usedIn uint32 // the number of the flush before which its last event came
	used   bool   // an event came for it since the last look for room
	dirty  bool   // it will be derived at the next flush

	moved    bool // its rest is another one than the checkpoint's
	restKept bool // the checkpoint has its rest
}

func (s *State) use(at *slot) { at.used, at.usedIn = true, s.flushes }

// largeBytes are the records of an account that takes long to open: it is not parked as long as every flush
// brings an event for it.
const largeBytes = 256 << 10

func (s *State) isBusy(at *slot) bool { return at.open.bytes > largeBytes && s.flushes-at.usedIn <= 1 }

// An open account takes many times what its records take as they are stored: about so much, as measured
// by BenchmarkMemory.
const (
	openBytes = 8 << 10
	openTimes = 5 // the bytes of its records
)

func (a *account) weight() int64 { return openBytes + openTimes*a.bytes }

// LimitRoom has accounts that are at rest parked when the open ones take more than so many bytes, by an
// estimate; 0, as it is at first, parks none. It decides nothing but memory and time: the rows
// are the same. What is to be derived at the next flush stays open until then, whatever the limit.
func (s *State) LimitRoom(bytes int64) { s.room = bytes }

// Room is what the open accounts take by the same estimate, and how many they are.
func (s *State) Room() (bytes int64, accounts int) { return s.openBytes, len(s.opened) }

// openLooks is how many accounts are looked at for room before one more is opened.
const openLooks = 16

// find is the account of an id, open; nil where there is none.
func (s *State) find(id string) *account {
	if at := s.accounts[id]; at != nil {
		return s.open(at)
	}
	return nil
}

// open is the account of a slot. It stays open until the next call at least.
func (s *State) open(at *slot) *account {
	if at.open == nil {
		s.makeRoom(openLooks)
		s.unpark(at)
	}
	return at.open
}

// newSlot files an account that is new.
func (s *State) newSlot(id string) *slot {
	s.makeRoom(openLooks)
	at := &slot{id: id, asOf: event.NoTime}
	s.accounts[id] = at
	s.setOpen(at, newAccount(at))
	return at
}

func (s *State) setOpen(at *slot, a *account) {
	at.open = a
	s.opened = append(s.opened, at)
	s.openBytes += a.weight()
}

// makeRoom parks accounts until the rest is within the limit. It looks at so many at most, each in its
// turn; one for which an event came since is passed over once.
func (s *State) makeRoom(looks int) {
	for s.room > 0 && s.openBytes > s.room && looks > 0 && len(s.opened) > 0 {
		looks--
		if s.hand >= len(s.opened) {
			s.hand = 0
		}
		switch at := s.opened[s.hand]; {
		case at.dirty && (at.open.changed || at.open.signalled) && at.open.derived != nil: // only as it is does it tell what its rows were
			s.hand++
		case at.used:
			at.used = false
			s.hand++
		case s.isBusy(at):
			s.hand++
		default:
			s.park(at)
			last := len(s.opened) - 1
			s.opened[s.hand], s.opened[last] = s.opened[last], nil
			s.opened = s.opened[:last]
		}
	}
}

// makeAllRoom looks at every open account.
func (s *State) makeAllRoom() { s.makeRoom(2 * len(s.opened)) }

// park puts an account away.
func (s *State) park(at *slot) {
	a := at.open
	s.openBytes -= a.weight()
	if at.parked == nil {
		at.parked = s.pack(a)
	}
	at.asOf = event.NoTime
	if a.derived != nil {
		at.asOf = a.derived.asOf
	}
	at.settledTo, at.collapsedTo = a.settledTo, a.collapsedTo
	at.open = nil
}

// isUntouched says whether an account is parked that was not derived yet: a checkpoint is being read.
func (at *slot) isUntouched() bool { return at != nil && at.open == nil && at.asOf == event.NoTime }

// restoreParked adds a record to such an account and leaves it parked: the records of a checkpoint need
// not come account by account.
func (s *State) restoreParked(at *slot, key, value []byte) {
	records := at.records()
	records = appendSized(records, func(dst []byte) []byte { return append(dst, value...) })
	at.parked = s.compressed(records)
	s.bytes += int64(len(key) + len(value))
}

// records are those of a parked account, each with its length before it.
func (at *slot) records() []byte {
	records, err := s2.Decode(nil, at.parked)
	if err != nil {
		panic("aggregate: account " + at.id + ": what was parked of it: " + err.Error())
	}
	return records
}

// pack puts all records of an account into one piece of memory, compressed: what its events repeat is most
// of them.
func (s *State) pack(a *account) []byte {
	s.buffer = s.buffer[:0]
	for _, m := range a.settled {
		s.buffer = appendSized(s.buffer, func(dst []byte) []byte { return m.appendStored(appendReduced(dst, storedSettled, a.id)) })
	}
	if a.base != nil {
		s.buffer = appendSized(s.buffer, func(dst []byte) []byte { return a.base.appendStored(appendReduced(dst, storedBase, a.id)) })
	}
	if a.view != nil {
		s.buffer = appendSized(s.buffer, func(dst []byte) []byte { return a.view.appendStored(appendReduced(dst, storedView, a.id)) })
	}
	versions := make([]*event.Event, 0, len(a.records))
	for _, r := range a.records {
		versions = append(versions, r.versions...)
	}
	slices.SortFunc(versions, func(x, y *event.Event) int { // the order in which they are filed soonest
		return cmp.Or(cmp.Compare(x.Time, y.Time), strings.Compare(x.Source, y.Source), strings.Compare(x.ID, y.ID), cmp.Compare(x.Revision, y.Revision))
	})
	for _, v := range versions {
		s.buffer = appendSized(s.buffer, v.AppendStored)
	}
	return s.compressed(s.buffer)
}

// compressed is a copy of its own size.
func (s *State) compressed(records []byte) []byte {
	if most := s2.MaxEncodedLen(len(records)); len(s.packed) < most {
		s.packed = make([]byte, most)
	}
	return slices.Clone(s2.Encode(s.packed, records))
}

// appendSized appends a record with its length before it.
func appendSized(dst []byte, record func(dst []byte) []byte) []byte {
	const most = binary.MaxVarintLen32
	start := len(dst)
	dst = record(append(dst, make([]byte, most)...))
	length := binary.AppendUvarint(dst[start:start], uint64(len(dst)-start-most)) //nolint:gosec // a length
	return append(dst[:start+len(length)], dst[start+most:]...)
}

// unpark opens an account as it was parked.
func (s *State) unpark(at *slot) {
	a := newAccount(at)
	for left := at.records(); len(left) > 0; {
		size, n := binary.Uvarint(left)
		record := left[n : n+int(size)] //nolint:gosec // as it was packed
		left = left[n+int(size):]       //nolint:gosec // as it was packed
		s.refile(a, record)
	}
	a.settledTo, a.collapsedTo = at.settledTo, at.collapsedTo
	a.changed = false
	if at.asOf != event.NoTime {
		f := fold{options: &s.options, calendar: s.calendar, dims: s.dims, account: a, now: at.asOf}
		f.run()
		a.derived, a.memo = f.derived(), f.fresh
		a.derived.moves = s.movesOf(a, a.derived)
	}
	s.setOpen(at, a)
}

// refile files a record that was filed before.
func (s *State) refile(a *account, record []byte) {
	if isReduced(record) {
		r := &reducedReader{left: record[1:]}
		_ = r.text() // the account
		file, err := r.record(s, record[0])
		if err != nil || r.broken {
			panic("aggregate: account " + a.id + ": a record was packed that cannot be read")
		}
		a.bytes += int64(a.noteReduced(file(a), record))
		return
	}
	e, err := event.DecodeStored(record)
	if err != nil {
		panic("aggregate: account " + a.id + ": " + err.Error())
	}
	s.enter(a, e)
	s.buffer = appendKeptKey(s.buffer[:0], e)
	a.bytes += int64(len(s.buffer) + len(record))
}
