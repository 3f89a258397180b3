package main

// switchesSource joins the instrumented package: what its operators became.
const switchesSource = `
import (
	"cmp"
	"os"
	"strconv"
)

// mutantActive is the number of the mutant that this run is, 0 for none.
var mutantActive, _ = strconv.Atoi(os.Getenv("MUTANT"))

var mutantReached bool

// mutantOn says whether a place is the mutant, and leaves a note when it is come by for the first time.
func mutantOn(number int) bool {
	if number != mutantActive {
		return false
	}
	if !mutantReached {
		mutantReached = true
		if name := os.Getenv("MUTANT_REACHED"); name != "" {
			_ = os.WriteFile(name, []byte("reached\n"), 0o600)
		}
	}
	return true
}

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

func mutantAdd[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x - y }; return x + y }
func mutantSub[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x + y }; return x - y }
func mutantMul[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x / y }; return x * y }
func mutantQuo[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x * y }; return x / y }
func mutantRem[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x * y }; return x % y }
func mutantAnd[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x | y }; return x & y }
func mutantOr[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x & y }; return x | y }
func mutantXor[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x & y }; return x ^ y }
func mutantAndNot[T mutantInteger](n int, x, y T) T { if mutantOn(n) { return x & y }; return x &^ y }
func mutantNegative[T mutantInteger](n int, x T) T { if mutantOn(n) { return +x }; return -x }
func mutantStep[T mutantInteger](n int) T { var one T = 1; if mutantOn(n) { return -one }; return one }

func mutantNot(n int, x bool) bool { return x != mutantOn(n) }
// mutantAll is operands joined by &&; the mutant n+i joins those up to i with those behind it by ||.
func mutantAll(n int, operands ...func() bool) bool {
	if i := mutantActive - n; i >= 0 && i < len(operands)-1 && mutantOn(mutantActive) {
		return mutantEvery(operands[:i+1]) || mutantEvery(operands[i+1:])
	}
	return mutantEvery(operands)
}

func mutantEvery(operands []func() bool) bool {
	for _, operand := range operands {
		if !operand() {
			return false
		}
	}
	return true
}

// mutantAny is operands joined by ||; the mutant n+i joins i and the one behind it by &&.
func mutantAny(n int, operands ...func() bool) bool {
	joined := mutantActive - n
	if joined < 0 || joined >= len(operands)-1 || !mutantOn(mutantActive) {
		joined = -1
	}
	for i, operand := range operands {
		switch {
		case i == joined && operand() && operands[i+1]():
			return true
		case i != joined && (joined < 0 || i != joined+1) && operand():
			return true
		}
	}
	return false
}

func mutantLess[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x <= y }; return (x < y) != mutantOn(n) }
func mutantLessEqual[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x < y }; return (x <= y) != mutantOn(n) }
func mutantGreater[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x >= y }; return (x > y) != mutantOn(n) }
func mutantGreaterEqual[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x > y }; return (x >= y) != mutantOn(n) }
`
