package main

import (
	"strings"
	"unicode/utf8"
)

// grid is a small table of text.
type grid [][]string

// row adds a line of cells.
func (g *grid) row(cells ...string) { *g = append(*g, cells) }

// print writes the lines with each column set to the right.
func (g grid) print(out *strings.Builder) {
	var widths []int
	for _, cells := range g {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range g {
		for i, cell := range cells {
			out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			out.WriteString(cell)
		}
		out.WriteByte('\n')
	}
}
