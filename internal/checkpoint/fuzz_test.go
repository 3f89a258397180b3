package checkpoint

import (
	"bytes"
	"maps"
	"slices"
	"testing"
)

// FuzzRecord: a record comes back under its own key only, and no turned bit, missing byte or other key
// passes for it.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("acme"), []byte("content"), uint16(0))
	f.Add([]byte{}, []byte{}, uint16(3))
	f.Add([]byte("\x00"), []byte("\x00"), uint16(40))
	f.Add([]byte("globex"), bytes.Repeat([]byte("x"), 300), uint16(2000))
	f.Fuzz(func(t *testing.T, name, value []byte, at uint16) {
		key := recordKey(3, name)
		stored := seal(key, value)
		if back, err := unseal(key, stored); err != nil || !bytes.Equal(back, value) {
			t.Fatalf("%x under %x comes back as %x, %v", value, key, back, err)
		}
		bit := int(at) % (8 * len(stored))
		turned := slices.Clone(stored)
		turned[bit/8] ^= 1 << (bit % 8)
		if back, err := unseal(key, turned); err == nil {
			t.Errorf("bit %d of %x is turned and it passes for %x", bit, stored, back)
		}
		if back, err := unseal(key, stored[:len(stored)-1]); err == nil {
			t.Errorf("%x lost its last byte and passes for %x", stored, back)
		}
		for _, other := range [][]byte{recordKey(2, name), markerKey(3), append(slices.Clone(key), 0)} {
			if back, err := unseal(other, stored); err == nil {
				t.Errorf("%x under %x passes for %x under %x", stored, key, back, other)
			}
		}
		var with totals
		with.add(key, value)
		if with == (totals{}) || with.count != 1 {
			t.Errorf("totals of one record are %+v", with)
		}
		with.remove(key, value)
		if with != (totals{}) {
			t.Errorf("totals of nothing are %+v", with)
		}
	})
}

// FuzzMarker: a marker is what was written, and a witness is what was witnessed.
func FuzzMarker(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), uint64(4), []byte("m"), uint32(0))
	f.Add(^uint64(0), uint64(0), ^uint64(0), uint64(0), []byte{}, uint32(shardMax))
	f.Fuzz(func(t *testing.T, meaning, save, count, digest uint64, caller []byte, shard uint32) {
		m := marker{meaning: meaning, save: save, totals: totals{count: count, digest: digest}, caller: caller}
		back, err := decodeMarker(m.encode())
		if err != nil || !bytes.Equal(back.encode(), m.encode()) || back.save != save || back.totals != m.totals || back.meaning != meaning ||
			!bytes.Equal(back.caller, caller) {
			t.Fatalf("%+v comes back as %+v, %v", m, back, err)
		}
		if short, err := decodeMarker(m.encode()[:markerHeader-1]); err == nil {
			t.Errorf("a marker that was cut is taken for %+v", short)
		}
		saves := map[int]uint64{int(shard & shardMax): save, 0: count}
		written := encodeWitness(saves)
		if again := decodeWitness(append(slices.Clone(written), caller...)); !maps.Equal(again, saves) {
			t.Errorf("witness %v comes back as %v", saves, again)
		}
		if again := decodeWitness(written[:len(written)-1]); len(again) != 0 {
			t.Errorf("a torn witness says %v", again)
		}
	})
}
