package aggregate

import (
	"slices"

	"processor/internal/event"
)

// applyGroup puts the group's changes into the book and types their parts, from the memo where
// everything up to here is as it was in the pass before.
func (f *fold) applyGroup(g *group, pays bool) *typed {
	place := len(f.fresh)
	if place < len(f.memo) && f.memo[place].pays == pays && slices.Equal(f.memo[place].members, g.members) {
		memo := f.memo[place]
		memo.noteEndings(f.endings, place)
		for i := range g.members {
			f.book.set(g.members[i])
		}
		f.ended = append(f.ended, memo.ended...)
		f.fresh = append(f.fresh, memo)
		return memo.typed
	}
	f.memo = nil
	memo := f.typeGroup(g, pays)
	memo.noteEndings(f.endings, place)
	f.ended = append(f.ended, memo.ended...)
	f.fresh = append(f.fresh, memo)
	return memo.typed
}

// noteEndings remembers the group's endings, where they were looked for: without usage nobody asks.
func (m *groupMemo) noteEndings(found [][]ending, place int) {
	if place < len(found) {
		m.endings, m.ends = found[place], true
	}
}

// typeGroup compares the lines before and after the group.
func (f *fold) typeGroup(g *group, pays bool) groupMemo {
	touched := g.subscriptions()
	day := f.calendar.Day(g.at())
	c := comparison{
		group: g, options: f.options, table: f.options.tableAt(g.at()), split: len(f.dims.splits) > 0, pays: pays, day: day,
		history: &history{held: f.book.heldLines(nil), ended: f.ended, since: f.yearBefore(g.at())},
	}
	for _, name := range touched {
		if i, known := f.book.find(name); known {
			s := &f.book.subs[i]
			status := s.change.state().status
			if status == event.StatusUnpaid || status == event.StatusCanceled {
				c.unpaid = append(c.unpaid, name)
			}
			if end := s.change.snapshot.sub().TermEnd; end != event.NoTime {
				c.termEnds = append(c.termEnds, termEnd{name, f.calendar.Settle(end)})
			}
		}
	}
	c.before = f.book.heldLines(touched)
	for i := range g.members {
		f.book.set(g.members[i])
	}
	c.after = f.book.heldLines(touched)
	t := typing{split: c.split}
	c.parts(&t)
	return groupMemo{members: g.members, pays: pays, typed: t.settle(), ended: endedLines(c.before, c.after, g.at())}
}

// yearBefore is the same local clock time 12 months earlier.
func (f *fold) yearBefore(t event.Time) event.Time {
	day := f.calendar.Day(t)
	return f.calendar.DayStart(MonthsBefore(day, 12)) + (t - f.calendar.DayStart(day))
}

// heldLines are the held lines of the named subscriptions (of all when nil), in order.
func (b *book) heldLines(only []string) []*line {
	var held []*line
	for i := range b.subs {
		s := &b.subs[i]
		if only != nil && !slices.Contains(only, s.subscription) {
			continue
		}
		lines := s.lines()
		for j := range lines {
			if lines[j].held() {
				held = append(held, &lines[j])
			}
		}
	}
	return held
}

// endedLines are the lines of before that are no longer held as what they were.
func endedLines(before, after []*line, at event.Time) []endedLine {
	var ended []endedLine
	for _, l := range before {
		goesOn := slices.ContainsFunc(after, func(n *line) bool {
			return compareLines(l, n) == 0 && n.item.Family == l.item.Family && n.item.Product == l.item.Product &&
				n.item.Plan == l.item.Plan && n.item.Region == l.item.Region
		})
		if !goesOn {
			ended = append(ended, endedLine{l, at})
		}
	}
	return ended
}
