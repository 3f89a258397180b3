package alert

import (
	"slices"
	"strings"

	"processor/internal/aggregate"
)

// Wanted is which registers the rules need: of all groupings, because finer ones explain the others, the
// days and the rules' own intervals.
type Wanted struct {
	split   map[string]bool // groupings that are not looked at
	kinds   [aggregate.KindRolling]bool
	windows []bool
	types   []watchedType
}

// watchedType is a window and a type of expansion by which accounts are compared.
type watchedType struct {
	window int
	name   string // "" for all expansion
}

// WantedBy is what a list of rules needs; nothing where there is no rule.
func WantedBy(rules []Rule, groupings [][]string, windows []aggregate.Window) Wanted {
	w := Wanted{split: map[string]bool{}, windows: make([]bool, len(windows))}
	for _, g := range groupings {
		if splitsAmounts(g) {
			w.split[strings.Join(g, ",")] = true
		}
	}
	for i := range rules {
		at, _ := spanOf(rules[i].Interval, windows)
		w.kinds[aggregate.KindDay] = true // closing MRR is their sum
		if at.kind != aggregate.KindRolling {
			w.kinds[at.kind] = true
			continue
		}
		w.windows[at.window] = true
		if one := (watchedType{at.window, rules[i].Type}); !slices.Contains(w.types, one) {
			w.types = append(w.types, one)
		}
	}
	return w
}

// Any says whether anything is needed at all.
func (w *Wanted) Any() bool { return w.kinds[aggregate.KindDay] }

// Has says whether a register is needed.
func (w *Wanted) Has(grouping string, kind aggregate.Kind, index int32) bool {
	if w.split[grouping] {
		return false
	}
	if kind == aggregate.KindRolling {
		return int(index) < len(w.windows) && w.windows[index]
	}
	return w.kinds[kind]
}
