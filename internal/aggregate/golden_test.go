package aggregate

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
)

// The records that stand for events are read for ever: every form ever written has an example in
// testdata/stored, which is never changed. An example of the form written now is also written as the
// same bytes.
func TestReducedRecordsOfEveryVersionAreRead(t *testing.T) {
	written := goldenRecords(t)
	for name, value := range written {
		path := filepath.Join("testdata", "stored", name+".hex")
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && os.Getenv("WRITE_GOLDEN") != "" { // a new form only
			err = os.WriteFile(path, []byte(hex.EncodeToString(value)+"\n"), 0o600)
			text = []byte(hex.EncodeToString(value))
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSpace(string(text)); hex.EncodeToString(value) != want {
			t.Errorf("%s is written as\n%x\nwas\n%s", name, value, want)
		}
	}
	files, err := filepath.Glob("testdata/stored/*.hex")
	if err != nil || len(files) < len(written) {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		value, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if err := newBusyAccount(t).state.Restore(value); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// goldenRecords are one record of each form, of accounts in which every field says something.
func goldenRecords(t *testing.T) map[string][]byte {
	t.Helper()
	b := newBusyAccount(t)
	b.live(40)
	meter := testUsage("m", b.start.Add(39*24*time.Hour), "2")
	meter.Usage.Item, meter.Usage.Meter = "", "calls"
	later := &event.Subscription{
		Subscription: "s2", EffectiveAt: meter.Time, CancelAt: b.start.Add(3000 * 24 * time.Hour), TermStart: event.NoTime,
		TermEnd: event.NoTime, TrialEnd: event.NoTime, FirstPaidAt: event.NoTime,
		Phase: event.Phase{Status: event.StatusActive, Items: []event.Item{{
			Item: "i", Product: "p", Family: "p", Metered: true, HasPrice: true, UnitPrice: decimal("1"), Currency: "USD", Unit: event.UnitMonth,
			Count: 1, Quantity: decimal("1"), Meter: "calls",
		}}},
	}
	superseded := *later
	superseded.EffectiveAt, superseded.CancelAt = meter.Time.Add(time.Hour), event.NoTime
	for _, e := range []*event.Event{
		meter,
		{ID: "x", Source: "test", Subject: "acme", Type: event.TypeSubscriptionChanged, Time: meter.Time, Subscription: later},
		{ID: "y", Source: "test", Subject: "acme", Type: event.TypeSubscriptionChanged, Time: meter.Time, Subscription: &superseded},
	} {
		if _, rejection := b.state.Apply(e); rejection != nil {
			t.Fatal(rejection)
		}
	}
	b.live(900)
	a := b.state.find("acme")
	if base := a.base; len(base.levels) == 0 || len(base.firsts) < 2 || len(base.meters) == 0 || len(base.ended) == 0 ||
		len(base.regions) == 0 || len(base.overtaken) == 0 || base.attributes == nil || len(base.gone) == 0 {
		t.Fatalf("the base leaves something out: %+v", base)
	}
	view := &frozenView{}
	for i := range view.kinds {
		view.kinds[i] = leftAt{int32(100 + i), []string{"eu", ""}}
	}
	b.state.keepReduced(a, storedView, viewKey("acme"), view.appendStored(nil))
	b.held.take(b.state)
	return map[string][]byte{
		"settled-1": b.held[string(settledKey("acme", a.settled[1].month))],
		"base-1":    b.held[string(baseKey("acme"))],
		"view-1":    b.held[string(viewKey("acme"))],
	}
}
