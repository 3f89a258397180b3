// Package money holds exact amounts: decimals as they were sent, sums in the reporting currency
// with six fractional digits, and the one rounding between them (half-even, spec: rules 1.2).
// It must never use binary floating point, and never wraps: a sum that would pass 128 bits panics.
package money
