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
func mutantBoth(n int, x bool, y func() bool) bool { if mutantOn(n) { return x || y() }; return x && y() }
func mutantEither(n int, x bool, y func() bool) bool { if mutantOn(n) { return x && y() }; return x || y() }

func mutantLess[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x <= y }; return (x < y) != mutantOn(n) }
func mutantLessEqual[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x < y }; return (x <= y) != mutantOn(n) }
func mutantGreater[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x >= y }; return (x > y) != mutantOn(n) }
func mutantGreaterEqual[T cmp.Ordered](b, n int, x, y T) bool { if mutantOn(b) { return x > y }; return (x >= y) != mutantOn(n) }
`
