package curves

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// A small company is counted in every way that a curve grows.
func TestEveryCurveIsMeasured(t *testing.T) {
	for _, c := range all {
		s := c.at(c.points[len(c.points)-1])
		s.accounts, s.events, s.cells = 20, 400, min(s.cells, 5)
		r, err := s.measure(t.Context())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if r.cpu < 0 || r.perSecond <= 0 || r.stored <= 0 {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

func TestAnUnknownCurveIsNamed(t *testing.T) {
	err := Run(t.Context(), io.Discard, t.TempDir(), []string{"histroy"})
	if err == nil || !strings.Contains(err.Error(), `"histroy"`) || !strings.Contains(err.Error(), "history, windows") {
		t.Error(err)
	}
}

func TestChart(t *testing.T) {
	c := chart{title: "a < b", x: axis{"accounts", true}, y: axis{"µs", false}, points: []point{{1000, 20}, {10_000, 40}, {100_000, 100}}}
	text := string(c.svg())
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"a &lt; b", "accounts (log scale)", ">µs<", ">10k<", ">100k<",
		fmt.Sprintf("M%d.0 %.1f", left, 360-56-0.2*260), // 20 of 100, at the left
		fmt.Sprintf("L%d.0 %d.0", width-right, top),     // 100 of 100, at the right
		"L344.0 ", // 10,000 is half way on a log scale
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it has no %q:\n%s", want, text)
		}
	}
	logged := chart{title: "t", x: axis{"n", false}, y: axis{"bytes", true}, points: []point{{0, 15}, {2, 3000}}}
	if x, y := logged.scales(); y.low != 10 || y.high != 10_000 || len(y.ticks) != 4 || x.place(1) != 0.5 {
		t.Errorf("x %+v, y %+v", x, y)
	}
}

func TestStepsOfAnAxis(t *testing.T) {
	for most, want := range map[float64]float64{4.9: 1, 5.1: 2, 12: 5, 26: 10, 480: 100, 30_000: 10_000} {
		if got := stepOf(most); got != want {
			t.Errorf("up to %g: steps of %g, want %g", most, got, want)
		}
	}
}
