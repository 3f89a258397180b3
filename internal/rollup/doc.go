// Package rollup sums the shards' registers into the metrics of segments: the only place where
// ratios and bands are computed (spec: rules 9). It is pure: no clock, goroutine, I/O or log.
package rollup
