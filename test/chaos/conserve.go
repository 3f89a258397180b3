package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
)

// conserve prints what became of the records that a processor read in its last life (invariant I3).
func (h *harness) conserve(ctx context.Context, p *processor) {
	text, err := get(ctx, p, "/metrics")
	if err != nil {
		h.say("metrics of processor %d: %v", p.number, err)
		return
	}
	results := map[string]int{}
	for name, value := range series(text, "expansion_records_total") {
		results[label(name, "result")] += int(value)
	}
	h.say("processor %d read in its last life: %s", p.number, tallied(results))
}

// series are the values of one metric by their labels.
func series(text []byte, metric string) map[string]float64 {
	found := map[string]float64{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), metric+"{")
		labels, number, cut := strings.Cut(rest, "} ")
		if !ok || !cut {
			continue
		}
		if value, err := strconv.ParseFloat(number, 64); err == nil {
			found[labels] = value
		}
	}
	return found
}

// label is the value of a label.
func label(labels, name string) string {
	_, rest, _ := strings.Cut(labels, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// hasAll says whether a processor is ready and has every shard.
func hasAll(ctx context.Context, p *processor, shards int) error {
	if err := ready(ctx, p); err != nil {
		return err
	}
	text, err := get(ctx, p, "/metrics")
	if err != nil {
		return err
	}
	if n := len(series(text, "expansion_watermark_timestamp_seconds")); n < shards {
		return fmt.Errorf("processor %d has %d of %d shards", p.number, n, shards)
	}
	return nil
}
