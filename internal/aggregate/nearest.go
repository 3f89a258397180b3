package aggregate

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// nearestSlips is how far from each other two ids may be and still be taken for a slip.
const nearestSlips = 2

// Nearest are the known accounts whose ids are most like one that is not known, at most n.
func (s *State) Nearest(account string, n int) []string {
	return NearestAccounts(account, maps.Keys(s.accounts), n)
}

// NearestAccounts are the ids that are most like a word, at most n: those a slip or two away, then
// those that hold it. The order of the ids decides nothing.
func NearestAccounts(word string, ids iter.Seq[string], n int) []string {
	type near struct {
		id    string
		slips int
	}
	var found []near
	lower := strings.ToLower(word)
	for id := range ids {
		candidate := strings.ToLower(id)
		slips := slipsBetween(lower, candidate)
		if slips > nearestSlips || 2*slips >= max(len(id), 2) {
			if len(lower) < 3 || !strings.Contains(candidate, lower) {
				continue
			}
			slips = nearestSlips + 1
		}
		at := near{id, slips}
		i, _ := slices.BinarySearchFunc(found, at, func(a, b near) int {
			return cmp.Or(cmp.Compare(a.slips, b.slips), strings.Compare(a.id, b.id))
		})
		if i < n {
			found = slices.Insert(found, i, at)
			found = found[:min(len(found), n)]
		}
	}
	names := make([]string, len(found))
	for i := range found {
		names[i] = found[i].id
	}
	return names
}

// slipsBetween counts insertions, deletions and substitutions between a and b. Words that are too far
// apart are not compared to their end, which bounds the work over many accounts.
func slipsBetween(a, b string) int {
	const far = nearestSlips + 1
	if len(a) > len(b)+nearestSlips || len(b) > len(a)+nearestSlips {
		return far
	}
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			changed := above[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(above[j]+1, row[j-1]+1, changed)
			least = min(least, row[j])
		}
		if least > nearestSlips {
			return far
		}
		above, row = row, above
	}
	return above[len(b)]
}

// AccountIDs are the known accounts, in no order.
func (s *State) AccountIDs() iter.Seq[string] { return maps.Keys(s.accounts) }
