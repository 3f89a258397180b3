package pipeline

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// meaning describes in words what the numbers mean: two runs with the same meaning and the same
// events give the same rows. A checkpoint of another meaning is refused, because rows that were sent
// under it would stay beside the new ones. Every field of the core's options is part of it, also one
// that is added later.
func meaning(core *aggregate.Options, partitions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Partitions %d", partitions)
	fields := reflect.ValueOf(core).Elem()
	for i := range fields.NumField() {
		fmt.Fprintf(&b, "; %s ", fields.Type().Field(i).Name)
		describe(&b, fields.Field(i))
	}
	return b.String()
}

// describe writes a value so that equal meanings are equal texts.
func describe(b *strings.Builder, v reflect.Value) {
	switch value := v.Interface().(type) {
	case *time.Location:
		zone := time.UTC
		if value != nil {
			zone = value
		}
		fmt.Fprintf(b, "%s (%08x)", zone, zoneHash(zone))
		return
	case *big.Rat:
		if value == nil {
			b.WriteString("-")
			return
		}
		b.WriteString(value.RatString())
		return
	case event.Time:
		if value == event.NoTime {
			b.WriteString("-")
			return
		}
		b.WriteString(value.String())
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if i > 0 {
				b.WriteString(" ")
			}
			describe(b, v.Field(i))
		}
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			if i > 0 {
				b.WriteString(", ")
			}
			describe(b, v.Index(i))
		}
		b.WriteString("]")
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		for i, key := range keys {
			if i > 0 {
				b.WriteString(" ")
			}
			fmt.Fprintf(b, "%v=", key)
			describe(b, v.MapIndex(key))
		}
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}

// zoneHash tells two versions of the zone database apart where they disagree about this zone: it
// covers every offset that the zone has from 1970 to 2200.
func zoneHash(zone *time.Location) uint32 {
	h := fnv.New32a()
	end := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := time.Unix(0, 0).In(zone); t.Before(end); {
		_, offset := t.Zone()
		_ = binary.Write(h, binary.BigEndian, [2]int64{t.Unix(), int64(offset)}) // a hash takes everything
		_, next := t.ZoneBounds()
		if next.IsZero() || !next.After(t) {
			break
		}
		t = next
	}
	return h.Sum32()
}

// generationOf names the registers that may be summed together: those of one meaning and layout.
func generationOf(meaning string) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", rollup.RegisterLayout, meaning) // a hash takes everything
	return h.Sum64()
}
