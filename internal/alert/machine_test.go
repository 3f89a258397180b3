package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
)

// A line of a story is one minute: what it says of the fall, and the state that follows.
func TestStates(t *testing.T) {
	const minute = event.Time(time.Minute)
	say := map[string]condition{
		"beyond": {beyond: true}, "between": {}, "clear": {clear: true},
		"beyond, silent": {beyond: true, silent: true}, "between, silent": {silent: true}, "clear, silent": {clear: true, silent: true},
	}
	for name, story := range map[string]string{
		"a fall that lasts":                  "beyond pending; beyond pending; beyond firing; beyond firing; clear resolved; clear resolved",
		"a fall that does not last":          "beyond pending; between ok; beyond pending; beyond pending; beyond firing",
		"between the thresholds it goes on":  "beyond pending; beyond pending; beyond firing; between firing; between firing; clear resolved",
		"between them it does not begin":     "between ok; clear ok; between ok",
		"again after the end":                "beyond pending; beyond pending; beyond firing; clear resolved; between resolved; beyond pending; between ok",
		"silent before it fires":             "beyond pending; beyond, silent suspect; beyond, silent suspect; beyond pending; beyond pending; beyond firing",
		"silent from the start":              "beyond, silent suspect; clear, silent ok",
		"silent while it fires":              "beyond pending; beyond pending; beyond firing; beyond, silent suspect; clear, silent suspect; beyond firing",
		"silent, and over when heard again":  "beyond pending; beyond pending; beyond firing; beyond, silent suspect; clear resolved",
		"silent, and there is still a fall":  "beyond pending; beyond pending; beyond firing; beyond, silent suspect; between firing",
		"silent, and nothing when it speaks": "beyond, silent suspect; between ok",
	} {
		a := Alert{State: OK, PendingSince: event.NoTime, FiredAt: event.NoTime, ResolvedAt: event.NoTime}
		for i, line := range strings.Split(story, "; ") {
			at := strings.LastIndex(line, " ")
			c, known := say[line[:at]]
			if !known {
				t.Fatalf("%s: %q", name, line)
			}
			was := a.State
			now := event.Time(i+1) * minute
			if changed := a.step(now, c, 2*time.Minute); changed != (a.State != was) {
				t.Errorf("%s, minute %d: changed is %v", name, i+1, changed)
			}
			if string(a.State) != line[at+1:] {
				t.Errorf("%s, minute %d (%s): %s", name, i+1, line, a.State)
			}
			if a.State != was && a.Since != now {
				t.Errorf("%s, minute %d: since %s", name, i+1, a.Since)
			}
			if a.State == Resolved && a.ResolvedAt < a.FiredAt {
				t.Errorf("%s: fired at %s, resolved at %s", name, a.FiredAt, a.ResolvedAt)
			}
		}
	}
}

// A rule that does not wait fires in the minute of the fall.
func TestNoWait(t *testing.T) {
	a := Alert{State: OK, PendingSince: event.NoTime, FiredAt: event.NoTime, ResolvedAt: event.NoTime}
	a.step(60, condition{beyond: true}, 0)
	if got := string(a.State) + fmt.Sprint(a.FiredAt == 60); got != "firingtrue" {
		t.Error(got)
	}
}
