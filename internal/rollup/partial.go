package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// RegisterLayout changes whenever the bytes of a register would mean something else: it belongs to
// the name of a generation, so that registers of another layout are passed over and sent anew.
const RegisterLayout = 3<<16 | int(aggregate.Sums)<<8 | int(aggregate.Counts)

// Partial is what a shard says in the partials topic: its whole register of one segment and
// interval, or (IsMark) how far it is complete. The topic is compacted; the value carries version
// and generation, so that a record counts or not by itself, wherever it stands.
type Partial struct {
	Shard      int
	Version    uint64
	Generation uint64 // partition count and meaning of the configuration; others are not summed

	Segment  aggregate.Segment
	Kind     aggregate.Kind
	Index    int32
	Register *aggregate.Register // nil: the shard has nothing there any more
	Accounts []Contribution      // of a window that alerts watch: those of the shard that fell most

	IsMark bool
	IsTick bool // a mark between two flushes, at a whole minute: for alerts alone (spec: rules 12)
	Mark   Mark
}

// Contribution is what an account expanded by in a window, and in the one before it.
type Contribution struct {
	Type        string // of expansion, such as "seat"; "" for all of it
	Account     string
	Before, Now money.Amount
}

// Mark closes a flush: everything that the shard sent to this partition before it belongs to a
// state that is complete up to the watermark.
type Mark struct {
	Shards    int // how many there are
	Watermark event.Time
	CaughtUp  bool         // the shard has read what its sources held when it started
	History   bool         // alerts do not look at the minutes since the mark before
	Heard     []event.Time // by source: the latest record that the shard has read; NoTime before the first
}

// The first byte of a partial's key.
const (
	keyRegister = 'r'
	keyMark     = 'm'
	keyTick     = 't'
)

// The flags of a mark.
const (
	flagCaughtUp = 1 << iota
	flagHistory
)

// AppendKey appends the Kafka key: the shard, and of a register its segment and interval.
func (p *Partial) AppendKey(dst []byte) []byte {
	if p.IsMark {
		kind := byte(keyMark)
		if p.IsTick {
			kind = keyTick
		}
		return binary.AppendUvarint(append(dst, kind), uint64(p.Shard)) //nolint:gosec // not negative
	}
	dst = binary.AppendUvarint(append(dst, keyRegister), uint64(p.Shard)) //nolint:gosec // not negative
	dst = append(dst, byte(p.Kind))
	dst = binary.AppendVarint(dst, int64(p.Index))
	dst = binary.AppendUvarint(dst, uint64(len(p.Segment.Grouping)))
	dst = append(dst, p.Segment.Grouping...)
	return append(dst, p.Segment.Name...)
}

// AppendValue appends the Kafka value: version, generation, and the register's amounts and counts
// that are not 0, or the mark.
func (p *Partial) AppendValue(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, p.Version)
	dst = binary.BigEndian.AppendUint64(dst, p.Generation)
	switch {
	case p.IsMark:
		flags := byte(0)
		if p.Mark.CaughtUp {
			flags |= flagCaughtUp
		}
		if p.Mark.History {
			flags |= flagHistory
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(p.Mark.Shards)) //nolint:gosec // not negative
		dst = binary.AppendVarint(dst, int64(p.Mark.Watermark))
		dst = binary.AppendUvarint(dst, uint64(len(p.Mark.Heard)))
		for _, t := range p.Mark.Heard {
			dst = binary.AppendVarint(dst, int64(t))
		}
		return dst
	case p.Register == nil:
		return append(dst, 0)
	default:
		return appendContributions(appendRegister(append(dst, 1), p.Register), p.Accounts)
	}
}

// appendContributions writes them behind their number.
func appendContributions(dst []byte, list []Contribution) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		c := &list[i]
		for _, text := range [2]string{c.Type, c.Account} {
			dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
		}
		for _, amount := range [2]money.Amount{c.Before, c.Now} {
			dst = appendWords(dst, amount)
		}
	}
	return dst
}

// appendWords writes an amount in 16 bytes.
func appendWords(dst []byte, amount money.Amount) []byte {
	hi, lo := amount.Words()
	dst = binary.BigEndian.AppendUint64(dst, uint64(hi)) //nolint:gosec // the bits
	return binary.BigEndian.AppendUint64(dst, lo)
}

// appendRegister writes pairs of place and amount, each list behind its length. An amount beyond 64
// bits has the lowest bit of its place set.
func appendRegister(dst []byte, r *aggregate.Register) []byte {
	n := 0
	for i := range r.Sums {
		if !r.Sums[i].IsZero() {
			n++
		}
	}
	dst = append(dst, byte(n))
	for i := range r.Sums {
		hi, lo := r.Sums[i].Words()
		switch small := int64(lo); { //nolint:gosec // the bits are compared with hi
		case hi == 0 && lo == 0:
		case hi == small>>63:
			dst = binary.AppendVarint(append(dst, byte(i)<<1), small)
		default:
			dst = binary.BigEndian.AppendUint64(append(dst, byte(i)<<1|1), uint64(hi)) //nolint:gosec // the bits
			dst = binary.BigEndian.AppendUint64(dst, lo)
		}
	}
	n = 0
	for i := range r.Counts {
		if r.Counts[i] != 0 {
			n++
		}
	}
	dst = append(dst, byte(n))
	for i := range r.Counts {
		if r.Counts[i] != 0 {
			dst = binary.AppendVarint(append(dst, byte(i)), r.Counts[i])
		}
	}
	return appendSignals(appendRanking(dst, r.Ranking), r.Signals)
}

// appendRanking writes the largest amounts behind their number, and the sum of squares behind its
// length; one 0 stands for no ranking.
func appendRanking(dst []byte, r *aggregate.Ranking) []byte {
	if r == nil {
		return append(dst, 0)
	}
	dst = append(dst, byte(len(r.Top)))
	for _, amount := range r.Top {
		dst = appendWords(dst, amount)
	}
	squares := r.Squares.Bytes()
	dst = binary.AppendUvarint(dst, uint64(len(squares)))
	return append(dst, squares...)
}

// DecodePartial reads a record of the partials topic. Of a record of another generation only the
// key, the version and the generation are read: the rest may have another layout.
func DecodePartial(key, value []byte, generation uint64) (Partial, error) {
	var p Partial
	if err := p.decodeKey(key); err != nil {
		return p, fmt.Errorf("key %x of a partial: %w", key, err)
	}
	if err := p.decodeValue(value, generation); err != nil {
		return p, fmt.Errorf("value of partial %x: %w", key, err)
	}
	return p, nil
}

var errPartial = errors.New("it ends early or goes on after its end")

func (p *Partial) decodeKey(key []byte) error {
	if len(key) == 0 {
		return errPartial
	}
	r := reader{rest: key[1:]}
	p.Shard = int(r.uvarint()) //nolint:gosec // the caller compares it with the number of shards
	switch key[0] {
	case keyMark, keyTick:
		p.IsMark, p.IsTick = true, key[0] == keyTick
		return r.end()
	case keyRegister:
	default:
		return fmt.Errorf("unknown kind %q", key[0])
	}
	kind := r.byte()
	index := r.varint()
	grouping := r.bytes(r.uvarint())
	if r.failed {
		return errPartial
	}
	if kind > byte(aggregate.KindRolling) || index != int64(int32(index)) { //nolint:gosec // that is the check
		return fmt.Errorf("interval %d of kind %d", index, kind)
	}
	p.Kind, p.Index = aggregate.Kind(kind), int32(index) //nolint:gosec // checked
	p.Segment = aggregate.Segment{Grouping: string(grouping), Name: string(r.rest)}
	return nil
}

func (p *Partial) decodeValue(value []byte, generation uint64) error {
	r := reader{rest: value}
	p.Version, p.Generation = r.uint64(), r.uint64()
	flag := r.byte()
	if r.failed {
		return errPartial
	}
	if p.Generation != generation {
		return nil
	}
	switch {
	case p.IsMark:
		p.Mark = Mark{CaughtUp: flag&flagCaughtUp != 0, History: flag&flagHistory != 0, Shards: int(r.uvarint()), Watermark: event.Time(r.varint())} //nolint:gosec // the caller compares it
		p.Mark.Heard = r.heard()
		return r.end()
	case flag == 0:
		return r.end()
	default:
		p.Register = new(aggregate.Register)
		if err := r.register(p.Register); err != nil {
			return err
		}
		p.Accounts = r.contributions()
		return r.end()
	}
}

// reader takes a value apart. After the first shortage everything it gives is 0.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() { r.rest, r.failed = nil, true }

func (r *reader) end() error {
	if r.failed || len(r.rest) > 0 {
		return errPartial
	}
	return nil
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) register(into *aggregate.Register) error {
	for range r.byte() {
		place := r.byte()
		i, wide := int(place>>1), place&1 == 1
		if i >= len(into.Sums) {
			return fmt.Errorf("there is no sum %d", i)
		}
		if wide {
			into.Sums[i] = r.words()
		} else {
			into.Sums[i] = money.Micros(r.varint())
		}
	}
	for range r.byte() {
		i := int(r.byte())
		if i >= len(into.Counts) {
			return fmt.Errorf("there is no count %d", i)
		}
		into.Counts[i] = r.varint()
	}
	into.Ranking = r.ranking()
	into.Signals = r.signals()
	return nil
}

// heard are times behind their number.
func (r *reader) heard() []event.Time {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	if n > uint64(len(r.rest)) { // each takes a byte at least
		r.fail()
		return nil
	}
	list := make([]event.Time, n)
	for i := range list {
		list[i] = event.Time(r.varint())
	}
	return list
}

// contributionLeast is the least that one takes: two lengths and two amounts.
const contributionLeast = 2 + 2*16

func (r *reader) contributions() []Contribution {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	if n > uint64(len(r.rest)/contributionLeast) {
		r.fail()
		return nil
	}
	list := make([]Contribution, n)
	for i := range list {
		c := &list[i]
		c.Type, c.Account = string(r.bytes(r.uvarint())), string(r.bytes(r.uvarint()))
		c.Before, c.Now = r.words(), r.words()
	}
	return list
}

// words is an amount of 16 bytes.
func (r *reader) words() money.Amount {
	return money.FromWords(int64(r.uint64()), r.uint64()) //nolint:gosec // the bits
}

func (r *reader) ranking() *aggregate.Ranking {
	n := int(r.byte())
	if n == 0 {
		return nil
	}
	if n > aggregate.RankingTop {
		r.fail()
		return nil
	}
	ranking := &aggregate.Ranking{Top: make([]money.Amount, n)}
	for i := range ranking.Top {
		ranking.Top[i] = r.words()
	}
	ranking.Squares = new(big.Int).SetBytes(r.bytes(r.uvarint()))
	return ranking
}

// Sums and counts must fit the bytes that name them.
const (
	_ = uint8(aggregate.Sums) << 1
	_ = uint8(aggregate.Counts)
)
