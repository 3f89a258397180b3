package config

import "strings"

// Nearest is the word that was probably meant, or "" when none is close: at most two slips (an
// insertion, deletion, substitution or swap), and fewer than half of the letters.
func Nearest(word string, words []string) string {
	best, bestSlips := "", 3
	for _, candidate := range words {
		slips := distance(strings.ToLower(word), strings.ToLower(candidate))
		if slips < bestSlips && 2*slips < max(len(candidate), 2) {
			best, bestSlips = candidate, slips
		}
	}
	return best
}

// distance counts the slips between a and b (optimal string alignment). Words far apart in length
// are not compared, which also bounds the work on hostile input.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			changed := above[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			row[j] = min(above[j]+1, row[j-1]+1, changed)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
