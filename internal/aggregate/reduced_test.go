package aggregate

import "testing"

// A rebuild counts what stands for events that are gone; nothing else is one of the two.
func TestWhatStandsForEvents(t *testing.T) {
	cases := []struct {
		name               string
		value              []byte
		collapsed, settled bool
	}{
		{"nothing", nil, false, false},
		{"empty", []byte{}, false, false},
		{"a base", []byte{storedBase, 1}, true, false},
		{"a base of one byte", []byte{storedBase}, true, false},
		{"a settled month", []byte{storedSettled}, false, true},
		{"a view", []byte{storedView}, false, false},
		{"an event", []byte{2, storedBase, storedSettled}, false, false},
	}
	for _, c := range cases {
		if Collapsed(c.value) != c.collapsed || Settled(c.value) != c.settled {
			t.Errorf("%s: collapsed %v, settled %v", c.name, Collapsed(c.value), Settled(c.value))
		}
	}
}
