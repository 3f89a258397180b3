// Package aggregate is the ledger of accounts: it folds accepted events into movements of
// monthly recurring revenue (MRR) and into the registers from which every metric is summed.
//
// It is pure: no clock, goroutine, I/O, log, binary float or map order decides anything. A State
// is a function of the set of applied events and of the watermark (invariant I1), whatever the
// order of arrival. Definitions with worked numbers: docs/movements.md.
//
// Read in this order: state, account, snapshot, line, timeline, movement, part, dimension,
// entry, period, window, register, contribution, update.
package aggregate
