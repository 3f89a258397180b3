package config

import (
	"fmt"
	"slices"
	"strings"
)

// dimensionsMax is the most dimensions of one grouping (docs/movements.md#segments); groupingsMax
// bounds the registers that each movement touches.
const (
	dimensionsMax = 4
	groupingsMax  = 200
)

// list complains unless n is a list, and returns its items.
func (l *loader) list(k key, n *node, example string) []*node {
	if n.shape != shapeList {
		l.complain(n.at, k.path, "must be a list such as %s, not %s", example, shown(n))
		return nil
	}
	return n.items
}

// assignTexts reads a list of words.
func (l *loader) assignTexts(k key, target *[]string, n *node) {
	items := l.list(k, n, k.example)
	if n.shape == shapeList && len(items) == 0 {
		l.complain(n.at, k.path, "must not be empty")
	}
	*target = nil
	for _, item := range items {
		if !l.isScalar(k, item) || !l.textFits(k, item) {
			continue
		}
		if !k.repeats && slices.Contains(*target, item.text) {
			l.complain(item.at, k.path, "%s stands twice", shown(item))
			continue
		}
		*target = append(*target, item.text)
	}
}

// assignWindows reads names of windows and puts them in order of length, so that two files that
// mean the same give the same columns.
func (l *loader) assignWindows(k key, target *[]Window, n *node) {
	var names []string
	l.assignTexts(key{path: k.path, words: k.words, example: k.initial}, &names, n)
	*target = nil
	for _, w := range windows {
		if slices.Contains(names, w.Name) {
			*target = append(*target, w)
		}
	}
}

// assignSources reads the list of source topics.
func (l *loader) assignSources(k key, target *[]Source, n *node) {
	items := l.list(k, n, k.example)
	if n.shape == shapeList && len(items) == 0 {
		l.complain(n.at, k.path, "must not be empty")
	}
	*target = nil
	for _, item := range items {
		if item.shape != shapeMapping {
			l.complain(item.at, k.path, "must be a mapping such as {topic: billing.events}, not %s", shown(item))
			continue
		}
		source := l.source(k, item)
		sameTopic := func(s Source) bool { return s.Topic == source.Topic }
		if source.Topic != "" && slices.ContainsFunc(*target, sameTopic) {
			l.complain(item.at, k.path, "two sources have the same topic")
		}
		*target = append(*target, source)
	}
}

// source reads one source; its unknown keys were reported before.
func (l *loader) source(list key, item *node) Source {
	var source Source
	for _, k := range keys {
		name, below := strings.CutPrefix(k.path, list.path+"[].")
		if !below {
			continue
		}
		i := slices.IndexFunc(item.fields, func(f field) bool { return f.name == name })
		value := &node{shape: shapeText, text: k.initial}
		if i >= 0 {
			value = item.fields[i].value
			if value.shape == shapeEmpty {
				value.at = item.fields[i].at
			}
		}
		switch {
		case i >= 0 && !isAvailable(k):
			l.complain(item.fields[i].at, k.path, "%s", missing(k.path, ""))
		case k.ofSource != nil && (i >= 0 || k.initial != ""):
			l.assign(k, k.ofSource(&source), value)
		case name == "topic":
			l.complain(item.at, k.path, "is missing")
		}
	}
	l.checkFormat(&source, item)
	return source
}

// assignGroupings reads lists of dimensions.
func (l *loader) assignGroupings(k key, target *[]Grouping, n *node) {
	*target = nil
	items := l.list(k, n, k.example)
	if len(items) > groupingsMax {
		l.complain(n.at, k.path, "must have at most %d groupings, not %d", groupingsMax, len(items))
		return
	}
	for _, item := range items {
		grouping, ok := l.grouping(k, item)
		if !ok {
			continue
		}
		if slices.ContainsFunc(*target, func(g Grouping) bool { return slices.Equal(g, grouping) }) {
			l.complain(item.at, k.path, "this grouping stands twice")
			continue
		}
		*target = append(*target, grouping)
	}
}

// grouping reads one list of dimensions.
func (l *loader) grouping(k key, item *node) (Grouping, bool) {
	if item.shape != shapeList {
		l.complain(item.at, k.path, "a grouping is a list of dimensions such as [region], not %s", shown(item))
		return nil, false
	}
	if len(item.items) == 0 || len(item.items) > dimensionsMax {
		l.complain(item.at, k.path, "a grouping has 1 to %d dimensions, not %d (all is always there)",
			dimensionsMax, len(item.items))
		return nil, false
	}
	var grouping Grouping
	for _, dimension := range item.items {
		if !l.isScalar(k, dimension) {
			return nil, false
		}
		complaint := checkDimension(dimension.text)
		if slices.Contains(grouping, dimension.text) {
			complaint = fmt.Sprintf("the dimension %s stands twice in one grouping", shown(dimension))
		}
		if complaint != "" {
			l.complain(dimension.at, k.path, "%s", complaint)
			return nil, false
		}
		grouping = append(grouping, dimension.text)
	}
	return grouping, true
}

// assignRates reads the tables of rates and checks that each takes over from the one before.
func (l *loader) assignRates(k key, target *[]RateTable, n *node) {
	*target = nil
	whole := true
	items := l.list(k, n, k.example)
	for _, item := range items {
		table, ok := l.rateTable(k, item)
		whole = whole && ok
		*target = append(*target, table)
	}
	if !whole {
		return
	}
	for i, table := range *target {
		if i == 0 {
			continue
		}
		before, at := (*target)[i-1], items[i].at
		if table.From.Compare(before.From) <= 0 {
			l.complain(at, k.path, "tables go from the earliest to the latest, each with its own date "+
				"(the one without from is first): %s comes after %s", fromText(table), fromText(before))
		}
		for _, dropped := range without(before, table) {
			l.complain(at, k.path, "drops %s, which the table before has", dropped)
		}
	}
}

// rateTable reads one table.
func (l *loader) rateTable(k key, item *node) (RateTable, bool) {
	var table RateTable
	if item.shape != shapeMapping {
		l.complain(item.at, k.path, `must be a mapping such as {from: 2026-01-01, EUR: "1.10"}, not %s`, shown(item))
		return table, false
	}
	ok := true
	refuse := func(at Origin, format string, args ...any) {
		l.complain(at, k.path, format, args...)
		ok = false
	}
	for _, f := range item.fields {
		if f.name == "from" {
			date, fine := parseDate(f.value.text)
			if !fine {
				refuse(f.at, "from must be a date such as 2026-01-01, not %s", shown(f.value))
			}
			table.From = date
			continue
		}
		if complaint := checkCurrency(f.name); complaint != "" {
			refuse(f.at, "unknown key %q: %s%s", f.name, complaint, hintCurrency(f.name))
			continue
		}
		if !parseRate(f.value.text) {
			refuse(f.value.at, "the rate of %s must be a positive decimal with at most 18 digits on either side "+
				"of the point, not %s", f.name, shown(f.value))
		}
		table.Rates = append(table.Rates, Rate{Currency: f.name, Value: f.value.text})
	}
	if len(item.fields) == 0 || len(table.Rates) == 0 && ok {
		refuse(item.at, "a table needs at least one currency")
	}
	slices.SortFunc(table.Rates, func(a, b Rate) int { return strings.Compare(a.Currency, b.Currency) })
	return table, ok
}

// hintCurrency suggests what a key of a table was meant to be.
func hintCurrency(name string) string {
	words := []string{"from"}
	if upper := strings.ToUpper(name); checkCurrency(upper) == "" {
		words = append(words, upper)
	}
	if word := Nearest(name, words); word != "" {
		return `; did you mean "` + word + `"?`
	}
	return ""
}

// without are the currencies of before that after does not have.
func without(before, after RateTable) []string {
	var dropped []string
	for _, rate := range before.Rates {
		if !slices.ContainsFunc(after.Rates, func(r Rate) bool { return r.Currency == rate.Currency }) {
			dropped = append(dropped, rate.Currency)
		}
	}
	return dropped
}

// fromText names a table in a message.
func fromText(table RateTable) string {
	if table.From.IsZero() {
		return "the table without from"
	}
	return table.From.String()
}
