package debezium

import (
	"strconv"
	"strings"
	"time"

	"processor/internal/event"
)

// order is where a change stands in the log of its database.
type order struct {
	text string // the same for every delivery of the change, and for no other change of its row
	rank int64  // of two changes at one time the later has the larger one
	time string // of the commit, RFC 3339; empty: not known
	from event.Value
}

// orderOf reads the position, by what the connectors of the databases send.
func orderOf(source, payload event.Value) order {
	var o order
	o.commit(source, payload)
	switch {
	case o.postgres(source), o.mysql(source), o.sqlServer(source), o.oracle(source):
	default:
		o.text, o.rank = o.time, rankOf(o.time)
	}
	return o
}

// commit finds when the change was committed, as finely as the connector tells.
func (o *order) commit(source, payload event.Value) {
	for _, unit := range []struct {
		from  event.Value
		nanos int64
	}{
		{source.Get("ts_ns"), 1},
		{source.Get("ts_us"), 1e3},
		{source.Get("ts_ms"), 1e6},
		{payload.Get("ts_ms"), 1e6},
	} {
		// 1e13 seconds are beyond every time that is accepted; what is larger would wrap.
		if n, ok := unit.from.Int(); ok && n >= 0 && n <= 1e18/unit.nanos*9 {
			o.time, o.from = time.Unix(0, n*unit.nanos).UTC().Format(time.RFC3339Nano), unit.from
			return
		}
	}
}

func rankOf(text string) int64 {
	t, _ := event.ParseTime([]byte(text))
	return max(int64(t), 0)
}

func (o *order) postgres(source event.Value) bool {
	lsn, ok := source.Get("lsn").Int()
	if ok && lsn >= 0 {
		o.text, o.rank = strconv.FormatInt(lsn, 10), lsn
	}
	return ok && lsn >= 0
}

// mysql has the number of the log file, the position in it, and the row in the statement.
func (o *order) mysql(source event.Value) bool {
	file := source.Get("file").Text()
	pos, ok := source.Get("pos").Int()
	if file == "" || !ok || pos < 0 {
		return false
	}
	row, _ := source.Get("row").Int()
	number, _ := strconv.ParseUint(file[strings.LastIndexByte(file, '.')+1:], 10, 22)
	o.text = file + ":" + strconv.FormatInt(pos, 10) + ":" + strconv.FormatInt(row, 10)
	o.rank = int64(number)<<40 | (pos&0xffffffff)<<8 | row&0xff //nolint:gosec // 22 bits
	return true
}

// sqlServer has three hexadecimal parts: log block file, block and slot. Snapshots have no change.
func (o *order) sqlServer(source event.Value) bool {
	lsn := source.Get("change_lsn").Text()
	if lsn == "" {
		lsn = source.Get("commit_lsn").Text()
	}
	parts := strings.Split(lsn, ":")
	if len(parts) != 3 {
		return false
	}
	var numbers [3]uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 16, 64)
		if err != nil {
			return false
		}
		numbers[i] = n
	}
	o.text = lsn
	if serial := source.Get("event_serial_no").Text(); serial != "" {
		o.text += ":" + serial
	}
	o.rank = int64(numbers[0]&0x7fff<<48 | numbers[1]&0xffffffff<<16 | numbers[2]&0xffff) //nolint:gosec // 63 bits
	return true
}

// oracle has a system change number, and the place among the changes of one.
func (o *order) oracle(source event.Value) bool {
	scn, ok := source.Get("scn").Int()
	if !ok || scn < 0 {
		return false
	}
	o.text, o.rank = strconv.FormatInt(scn, 10), scn
	for _, more := range []string{"rs_id", "ssn"} {
		if text := strings.TrimSpace(source.Get(more).Text()); text != "" {
			o.text += ":" + text
		}
	}
	return true
}
