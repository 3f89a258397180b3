package web

import "testing"

// A page asks for the alerts again when one of them says something else, and not as long as they say the same.
func TestWhatAlertsSay(t *testing.T) {
	says := "pending"
	f := setting{alerts: func() []Alert { return []Alert{{Rule: "slow", Row: []byte("{}"), Says: []byte(says)}} }}
	first := f.said()
	if again := f.said(); again != first || first == "" {
		t.Errorf("alerts say %q, then %q", first, again)
	}
	if says = "firing"; f.said() == first {
		t.Error("nobody hears that it fires")
	}
	if none := (&setting{}).said(); none != "" {
		t.Errorf("there are no alerts, and they say %q", none)
	}
}
