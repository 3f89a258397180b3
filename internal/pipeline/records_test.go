package pipeline

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/kafkatest"
)

// raw is a record of account acme, which is in partition 0 of 1.
func raw(value string) company.Record {
	return company.Record{Key: []byte("acme"), Value: []byte(value)}
}

// changed is a subscription.changed of acme with the given time, data fields and items.
func changed(id, at, fields string) company.Record {
	return raw(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":"subscription.changed","subject":"acme","time":%q,"data":{%s}}`, id, at, fields))
}

const goodItem = `"items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"USD"}]`

// rejections are one record for every reason that this version knows, behind the good one that the
// test writes first.
func rejections(now time.Time) []struct {
	reason event.Reason
	record company.Record
} {
	future := now.Add(25 * time.Hour).UTC().Format(time.RFC3339)
	return []struct {
		reason event.Reason
		record company.Record
	}{
		{event.ReasonTooLarge, raw(`{"id":"` + strings.Repeat("x", 5000) + `"}`)},
		{event.ReasonNotJSON, raw(`{"id":`)},
		{event.ReasonTooDeep, raw(strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40))},
		{event.ReasonUnknownType, raw(`{"specversion":"1.0","id":"u","source":"test","type":"dog.barked","subject":"acme","time":"2025-03-01T00:00:00Z","data":{}}`)},
		{event.ReasonMissingField, changed("m", "2025-03-01T00:00:00Z", `"status":"active",`+goodItem)},
		{event.ReasonBadField, changed("f", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"sleeping",`+goodItem)},
		{event.ReasonBadAmount, changed("a", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"ten","currency":"USD"}]`)},
		{event.ReasonBadCurrency, changed("c", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"usd!"}]`)},
		{event.ReasonBadTime, changed("t", "yesterday", `"subscription":"s1","status":"active",`+goodItem)},
		{event.ReasonMissingRate, changed("r", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"EUR"}]`)},
		{event.ReasonFutureTime, changed("n", future, `"subscription":"s1","status":"active",`+goodItem)},
		{event.ReasonBeyondHorizon, changed("h", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active","effective_at":"2023-01-01T00:00:00Z",`+goodItem)},
		{event.ReasonConflictingDuplicate, changed("good", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"paused",`+goodItem)},
	}
}

// Every rejection reaches the dead letters with its position, reason, bytes, key and headers, and
// the records around it count all the same.
func TestRejectionsBecomeDeadLetters(t *testing.T) {
	w := newWorld(t, 1)
	w.change = func(o *Options) { o.Decoder = event.Options{MaxBytes: 4000} }
	cases := rejections(time.Now())
	list := []company.Record{changed("good", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active",`+goodItem)}
	for _, c := range cases {
		list = append(list, c.record)
	}
	list = append(list, changed("last", "2025-03-02T00:00:00Z", `"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"30","currency":"USD"}]`))
	w.write(list)
	w.run()
	letters := w.letters()
	if len(letters) != len(cases) {
		t.Errorf("%d dead letters of %d rejections", len(letters), len(cases))
	}
	for i, c := range cases {
		letter := letters[int64(i+1)]
		if letter == nil {
			t.Errorf("%s: there is no letter of offset %d", c.reason, i+1)
			continue
		}
		if letter["reason"] != string(c.reason) || letter["source_topic"] != w.topic || letter["partition"] != "0" || letter["key"] != "acme" ||
			letter["value"] != string(c.record.Value) || letter["at"] == "" {
			t.Errorf("%s: %.300v", c.reason, letter)
		}
	}
	if n := w.metrics.Read().Rejections[event.ReasonBeyondHorizon]; n != 1 {
		t.Errorf("%d counted as beyond_horizon", n)
	}
	rows := w.got()
	if row := rows[`accounts {"account":"acme"}`]; !strings.Contains(row, `"mrr":"30.000000"`) {
		t.Errorf("the stream stopped at a rejection: %s", row)
	}
}

// letters are the headers of the dead letters, their value among them, by offset.
func (w *world) letters() map[int64]map[string]string {
	w.t.Helper()
	want := len(w.kafka.Read(w.t, w.prefix+"dead-letters"))
	c := w.kafka.Client(w.t, kgo.ConsumeTopics(w.prefix+"dead-letters"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	letters := map[int64]map[string]string{}
	for read := 0; read < want; {
		fetches := c.PollFetches(kafkatest.Context(w.t))
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			letter := map[string]string{"value": string(r.Value)}
			for _, h := range r.Headers {
				letter[h.Key] = string(h.Value)
			}
			var key struct{ Offset int64 }
			if err := json.Unmarshal(r.Key, &key); err != nil {
				w.t.Error(err)
			}
			if letter["offset"] != fmt.Sprint(key.Offset) {
				w.t.Errorf("key says offset %d, header %s", key.Offset, letter["offset"])
			}
			letters[key.Offset] = letter
		})
	}
	return letters
}

// A record too large for a topic is cut, with a digest of the whole; its headers come along.
func TestLargeDeadLettersAreCut(t *testing.T) {
	w := newWorld(t, 1)
	value := `{"id":"` + strings.Repeat("x", 900_000) + `"}`
	c := w.kafka.Client(t)
	err := c.ProduceSync(kafkatest.Context(t), &kgo.Record{
		Topic: w.topic, Key: []byte("acme"), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("42")}},
	}).FirstErr()
	if err != nil {
		t.Fatal(err)
	}
	w.run()
	letter := w.letters()[0]
	if len(letter["value"]) != 64<<10 || letter["value_bytes"] != fmt.Sprint(len(value)) || letter["value_sha256"] != fmt.Sprintf("%x", sha256.Sum256([]byte(value))) || letter["trace"] != "42" {
		t.Errorf("got %d bytes, headers %.300v", len(letter["value"]), letter)
	}
}

// Control markers and records of aborted transactions are counted as skipped and nothing else.
func TestAbortedRecordsAreSkipped(t *testing.T) {
	w := newWorld(t, 1)
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	record := func(id string, seats int) kafkatest.Record {
		r := subscription(id, "acme", "2025-04-01T00:00:00Z", seats)
		return kafkatest.Record{Key: string(r.Key), Value: string(r.Value)}
	}
	w.kafka.Transact(t, w.topic, false, record("aborted", 7))
	w.kafka.Transact(t, w.topic, true, record("e2", 3))
	w.run()
	rows := w.got()
	if row := rows[`accounts {"account":"acme"}`]; !strings.Contains(row, `"mrr":"30.000000"`) {
		t.Errorf("acme is %s, want an mrr of 30", row)
	}
	for key := range rows {
		if strings.Contains(key, "aborted") {
			t.Errorf("an aborted record made the row %s", key)
		}
	}
	for _, p := range w.metrics.Read().Partitions {
		if p.Results[ResultSkipped] != 3 || p.Results[ResultApplied] != 2 || p.Read != p.Position {
			t.Errorf("got %v of %d read up to position %d, want 3 skipped (a record and two markers) and 2 applied", p.Results, p.Read, p.Position)
		}
	}
}

// What is accepted depends on the event, its append time and the records before it, never on the
// clock: an idle partition judges as it did before.
func TestJudge(t *testing.T) {
	at := func(text string) event.Time {
		parsed, ok := event.ParseTime([]byte(text))
		if !ok {
			t.Fatalf("time %q", text)
		}
		return parsed
	}
	calendar := aggregate.NewCalendar(time.UTC, 1)
	const appended = "2025-06-01T12:00:00Z"
	cases := []struct {
		name      string
		seen      string // "" before the first record
		time      string
		effective string
		want      event.Reason
		seenAfter string
	}{
		{"the first record, however old", "", "2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "", "2001-01-01T00:00:00Z"},
		{"a day ahead of the broker", "", "2025-06-02T12:00:00Z", "2025-06-02T12:00:00Z", "", appended},
		{"more than a day ahead", "2025-06-01T00:00:00Z", "2025-06-02T12:00:00.000000001Z", "2025-06-02T12:00:00Z", event.ReasonFutureTime, "2025-06-01T00:00:00Z"},
		{"the last instant above the floor", "2025-06-01T00:10:00Z", "2025-06-01T00:00:00Z", "2024-04-27T00:00:00Z", "", "2025-06-01T00:10:00Z"},
		{"the first one below, moved to midnight", "2025-06-01T00:10:00Z", "2025-06-01T00:00:00Z", "2024-04-26T23:59:59.5Z", "", "2025-06-01T00:10:00Z"},
		{"below the floor", "2025-06-01T00:10:00Z", "2025-06-01T01:00:00Z", "2024-04-26T23:59:58Z", event.ReasonBeyondHorizon, "2025-06-01T01:00:00Z"},
		{"a late event does not take the watermark back", "2025-06-01T00:10:00Z", "2025-05-01T00:00:00Z", "2025-05-01T00:00:00Z", "", "2025-06-01T00:10:00Z"},
	}
	for _, c := range cases {
		s := source{seen: event.NoTime, atEnd: true}
		if c.seen != "" {
			s.seen = at(c.seen)
		}
		e := &event.Event{Time: at(c.time), Subscription: &event.Subscription{EffectiveAt: at(c.effective)}}
		var got event.Reason
		if rejection := s.judge(e, at(appended), 10*time.Minute, calendar); rejection != nil {
			got = rejection.Reason
		}
		if got != c.want || s.seen != at(c.seenAfter) {
			t.Errorf("%s: %q and seen %s, want %q and %s", c.name, got, s.seen, c.want, c.seenAfter)
		}
	}
}

// Watermarks, by the spec's words.
func TestSourceWatermark(t *testing.T) {
	at := func(text string) event.Time {
		parsed, ok := event.ParseTime([]byte(text))
		if !ok {
			t.Fatalf("time %q", text)
		}
		return parsed
	}
	clock := at("2025-06-01T10:00:00Z")
	cases := []struct {
		name  string
		seen  event.Time
		atEnd bool
		want  event.Time
	}{
		{"nothing read yet", event.NoTime, false, 0},
		{"an empty partition follows the clock", event.NoTime, true, clock},
		{"behind: the records alone", at("2025-05-01T00:10:00Z"), false, at("2025-05-01T00:00:00Z")},
		{"idle: the clock", at("2025-05-01T00:10:00Z"), true, clock},
		{"idle, with records before the clock", at("2025-06-01T11:10:00Z"), true, at("2025-06-01T11:00:00Z")},
	}
	for _, c := range cases {
		s := source{seen: c.seen, atEnd: c.atEnd}
		if got := s.watermark(10*time.Minute, clock); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := wholeMinute(time.Date(2025, 6, 1, 10, 10, 59, 999, time.UTC), 10*time.Minute); got != clock {
		t.Errorf("the clock's minute is %s", got)
	}
}
