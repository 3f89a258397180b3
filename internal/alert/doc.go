// Package alert watches segments for a slowdown of expansion (spec: rules 12): rules, what they compare,
// the states of an alert, and what made a fall. It is pure: the time is the smallest watermark, looked
// at once a minute, each minute in turn, so that the same log gives the same alerts. It must never ask a
// clock, and never take back what it said: a restatement may clear an alert, but not make it unsaid.
//
// Read in this order: rule, default, figure, machine, explain, evaluate, watch, tick, contributors, board.
package alert
