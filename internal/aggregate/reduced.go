package aggregate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"processor/internal/money"
)

// Records that stand for events which are gone. Their values begin with a byte that no stored event
// has, then the account; their keys are the account and a suffix shorter than any event's.

// The first bytes: what the record is, and the version of its form. A changed form gets the next
// number, and the reader keeps reading the old ones.
const (
	storedSettled = 0x81
	storedBase    = 0x82
	storedView    = 0x83
)

// errReduced says that bytes are no such record: damage, or a version of the future.
var errReduced = errors.New("not a record that stands for events")

func isReduced(value []byte) bool { return len(value) > 0 && value[0] >= 0x80 }

// Collapsed says whether a kept record is a base: what an account was below the floor, under the
// meaning that the numbers had then.
func Collapsed(value []byte) bool { return len(value) > 0 && value[0] == storedBase }

// Settled says whether a kept record is a month of usage whose events are gone.
func Settled(value []byte) bool { return len(value) > 0 && value[0] == storedSettled }

// StandsForEvents says whether a kept record stands for events which are gone.
func StandsForEvents(value []byte) bool { return isReduced(value) && !IsDerived(value) }

// accountKey is the beginning of all keys of an account's records.
func accountKey(id string) []byte { return appendText(nil, id) }

func settledKey(id string, month int32) []byte {
	return binary.BigEndian.AppendUint32(append(accountKey(id), 'u'), uint32(month)) //nolint:gosec // the bits
}

func baseKey(id string) []byte { return append(accountKey(id), 'b') }

func viewKey(id string) []byte { return append(accountKey(id), 'v') }

// keepReduced keeps a record that stands for events of an account.
func (s *State) keepReduced(a *account, form byte, key, content []byte) {
	value := append(appendReduced(nil, form, a.id), content...)
	_, replaces := a.reduced[string(key)]
	s.kept = append(s.kept, Kept{Key: key, Value: value, Replaces: replaces})
	s.count(a, a.noteReduced(key, value))
}

// appendReduced begins a record that stands for events.
func appendReduced(dst []byte, form byte, id string) []byte { return appendText(append(dst, form), id) }

// noteReduced notes what a record takes that stands for events, and says how much more that is than before.
func (a *account) noteReduced(key, value []byte) (grown int) {
	if a.reduced == nil {
		a.reduced = map[string]int{}
	}
	size := len(key) + len(value)
	grown = size - a.reduced[string(key)]
	a.reduced[string(key)] = size
	return grown
}

// dropReduced gives up a record that stood for events.
func (s *State) dropReduced(a *account, key []byte) {
	s.kept = append(s.kept, Kept{Key: key, Delete: true})
	s.count(a, -a.reduced[string(key)])
	delete(a.reduced, string(key))
}

// dropKept gives up the record of an event.
func (s *State) dropKept(a *account, key []byte, valueBytes int) {
	s.kept = append(s.kept, Kept{Key: key, Delete: true})
	s.count(a, -len(key)-valueBytes)
}

// count adds to what the account's records take.
func (s *State) count(a *account, bytes int) {
	s.openBytes -= a.weight()
	a.bytes += int64(bytes)
	s.openBytes += a.weight()
	s.bytes += int64(bytes)
	a.slot.parked = nil // its records are others now
}

// restoreReduced files a record that stands for events.
func (s *State) restoreReduced(value []byte) error {
	r := &reducedReader{left: value[1:]}
	id := r.text()
	file, err := r.record(s, value[0])
	if err != nil {
		return err
	}
	if r.broken || len(r.left) > 0 {
		return fmt.Errorf("%w: account %q: damaged at byte %d of %d", errReduced, id, len(value)-len(r.left), len(value))
	}
	s.firstEvent, s.first = 0, 0 // it stands for events of any time
	a := s.account(id)
	key := file(a)
	s.keepReduced(a, value[0], key, value[1+len(accountKey(id)):])
	a.changed = true
	s.mark(a.slot)
	return nil
}

// record reads what follows the account, and says how to file it; filing returns its key.
func (r *reducedReader) record(s *State, form byte) (file func(a *account) (key []byte), err error) {
	switch form {
	case storedSettled:
		m := r.settledMonth()
		return func(a *account) []byte { a.restoreSettled(m); return settledKey(a.id, m.month) }, nil
	case storedBase:
		b := r.base()
		return func(a *account) []byte { a.setBase(b, s.calendar); return baseKey(a.id) }, nil
	case storedView:
		v := r.view()
		return func(a *account) []byte { a.view = v; return viewKey(a.id) }, nil
	default:
		return nil, fmt.Errorf("%w: first byte %#x", errReduced, form)
	}
}

func appendInt(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func appendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) } //nolint:gosec // a length

func appendText(dst []byte, text string) []byte { return append(appendCount(dst, len(text)), text...) }

// appendAmount writes the lower word as a varint; one that needs the upper word has it too, behind a
// 1.
func appendAmount(dst []byte, a money.Amount) []byte {
	hi, lo := a.Words()
	small := int64(lo) //nolint:gosec // the bits are compared with hi
	if hi == small>>63 {
		return binary.AppendVarint(append(dst, 0), small)
	}
	return binary.AppendVarint(binary.AppendVarint(append(dst, 1), small), hi)
}

// reducedReader reads what was written above. It trusts nothing: after the first fault everything it
// reads is zero, and broken says so.
type reducedReader struct {
	left   []byte
	broken bool
}

func (r *reducedReader) fail() { r.left, r.broken = nil, true }

func (r *reducedReader) int() int64 {
	n, size := binary.Varint(r.left)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *reducedReader) uint() uint64 {
	n, size := binary.Uvarint(r.left)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *reducedReader) int32() int32 {
	n := r.int()
	if n < math.MinInt32 || n > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int32(n)
}

// count is the length of what follows, of which each element takes at least one byte.
func (r *reducedReader) count() int {
	n, size := binary.Uvarint(r.left)
	if size <= 0 || n > uint64(len(r.left)-size) {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return int(n) //nolint:gosec // at most the bytes that are left
}

func (r *reducedReader) text() string {
	n := r.count()
	text := string(r.left[:n])
	r.left = r.left[n:]
	return text
}

func (r *reducedReader) octet() byte {
	if len(r.left) == 0 {
		r.fail()
		return 0
	}
	b := r.left[0]
	r.left = r.left[1:]
	return b
}

func (r *reducedReader) amount() money.Amount {
	wide := r.octet()
	small := r.int()
	hi := small >> 63
	if wide == 1 {
		hi = r.int()
	} else if wide != 0 {
		r.fail()
	}
	return money.FromWords(hi, uint64(small)) //nolint:gosec // the bits
}

func readList[T any](r *reducedReader, read func() T) []T {
	n := r.count()
	var list []T
	for range n {
		list = append(list, read())
		if r.broken {
			return nil
		}
	}
	return list
}
