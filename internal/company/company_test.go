package company

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
)

// small is a company that a test can look at as a whole.
func small() Options {
	o := Defaults()
	o.Accounts = 120
	return o
}

func collect(t *testing.T, o Options) []Record {
	t.Helper()
	records, err := Collect(o)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func digest(records []Record) string {
	sum := sha256.New()
	for _, rec := range records {
		sum.Write(rec.Key)
		sum.Write([]byte{'\t'})
		sum.Write(rec.Value)
		sum.Write([]byte{'\n'})
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// The bytes of a seed are a contract: recorded results name it. A change here is a new company
// for everyone who compares runs.
func TestSameOptionsSameBytes(t *testing.T) {
	messy := small()
	messy.Mess = Heavy
	for _, test := range []struct {
		name string
		opts Options
		want string
	}{
		{"plain", small(), "6cb3f52a8113644d3062dd5e71344b639b92a13efc8a1b7fc7f98a3ad88bf62a"},
		{"messy", messy, "c2642a08c7c841e810c38dc928961994aee9e79b819fbe34d5e9d497a94954b9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			first := digest(collect(t, test.opts))
			if second := digest(collect(t, test.opts)); second != first {
				t.Fatalf("two runs of the same options differ: %s, %s", first, second)
			}
			if first != test.want {
				t.Errorf("digest %s, want %s", first, test.want)
			}
			test.opts.Seed++
			if other := digest(collect(t, test.opts)); other == first {
				t.Error("another seed gave the same bytes")
			}
		})
	}
}

func TestTimesRiseWithinTheCompanysLife(t *testing.T) {
	o := small()
	last := o.Start
	for _, rec := range collect(t, o) {
		if rec.Time < last || rec.Time >= o.End {
			t.Fatalf("%v comes after %v and must lie before %v: %s", rec.Time, last, o.End, rec.Value)
		}
		last = rec.Time
	}
}

func TestEventsIsExactAndEndsCloseToTheEnd(t *testing.T) {
	for _, test := range []struct{ accounts, events int }{{20, 20_000}, {500, 10_000}, {2000, 20_000}} {
		o := Defaults()
		o.Accounts, o.Events = test.accounts, test.events
		records := collect(t, o)
		if len(records) != test.events {
			t.Errorf("%d accounts: %d events, want %d", test.accounts, len(records), test.events)
			continue
		}
		last := records[len(records)-1].Time
		if off := time.Duration(last - o.End); off.Abs() > 20*24*time.Hour {
			t.Errorf("%d accounts, %d events: the last is at %v, the end is %v", test.accounts, test.events, last, o.End)
		}
	}
}

func TestSharesOfTheKinds(t *testing.T) {
	counts := func(o Options) map[event.Type]int {
		by := map[event.Type]int{}
		for _, rec := range collect(t, o) {
			by[rec.Type]++
		}
		return by
	}
	o := Defaults()
	o.Events = 30_000
	by := counts(o)
	usage := by[event.TypeUsageRecorded] + by[event.TypeUsageStatement]
	others := by[event.TypeAccountChanged] + by[event.TypeChargeRecorded] + by[event.TypeSignalObserved]
	for _, share := range []struct {
		name     string
		got      int
		low, top int // percent
	}{
		{"subscription changes", by[event.TypeSubscriptionChanged], 32, 38},
		{"usage", usage, 41, 49},
		{"others", others, 17, 23},
	} {
		if percent := share.got * 100 / o.Events; percent < share.low || percent > share.top {
			t.Errorf("%s are %d %% of the events, want %d-%d", share.name, percent, share.low, share.top)
		}
	}
	for kind := event.TypeAccountChanged; kind <= event.TypeSignalObserved; kind++ {
		if by[kind] == 0 {
			t.Errorf("no event of type %s", typeNames[kind])
		}
	}

	o.Usage = false
	by = counts(o)
	if by[event.TypeUsageRecorded]+by[event.TypeUsageStatement] > 0 {
		t.Error("usage without Options.Usage")
	}
	if percent := by[event.TypeSubscriptionChanged] * 100 / o.Events; percent < 58 || percent > 70 {
		t.Errorf("without usage subscription changes are %d %%, want about 35/55", percent)
	}
}

func TestAveragePayload(t *testing.T) {
	o := Defaults()
	o.Events = 20_000
	var total int
	for _, rec := range collect(t, o) {
		total += len(rec.Value)
	}
	if average := total / o.Events; average < 330 || average > 390 {
		t.Errorf("an event has %d bytes on average, want about 360", average)
	}
}

func TestOptionsReportEveryProblem(t *testing.T) {
	_, err := New(Options{
		Start: 5, End: 4, Events: -1, Openings: 1001, Currencies: []string{"EURO"},
		Shares: Shares{Usage: -1}, Mess: Mess{Late: 1001, Ties: 501, LateMax: -1, BadReasons: []event.Reason{"ugly"}},
	})
	if err == nil {
		t.Fatal("nonsense was accepted")
	}
	for _, word := range []string{
		"accounts", "events", "openings", "the end", "EURO", "shares", "late is", "ties", "late_max", "ugly",
	} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not name %q:\n%v", word, err)
		}
	}
}

func TestIdentitiesAreUnique(t *testing.T) {
	o := Defaults()
	o.Events = 20_000
	seen := map[string]bool{}
	accounts := map[string]bool{}
	for _, rec := range collect(t, o) {
		ev := decode(t, rec)
		if seen[ev.ID] { // more than the format asks: people search logs by id alone
			t.Fatalf("id %q twice", ev.ID)
		}
		seen[ev.ID] = true
		accounts[ev.Subject] = true
		if string(rec.Key) != ev.Subject {
			t.Fatalf("key %q, subject %q", rec.Key, ev.Subject)
		}
	}
	if len(accounts) != o.Accounts {
		t.Errorf("%d accounts, want %d", len(accounts), o.Accounts)
	}
}

func TestNothingIsKeptOfAccountsThatLeft(t *testing.T) {
	o := Defaults()
	o.Accounts, o.Events = 3000, 60_000
	o.End = event.At(o.Start.UTC().AddDate(6, 0, 0))
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for range c.Records() {
	}
	slots := 0
	for _, chunk := range c.chunks {
		slots += len(chunk)
	}
	if slots > o.Accounts*9/10 {
		t.Errorf("%d slots for %d accounts over six years: those of former customers are not used again", slots, o.Accounts)
	}
	if live := slots - len(c.free); live != len(c.turns) {
		t.Errorf("%d accounts live, %d have a turn", live, len(c.turns))
	}
}

func BenchmarkGenerate(b *testing.B) {
	o := Defaults()
	o.Accounts, o.Events = max(10, b.N/10), b.N
	c, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var total int
	for rec := range c.Records() {
		total += len(rec.Value)
	}
	b.ReportMetric(float64(total)/float64(b.N), "bytes/event")
}
