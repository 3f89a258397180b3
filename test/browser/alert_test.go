package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// shownWithin is how long the page of somebody who looks may go without an alert that the service knows of.
const shownWithin = 2 * time.Second

// An alert that fires is on an open page within two seconds of the moment at which the service answers that it fires.
func TestAlertsAreShownAtOnce(t *testing.T) {
	b := open(t)
	address := demo(t, "--rate", "100", "--file", events(t, stalling()...))
	b.visit(address)
	b.until(`document.getElementById("live").textContent === "live"`)
	b.until(`document.getElementById("alerts-note").textContent === "Nothing is firing."`)
	get[any](b, `window.shown = 0; new MutationObserver(() => {
		if (!window.shown && [...document.querySelectorAll("#alerts li")].some((li) => li.textContent.includes("firing")))
			window.shown = Date.now();
	}).observe(document.getElementById("alerts"), {subtree: true, childList: true, characterData: true, attributes: true}); undefined`)
	known := firing(t, address)
	if shown := get[int64](b, "window.shown"); shown > 0 && time.UnixMilli(shown).Before(known.asked) {
		t.Fatal("the page shows an alert that does not fire")
	}
	b.until("window.shown > 0")
	took := time.UnixMilli(get[int64](b, "window.shown")).Sub(known.answered)
	t.Logf("on the page %s after the service answered that it fires", took.Round(time.Millisecond))
	if took > shownWithin {
		t.Errorf("an alert that fires is on the page after %s, more than %s", took, shownWithin)
	}
	if text := b.text("#alerts"); text == "" {
		t.Error("it went away again")
	}
	b.calm()
}

// answer is when the service was asked for its alerts and when it said so, the last time before it was known.
type answer struct{ asked, answered time.Time }

// firing asks the service until one of its alerts fires. asked is the last moment at which none did.
func firing(t *testing.T, address string) answer {
	t.Helper()
	before := time.Now()
	for deadline := before.Add(patience / 2); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		now := time.Now()
		got, err := http.Get(address + "/api/v1/alerts") //nolint:noctx // the deadline is that of the loop
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Rows []struct{ State string } }
		err = json.NewDecoder(got.Body).Decode(&page)
		_ = got.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(page.Rows, func(r struct{ State string }) bool { return r.State == "firing" }) {
			return answer{asked: before, answered: time.Now()}
		}
		before = now
	}
	t.Fatal("no alert fires: the story proves nothing")
	return answer{}
}

// stalling is a company whose one large customer adds seats every day for 90 days and then no more, while small ones
// come every four hours. Its last records are those of the 130th day, in the middle of the slowdown.
func stalling() (lines []string) {
	for step := range 130 * 6 {
		account, seats := fmt.Sprintf("small-%d", step), 1
		if day := step / 6; step%6 == 0 && day < 90 {
			account, seats = "large", 300+10*day
		}
		at := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC).Add(time.Duration(step) * 4 * time.Hour)
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"s","type":"subscription.changed","subject":%q,"time":%q,`+
			`"data":{"subscription":"sub-%s","status":"active","items":[{"item":"seats","product":"suite","plan":"pro","quantity":"%d","unit_price":"100","currency":"USD"}]}}`,
			step, account, at.Format(time.RFC3339), account, seats))
	}
	return lines
}
