package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

const tailOf = `,"version":%d,"known_at":"2026-03-01T00:00:00Z","restated":false,"final":true,"deleted":false}`

func replayRow(mrr string) string {
	return `{"topic":"accounts","key":{"account":"a"},"value":{"account":"a","mrr":"` + mrr + `"` + fmt.Sprintf(tailOf, 1) + "}\n"
}

// What differs from replay is found, wherever it is, and so is what is missing or too much.
func TestCompareFinds(t *testing.T) {
	log := []logged{{Partition: 0, Offset: 0, Value: "x"}}
	letter := `{"topic":"dead-letters","key":{},"value":{"offset":0,"reason":"not_json","detail":""}}` + "\n"
	good := func() *output {
		content, _, _, err := parted([]byte(`{"account":"a","mrr":"1.000000"` + fmt.Sprintf(tailOf, 77)))
		if err != nil {
			t.Fatal(err)
		}
		return &output{
			rows:    map[string]string{`accounts {"account":"a"}`: content},
			letters: map[place]letterMap{{sourceTopic, 0}: {0: "not_json "}},
		}
	}
	cases := []struct {
		name   string
		replay string
		change func(*output)
		want   string // in the error; none when empty
	}{
		{"the same", replayRow("1.000000") + letter, func(*output) {}, ""},
		{"another figure", replayRow("1.000001") + letter, func(*output) {}, `"mrr":"1.000001"`},
		{"a row is missing", replayRow("1.000000") + letter, func(o *output) { clear(o.rows) }, "is missing"},
		{"a row too much", replayRow("1.000000") + letter, func(o *output) { o.rows[`accounts {"account":"b"}`] = "{}" }, "is too much"},
		{"a letter is missing", replayRow("1.000000") + letter, func(o *output) { clear(o.letters) }, `is "", replay has "not_json "`},
		{"a letter too much", replayRow("1.000000"), func(*output) {}, `is "not_json ", replay has ""`},
		{"no rows at all", letter, func(o *output) { clear(o.rows) }, "proves nothing"},
	}
	for _, c := range cases {
		out := good()
		c.change(out)
		_, err := compareRows(c.replay, log, out)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A position that goes back or a version that does not rise is seen; a repeated position is no progress.
func TestWatchTakesProgress(t *testing.T) {
	w := &watch{positions: map[string]int64{}, rows: map[int]progress{}}
	take := func(version, next int) {
		w.take(&kgo.Record{Value: fmt.Appendf(nil, `{"shard":0,"positions":"%s/0:%d","watermark":"w","version":%d}`, sourceTopic, next, version)})
	}
	take(1, 10)
	take(2, 10)
	take(3, 25)
	if w.read != 25 || len(w.broken) != 0 {
		t.Errorf("read %d, broken %v", w.read, w.broken)
	}
	take(3, 30)
	if len(w.broken) != 1 {
		t.Errorf("a version that does not rise: %v", w.broken)
	}
	if _, err := w.watermark(2); err == nil {
		t.Error("one of two shards is enough for a watermark")
	}
}

func TestSeriesReadsMetrics(t *testing.T) {
	text := "# HELP x y\nexpansion_records_total{partition=\"0\",result=\"applied\"} 12\nexpansion_records_total{partition=\"1\",result=\"revoked\"} 3\nother{a=\"b\"} 9\n"
	found := series([]byte(text), "expansion_records_total")
	if len(found) != 2 || found[`partition="0",result="applied"`] != 12 || label(`partition="1",result="revoked"`, "result") != "revoked" {
		t.Errorf("read %v", found)
	}
}

func TestSlope(t *testing.T) {
	if got := slope([]float64{0, 1, 2}, []float64{5, 7, 9}); got != 2 {
		t.Errorf("slope %v, want 2", got)
	}
	if got := slope([]float64{1}, []float64{5}); got != 0 {
		t.Errorf("slope of one sample %v, want 0", got)
	}
}
