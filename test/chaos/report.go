package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// report prints the figures of the run.
func (h *harness) report() {
	n := h.nemesis
	n.mu.Lock()
	defer n.mu.Unlock()
	kills := 0
	for _, p := range h.processors {
		p.mu.Lock()
		for how, times := range p.ends {
			if strings.HasPrefix(how, "killed") {
				kills += times
			}
		}
		p.mu.Unlock()
	}
	fmt.Printf("struck: %d kills of processors, %d of brokers, %d pauses of processors, %d of brokers; %d generations of the group\n",
		kills, n.counts[faultBrokerKill], n.counts[faultPause], n.counts[faultBrokerPause], h.generations())
	fmt.Printf("faults: %s\n", tallied(n.counts))
	if len(n.failed) > 0 {
		fmt.Printf("not come to: %s\n", tallied(n.failed))
	}
	fmt.Printf("placed kills: %s\n", tallied(n.points))
	for _, p := range h.processors {
		peak, perMinute := h.watch.memoryOf(p.number)
		fmt.Printf("memory of processor %d: peak %d MB, slope %+.1f MB a minute, median of each quarter of the run %v MB\n",
			p.number, peak>>20, perMinute/(1<<20), h.watch.quarters(p.number))
	}
}

// generations counts the assignments of partitions that the processors' logs tell of.
func (h *harness) generations() int {
	seen := map[int]struct{}{}
	for _, p := range h.processors {
		text, err := os.ReadFile(p.log())
		if err != nil {
			continue
		}
		for one := range bytes.Lines(text) {
			var line struct {
				Message    string `json:"msg"`
				Generation int    `json:"generation"`
			}
			if json.Unmarshal(one, &line) == nil && line.Message == "partitions assigned" {
				seen[line.Generation] = struct{}{}
			}
		}
	}
	return len(seen)
}

// quarters are the medians of a processor's memory in each quarter of the run, in MB, of lives that are
// older than ten seconds; -1 for a quarter without one.
func (w *watch) quarters(processor int) [4]int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	medians := [4]int64{-1, -1, -1, -1}
	if len(w.memory) == 0 {
		return medians
	}
	begin, end := w.memory[0].at, w.memory[len(w.memory)-1].at
	var by [4][]int64
	for _, s := range w.memory {
		if s.processor == processor && s.age > 10*time.Second {
			quarter := min(int(4*s.at.Sub(begin)/max(end.Sub(begin), 1)), 3)
			by[quarter] = append(by[quarter], s.bytes)
		}
	}
	for i, list := range by {
		if len(list) > 0 {
			slices.Sort(list)
			medians[i] = list[len(list)/2] >> 20
		}
	}
	return medians
}
