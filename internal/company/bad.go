package company

import (
	"bytes"
	"fmt"
	"strings"

	"processor/internal/event"
)

// badForm is a record that must be rejected. In its text, $id, $subject and $time stand for those
// of the event that it follows.
type badForm struct {
	reason        event.Reason
	readerDecides bool // not the record alone
	text          string
}

// bad writes a bad record beside a fact of the same account.
func (e *encoder) bad(f *fact, form badForm) Record {
	e.key = appendSubject(e.key[:0], f.who)
	text := []byte(form.text)
	text = bytes.ReplaceAll(text, []byte(`"$id"`), append(appendID([]byte(`"`), "bad_", f.id), '"'))
	text = bytes.ReplaceAll(text, []byte(`"$subject"`), appendText(nil, e.key))
	text = bytes.ReplaceAll(text, []byte(`"$time"`), appendTime(nil, f.at))
	e.value = append(e.value[:0], text...)
	return Record{Key: e.key, Value: e.value, Time: event.Time(f.at * 1_000_000_000), Origin: Bad, Reason: form.reason}
}

// wrap is an envelope around data.
func wrap(kind, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"$id","source":"billing","type":%q,"subject":"$subject","time":"$time","data":%s}`,
		kind, data)
}

// seatsWith is a snapshot whose single line has these fields beside its item and product.
func seatsWith(fields string) string {
	return wrap("subscription.changed",
		`{"subscription":"sub_bad","status":"active","items":[{"item":"seats","product":"workspace",`+fields+`}]}`)
}

var badForms = []badForm{
	{reason: event.ReasonNotJSON, text: ``},
	{reason: event.ReasonNotJSON, text: `{"specversion":"1.0","id":"$id","source":"billing","ty`},
	{reason: event.ReasonNotJSON, text: `[` + wrap("charge.recorded", `{}`) + `]`},
	{reason: event.ReasonNotJSON, text: wrap("charge.recorded", `{"kind":"tax","kind":"credit","amount":"1.00","currency":"USD"}`)},
	{reason: event.ReasonNotJSON, text: wrap("account.changed", `{"name":"`+"\xff\xfe"+`"}`)},
	{reason: event.ReasonNotJSON, text: wrap("charge.recorded", `{"amount":NaN}`)},
	{reason: event.ReasonTooDeep, text: wrap("account.changed", `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`)},
	{reason: event.ReasonTooLarge, text: wrap("subscription.changed",
		`{"subscription":"sub_bad","status":"active","items":[`+manyItems(1001)+`]}`)},
	{reason: event.ReasonUnknownType, text: wrap("subscription.exploded", `{}`)},
	{reason: event.ReasonMissingField, text: `{"specversion":"1.0","id":"$id","source":"billing","type":"account.changed","subject":"$subject","time":"$time"}`},
	{reason: event.ReasonMissingField, text: `{"specversion":"1.0","source":"billing","type":"account.changed","subject":"$subject","time":"$time","data":{}}`},
	{reason: event.ReasonMissingField, text: wrap("subscription.changed", `{"status":"active","items":[]}`)},
	{reason: event.ReasonMissingField, text: seatsWith(`"unit_price":"10.00"`)},
	{reason: event.ReasonBadField, text: wrap("subscription.changed", `{"subscription":"sub_bad","status":"sleeping","items":[]}`)},
	{reason: event.ReasonBadField, text: seatsWith(`"unit_price":"10.00","amount":"10.00","currency":"USD"`)},
	{reason: event.ReasonBadField, text: wrap("charge.recorded", `{"kind":"bribe","amount":"1.00","currency":"USD"}`)},
	{reason: event.ReasonBadField, text: wrap("subscription.changed",
		`{"subscription":"sub_bad","status":"active","items":[`+manyItems(1)+`,`+manyItems(1)+`]}`)},
	{reason: event.ReasonBadAmount, text: seatsWith(`"unit_price":"12,50","currency":"USD"`)},
	{reason: event.ReasonBadAmount, text: seatsWith(`"unit_price":1e5,"currency":"USD"`)},
	{reason: event.ReasonBadAmount, text: seatsWith(`"quantity":"-1","unit_price":"10.00","currency":"USD"`)},
	{reason: event.ReasonBadAmount, text: seatsWith(`"unit_price":"10.00","currency":"USD","discounts":[{"percent":"101"}]`)},
	{reason: event.ReasonBadAmount, text: wrap("charge.recorded", `{"kind":"tax","amount":"1234567890123456789","currency":"USD"}`)},
	{reason: event.ReasonBadCurrency, text: seatsWith(`"unit_price":"10.00","currency":"usd"`)},
	{reason: event.ReasonBadCurrency, text: wrap("charge.recorded", `{"kind":"tax","amount":"1.00","currency":"QQQ"}`)},
	{reason: event.ReasonBadTime, text: `{"specversion":"1.0","id":"$id","source":"billing","type":"account.changed","subject":"$subject","time":"2026-02-30T10:00:00Z","data":{}}`},
	{reason: event.ReasonBadTime, text: `{"specversion":"1.0","id":"$id","source":"billing","type":"account.changed","subject":"$subject","time":"2026-02-03t10:00:00z","data":{}}`},
	{reason: event.ReasonBadTime, text: wrap("account.changed", `{"effective_at":"yesterday"}`)},

	{reason: event.ReasonMissingRate, readerDecides: true, text: seatsWith(`"unit_price":"10.00","currency":"XPF"`)},
	{
		reason: event.ReasonFutureTime, readerDecides: true,
		text: `{"specversion":"1.0","id":"$id","source":"billing","type":"account.changed","subject":"$subject","time":"2199-12-30T00:00:00Z","data":{}}`,
	},
	{
		reason: event.ReasonBeyondHorizon, readerDecides: true,
		text: `{"specversion":"1.0","id":"$id","source":"billing","type":"account.changed","subject":"$subject","time":"1971-01-01T00:00:00Z","data":{}}`,
	},
}

// manyItems are n lines.
func manyItems(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`{"item":"i%d","product":"p","unit_price":"1","currency":"USD"}`, i)
	}
	return strings.Join(items, ",")
}
