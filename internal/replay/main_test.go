package replay_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain keeps the properties short unless -rapid.checks asks for more: a nightly run with
// -rapid.checks=2000 is worth its hour.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
