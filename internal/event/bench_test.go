package event

import (
	"fmt"
	"testing"
)

const (
	usageRecord        = `{"specversion":"1.0","id":"evt_01J9ZQ4T8Y6V0000%04d","source":"metering","type":"usage.recorded","subject":"acct_%04d","time":"2026-03-05T10:00:00.123Z","sequence":%d,"datacontenttype":"application/json","data":{"subscription":"sub_%04d","item":"api-calls","quantity":"1250.5","region":"eu-west-1","cluster":"production-7","request_class":"interactive","unit":"call"}}`
	subscriptionRecord = `{"specversion":"1.0","id":"evt_01J9ZQ4T8Y6V0000%04d","source":"billing","type":"subscription.changed","subject":"acct_%04d","time":"2026-03-05T10:00:00Z","sequence":%d,"data":{"subscription":"sub_%04d","status":"active","items":[{"item":"seats","product":"core","plan":"team","quantity":"25","unit_price":"10.00","currency":"USD","interval":{"unit":"month","count":1}}]}}`
)

// records are distinct events, so that the branch predictor and the interner see many.
func records(format string) (list [][]byte) {
	for i := range 4096 {
		list = append(list, fmt.Appendf(nil, format, i, i%977, i, i%1013))
	}
	return list
}

func BenchmarkDecode(b *testing.B) {
	for _, kind := range []struct{ name, format string }{{"usage", usageRecord}, {"subscription", subscriptionRecord}} {
		b.Run(kind.name, func(b *testing.B) {
			list := records(kind.format)
			decoder := NewDecoder(Options{})
			b.ReportAllocs()
			b.SetBytes(int64(len(list[0])))
			for i := 0; b.Loop(); i++ {
				if e, rejection := decoder.Decode(list[i%len(list)], nil); e == nil {
					b.Fatalf("%+v", rejection)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkAppendCanonical(b *testing.B) {
	e := decodeText(b, string(records(subscriptionRecord)[0]))
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = e.AppendCanonical(buffer[:0])
	}
}

// BenchmarkAppendStored is what a checkpoint keeps of an event.
func BenchmarkAppendStored(b *testing.B) {
	for _, kind := range []struct{ name, format string }{{"usage", usageRecord}, {"subscription", subscriptionRecord}} {
		b.Run(kind.name, func(b *testing.B) {
			e := decodeText(b, string(records(kind.format)[0]))
			var buffer []byte
			b.ReportAllocs()
			for b.Loop() {
				buffer = e.AppendStored(buffer[:0])
			}
		})
	}
}

func BenchmarkStored(b *testing.B) {
	e := decodeText(b, string(records(subscriptionRecord)[0]))
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = e.AppendStored(buffer[:0])
		if _, err := DecodeStored(buffer); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buffer)), "stored-bytes")
}
