// Package curves measures what an event costs the core, and what an account takes, as a company grows in one way at
// a time: no broker, no disk, no rows encoded. It prints tables and draws charts; it decides nothing.
package curves

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"processor/internal/aggregate"
)

// curve is one way to grow: a measurement at each of its points.
type curve struct {
	name   string // of its file
	title  string
	axis   string
	logged bool // the axis
	points []int
	at     func(n int) setting
	memory bool // draw what an account takes too
}

// usual is what the curves have in common: 5,000 accounts with ten events each.
var usual = setting{accounts: 5000, events: 50_000, windows: aggregate.Windows, groupings: groupings[:2], shards: 1}

// groupings are those that a company may have; the first so many of them.
var groupings = [][]string{{"region"}, {"plan_tier", "region"}, {"plan_tier"}, {"industry"}, {"industry", "region"}}

var all = []curve{
	{"accounts", "more accounts, three events each", "accounts", true, []int{1000, 10_000, 100_000, 300_000}, func(n int) setting {
		s := usual
		s.accounts, s.events = n, 3*n
		return s
	}, true},
	{"history", "longer histories, 30,000 events in all", "events an account", true, []int{10, 30, 100, 300, 1000}, func(n int) setting {
		s := usual
		s.events = 30_000
		s.accounts = s.events / n
		s.batch = max(s.accounts/2, 1) // so that an event is seldom derived together with another of its account
		return s
	}, false},
	{"windows", "more rolling windows", "windows", false, []int{0, 1, 2, 3, 4, 5, 6}, func(n int) setting {
		s := usual
		s.windows = aggregate.Windows[:n]
		return s
	}, false},
	{"groupings", "more groupings", "groupings", false, []int{0, 1, 2, 3, 4, 5}, func(n int) setting {
		s := usual
		s.groupings = groupings[:n]
		return s
	}, false},
	{"segments", "one grouping with more values", "values of the dimension", true, []int{1, 10, 100, 1000}, func(n int) setting {
		s := usual
		s.groupings, s.cells = [][]string{{cellName}}, n
		return s
	}, false},
	{"shards", "the same events in more shards", "shards", false, []int{1, 2, 4, 8}, func(n int) setting {
		s := usual
		s.shards = n
		return s
	}, false},
}

// Run measures the curves of these names, all of them without a name, prints a table of each to out as Markdown, and
// draws them into dir.
func Run(ctx context.Context, out io.Writer, dir string, names []string) error {
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c curve) bool { return c.name == name }) {
			return fmt.Errorf("there is no curve %q; there are %s", name, known())
		}
	}
	for _, c := range all {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		if _, err := fmt.Fprintf(out, "### %s\n\n| %s | CPU an event | events/s | bytes an account, with its share of the registers | bytes of its records, as stored |\n|---|---|---|---|---|\n", c.title, c.axis); err != nil {
			return err
		}
		var costs, sizes []point
		for _, n := range c.points {
			r, err := c.at(n).measure(ctx)
			if err != nil {
				return fmt.Errorf("%s, %d: %w", c.title, n, err)
			}
			if _, err := fmt.Fprintf(out, "| %d | %.1f µs | %.0f | %.0f | %.0f |\n", n, micros(r.cpu), r.perSecond, r.bytes, r.stored); err != nil {
				return err
			}
			costs, sizes = append(costs, point{float64(n), micros(r.cpu)}), append(sizes, point{float64(n), r.bytes})
		}
		if _, err := fmt.Fprintln(out); err != nil {
			return err
		}
		if err := c.draw(dir, c.name, "CPU of the core an event: "+c.title, "µs an event", costs); err != nil {
			return err
		}
		if c.memory {
			if err := c.draw(dir, c.name+"-bytes", "Memory an account, parked: "+c.title, "bytes an account", sizes); err != nil {
				return err
			}
		}
	}
	return nil
}

// known are the names of the curves.
func known() string {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return strings.Join(names, ", ")
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// draw writes one chart. Its upright axis has a log scale where the largest is far from the least.
func (c *curve) draw(dir, name, title, unit string, points []point) error {
	byY := func(a, b point) int { return int(a.y - b.y) }
	least, most := slices.MinFunc(points, byY).y, slices.MaxFunc(points, byY).y
	drawn := chart{title: title, x: axis{c.axis, c.logged}, y: axis{unit, least > 0 && most > 10*least}, points: points}
	if err := os.WriteFile(filepath.Join(dir, name+".svg"), drawn.svg(), 0o644); err != nil { //nolint:gosec // a file of the repository
		return fmt.Errorf("draw %s: %w", title, err)
	}
	return nil
}
