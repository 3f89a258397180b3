package event

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unique"

	"processor/internal/money"
)

// ErrStored says that bytes are not a stored event: damage, or a version of the future.
var ErrStored = errors.New("not a stored event")

// DecodeStored reads what AppendStored wrote, to an equal event. It trusts nothing: every length
// is checked against what is left before memory is taken for it.
func DecodeStored(stored []byte) (*Event, error) {
	r := &storedReader{left: stored}
	version := r.octet()
	if version < 1 || version > storedVersion {
		return nil, fmt.Errorf("%w: version %d, this program reads 1 to %d", ErrStored, version, storedVersion)
	}
	e := r.event()
	if version >= storedPositions {
		e.Position = r.position()
	}
	if r.broken || len(r.left) > 0 {
		return nil, fmt.Errorf("%w: damaged at byte %d of %d", ErrStored, len(stored)-len(r.left), len(stored))
	}
	return e, nil
}

func (r *storedReader) event() *Event {
	e := &Event{Type: Type(r.oneOf(typeNames[:]))}
	e.ID = r.text()
	e.Source = r.text()
	e.Subject = r.text()
	e.Time = r.time()
	e.Sequence = r.varint()
	e.Revision = r.varint()
	switch e.Type {
	case TypeAccountChanged:
		e.Account = r.account()
	case TypeSubscriptionChanged:
		e.Subscription = r.subscription()
	case TypeUsageRecorded:
		e.Usage = r.usage()
	case TypeUsageStatement:
		e.Statement = &Statement{
			Subscription: r.text(), Item: r.text(), Month: r.month(), Amount: r.decimal(), Currency: r.text(),
		}
	case TypeChargeRecorded:
		e.Charge = &Charge{Kind: ChargeKind(r.oneOf(chargeKindNames[:])), Amount: r.decimal(), Currency: r.text()}
	case TypeSignalObserved:
		hasValue := r.bits(1)
		e.Signal = &Signal{
			HasValue: hasValue&1 != 0, Name: r.text(), Value: r.text(), Subscription: r.text(), Item: r.text(),
		}
	case TypeAccountErased:
	case TypeEventRevoked:
		e.Revocation = &Revocation{Source: r.text(), ID: r.text()}
	}
	return e
}

// position shares the name of the topic among all events of it.
func (r *storedReader) position() (p Position) {
	topic := r.take(r.uvarint())
	if len(topic) == 0 {
		return p
	}
	p.Topic = unique.Make(string(topic)).Value()
	partition := r.varint()
	if partition < math.MinInt32 || partition > math.MaxInt32 {
		r.fail()
		return p
	}
	p.Partition, p.Offset = int32(partition), r.varint()
	return p
}

func (r *storedReader) account() *AccountChanged {
	a := new(AccountChanged)
	set := r.bits(4)
	a.EffectiveAt = r.time()
	a.Attributes = list(r, 3, func() Attribute {
		return Attribute{Null: r.bits(1) != 0, Name: r.text(), Value: r.text()}
	})
	a.Name = Optional{Value: r.text(), Set: set&1 != 0}
	a.Parent = Optional{Value: r.text(), Set: set&2 != 0}
	a.Lifecycle = Optional{Value: r.text(), Set: set&4 != 0}
	a.Health, a.HasHealth = r.decimal(), set&8 != 0
	return a
}

func (r *storedReader) subscription() *Subscription {
	s := new(Subscription)
	set := r.bits(3)
	s.Renewal, s.ScheduledStep, s.Opening = set&1 != 0, set&2 != 0, set&4 != 0
	s.Subscription = r.text()
	s.EffectiveAt = r.time()
	s.Phase = r.phase()
	s.Discounts = r.discounts()
	s.CancelAt = r.time()
	s.Schedule = list(r, 4, func() Scheduled {
		return Scheduled{EffectiveAt: r.time(), Phase: r.phase()}
	})
	s.TermStart = r.time()
	s.TermEnd = r.time()
	s.TrialEnd = r.time()
	s.FirstPaidAt = r.time()
	s.Motion = r.text()
	s.Reason = r.text()
	s.MovedFrom = r.text()
	s.MovedTo = r.text()
	return s
}

func (r *storedReader) phase() Phase {
	p := Phase{Status: Status(r.oneOf(statusNames[:]))}
	p.Items = list(r, itemBytesMin, r.item)
	p.Sent = list(r, 1, func() uint16 {
		place := r.uvarint()
		if place >= uint64(len(p.Items)) || place > math.MaxUint16 {
			r.fail()
		}
		return uint16(place)
	})
	if p.Sent != nil && len(p.Sent) != len(p.Items) {
		r.fail()
	}
	return p
}

// itemBytesMin is the size of a stored item whose texts, decimals and lists are all empty.
const itemBytesMin = 20

func (r *storedReader) item() (it Item) {
	set := r.bits(8)
	it.Metered, it.HasPrice, it.HasAmount, it.AddOn = set&1 != 0, set&2 != 0, set&4 != 0, set&8 != 0
	it.HasIncluded, it.HasLimit, it.HasCommit, it.FreeTrial = set&16 != 0, set&32 != 0, set&64 != 0, set&128 != 0
	it.Item = r.text()
	it.Product = r.text()
	it.Family = r.text()
	it.Plan = r.text()
	it.Quantity = r.decimal()
	it.UnitPrice = r.decimal()
	it.Amount = r.decimal()
	it.Currency = r.text()
	it.Unit = Unit(r.oneOf(unitNames[:]))
	it.Count = r.varint()
	it.Discounts = r.discounts()
	it.Region = r.text()
	it.Included = r.decimal()
	it.Limit = r.decimal()
	it.Tiers = list(r, 3, func() Tier {
		return Tier{Open: r.bits(1) != 0, UpTo: r.decimal(), UnitPrice: r.decimal()}
	})
	it.Commit = r.decimal()
	it.Replaces = Replaced{Subscription: r.text(), Item: r.text()}
	it.Meter = r.text()
	return it
}

func (r *storedReader) discounts() []Discount {
	return list(r, 4, func() Discount {
		return Discount{HasAmount: r.bits(1) != 0, Percent: r.decimal(), Amount: r.decimal(), EndsAt: r.time()}
	})
}

func (r *storedReader) usage() *Usage {
	u := new(Usage)
	set := r.bits(2)
	u.HasQuantity, u.HasAmount = set&1 != 0, set&2 != 0
	u.Subscription = r.text()
	u.Item = r.text()
	u.Meter = r.text()
	u.Quantity = r.decimal()
	u.Amount = r.decimal()
	u.Currency = r.text()
	return u
}

// storedReader takes fields off the front of a stored event. Once broken it yields zero values.
type storedReader struct {
	left   []byte
	broken bool
}

// fail keeps what is left, because it tells where the damage is.
func (r *storedReader) fail() { r.broken = true }

// take is the next n bytes; nil when they are not there.
func (r *storedReader) take(n uint64) []byte {
	if r.broken || n > uint64(len(r.left)) {
		r.fail()
		return nil
	}
	taken := r.left[:n]
	r.left = r.left[n:]
	return taken
}

func (r *storedReader) octet() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// oneOf reads a member of a closed set.
func (r *storedReader) oneOf(names []string) byte {
	b := r.octet()
	if b == 0 || int(b) >= len(names) {
		r.fail()
		return 0
	}
	return b
}

// bits reads n booleans; others are of a version of the future.
func (r *storedReader) bits(n int) byte {
	b := r.octet()
	if n < 8 && b>>n != 0 {
		r.fail()
		return 0
	}
	return b
}

func (r *storedReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.left)
	if r.broken || size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *storedReader) varint() int64 {
	n, size := binary.Varint(r.left)
	if r.broken || size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

func (r *storedReader) time() Time {
	t := Time(r.varint())
	if t < NoTime || t >= timeEnd {
		r.fail()
	}
	return t
}

func (r *storedReader) month() Month {
	m := r.varint()
	if m < int64(MonthOf(yearFirst, 1)) || m > int64(MonthOf(yearLast, 12)) {
		r.fail()
		return 0
	}
	return Month(m)
}

func (r *storedReader) text() string { return string(r.take(r.uvarint())) }

func (r *storedReader) decimal() money.Decimal {
	text := r.take(uint64(r.octet()))
	if len(text) == 0 {
		return money.Decimal{}
	}
	n, ok := money.ParseDecimal(text)
	if !ok {
		r.fail()
	}
	return n
}

// list reads a list of elements of at least sizeMin bytes each; nil when it was not sent.
func list[T any](r *storedReader, sizeMin int, read func() T) []T {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	if n--; r.broken || n > uint64(len(r.left)/sizeMin) {
		r.fail()
		return nil
	}
	elements := make([]T, 0, n)
	for range n {
		elements = append(elements, read())
	}
	return elements
}
