package main

import (
	"reflect"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/config"
)

// What nobody configures means the same to the core on its own, as the stories of the numbers run it,
// and to the program.
func TestSignalsAreOneDefault(t *testing.T) {
	c := config.Default()
	if got, want := signalOptions(&c.Signals), aggregate.DefaultSignals(); !reflect.DeepEqual(got, want) {
		t.Errorf("the configuration means %+v\nthe core has %+v", got, want)
	}
}
