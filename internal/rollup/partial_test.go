package rollup

import (
	"bytes"
	"math/big"
	"reflect"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// wide is an amount beyond 64 bits, of either sign.
func wide(sign int64) money.Amount { return money.FromWords(sign, 42) }

func partials() map[string]Partial {
	full := &aggregate.Register{}
	for i := range full.Sums {
		full.Sums[i] = money.Micros(int64(i)*1_000_003 - 7)
	}
	full.Sums[0], full.Sums[1] = wide(5), wide(-3)
	for i := range full.Counts {
		full.Counts[i] = int64(i) - 3
	}
	full.Ranking = &aggregate.Ranking{Top: []money.Amount{wide(1), money.Micros(5)}, Squares: new(big.Int).Lsh(big.NewInt(3), 200)}
	full.Signals = &aggregate.SignalSums{Named: []aggregate.NamedSignalSum{
		{Name: "nps", SignalSum: aggregate.SignalSum{Opened: 1, Accounts: 1}},
		{Name: "seats_80", SignalSum: aggregate.SignalSum{
			Opened: 9, Converted: 3, Missed: 2, Accounts: 8, AccountsConverted: 3, With: 7, WithExpanding: 4,
			Potential: wide(2), OpenPotential: money.Micros(5), Expansion: money.Micros(-1), Days: []aggregate.DayCount{{Days: 0, Count: 2}, {Days: 89, Count: 1}},
		}},
	}}
	few := &aggregate.Register{}
	few.Sums[aggregate.Sums-1] = money.Micros(-1)
	few.Counts[aggregate.Counts-1] = 1
	segment := aggregate.Segment{Grouping: "plan_tier,region", Name: "smb,e=u\x00ö"}
	return map[string]Partial{
		"full":  {Shard: 3, Version: 5<<40 | 9, Generation: 77, Segment: segment, Kind: aggregate.KindMonth, Index: 671, Register: full},
		"few":   {Shard: 0, Version: 1, Generation: 77, Segment: aggregate.Segment{Grouping: "all", Name: "all"}, Kind: aggregate.KindRolling, Index: 0, Register: few},
		"empty": {Shard: 1, Version: 1, Generation: 77, Segment: segment, Kind: aggregate.KindDay, Index: -20000, Register: &aggregate.Register{}},
		"gone":  {Shard: 1, Version: 2, Generation: 77, Segment: segment, Kind: aggregate.KindWeek, Index: 2900},
		"accounts": {
			Shard: 1, Version: 9, Generation: 77, Segment: segment, Kind: aggregate.KindRolling, Index: 3, Register: few,
			Accounts: []Contribution{{Account: "acmé", Before: wide(4), Now: money.Micros(-5)}, {Type: "seat", Account: "b"}},
		},
		"tick": {
			Shard: 7, Version: 3, Generation: 77, IsMark: true, IsTick: true,
			Mark: Mark{Shards: 8, Watermark: event.Time(1_760_000_040_000_000_000), History: true, Heard: []event.Time{event.NoTime, 1_760_000_039_000_000_000}},
		},
		"mark": {Shard: 1000, Version: 3, Generation: 77, IsMark: true, Mark: Mark{Shards: 1024, Watermark: event.Time(1_760_000_000_000_000_000), CaughtUp: true}},
	}
}

func TestPartialsComeBack(t *testing.T) {
	keys := map[string]string{}
	for name, want := range partials() {
		key, value := want.AppendKey(nil), want.AppendValue(nil)
		if other, ok := keys[string(key)]; ok {
			t.Errorf("%s and %s have one key", name, other)
		}
		keys[string(key)] = name
		got, err := DecodePartial(key, value, 77)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, want)
		}
		again := got.AppendValue(nil)
		if !bytes.Equal(again, value) {
			t.Errorf("%s: other bytes the second time", name)
		}
		if other, err := DecodePartial(key, append(value[:16:16], 0xff), 78); err != nil || other.Generation != 77 || other.Register != nil {
			t.Errorf("%s of another generation: %+v, %v; only its version and generation are read", name, other, err)
		}
	}
}

// A value that was cut or that goes on is refused at every length, and never believed in part.
func TestDamagedPartialsAreRefused(t *testing.T) {
	for name, p := range partials() {
		key, value := p.AppendKey(nil), p.AppendValue(nil)
		for n := range value {
			if _, err := DecodePartial(key, value[:n], 77); err == nil {
				t.Errorf("%s: %d of %d bytes are taken for a value", name, n, len(value))
			}
		}
		if _, err := DecodePartial(key, append(value, 0), 77); err == nil {
			t.Errorf("%s: a byte too many is taken for a value", name)
		}
	}
	for _, key := range [][]byte{nil, []byte("x1"), []byte("r"), []byte("r\x00\x09\x00"), []byte("m\x00\x00")} {
		if _, err := DecodePartial(key, make([]byte, 17), 77); err == nil {
			t.Errorf("key %x is taken for a partial", key)
		}
	}
}

// Whatever a topic holds, decoding it returns, believes no length, and what it takes has one form.
func FuzzDecodePartial(f *testing.F) {
	for _, p := range partials() {
		f.Add(p.AppendKey(nil), p.AppendValue(nil))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		p, err := DecodePartial(key, value, 77)
		if err != nil || p.Generation != 77 {
			return
		}
		again, err := DecodePartial(p.AppendKey(nil), p.AppendValue(nil), 77)
		for _, r := range []*aggregate.Register{p.Register, again.Register} { // a 0 of no bytes and one of some are one
			if r != nil && r.Ranking != nil && r.Ranking.Squares.Sign() == 0 {
				r.Ranking.Squares = new(big.Int)
			}
		}
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%+v comes back as %+v, %v", p, again, err)
		}
		if !bytes.Equal(again.AppendValue(nil), p.AppendValue(nil)) || !bytes.Equal(again.AppendKey(nil), p.AppendKey(nil)) {
			t.Errorf("%+v has two forms", p)
		}
		if r := p.Register; r != nil && r.Ranking != nil && (len(r.Ranking.Top) > aggregate.RankingTop || r.Ranking.Squares.BitLen() > 8*len(value)) {
			t.Errorf("%d bytes rank %d amounts, whose squares have %d bits", len(value), len(r.Ranking.Top), r.Ranking.Squares.BitLen())
		}
	})
}
