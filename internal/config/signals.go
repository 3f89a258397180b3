package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signals say what announces expansion, what converts it, and when an account had better be left
// alone (docs/signals.md).
type Signals struct {
	Thresholds []int // percent, ascending
	Within     time.Duration
	SeatBlock  int
	AtLeast    []NamedNumber // by name
	Converts   []NamedWords  // by name
	Weights    []NamedNumber // by name
	Gate       Gate
}

// Gate says when an account is not to be asked for more.
type Gate struct {
	HealthBelow int
	Onboarding  time.Duration
	UsageFall   int // percent; 0 never gates
}

// NamedNumber is the number of a signal.
type NamedNumber struct {
	Name   string
	Number int
}

// NamedWords are the types of expansion that convert a signal.
type NamedWords struct {
	Name  string
	Words []string
}

// expansionTypes are the words of signals.converts (docs/movements.md): the names after up_ in rows.
var expansionTypes = []string{
	"seat", "upsell", "cross_sell", "add_on", "usage", "price_increase", "renewal_uplift", "contract_ramp",
	"discount_expiry", "geographic", "feature_adoption", "other",
}

// signalsMax bounds the names that one mapping may have: each may be a row of signal_metrics.
const signalsMax = 100

// assignPercents reads a rising list of whole percents.
func (l *loader) assignPercents(k key, target *[]int, n *node) {
	*target = nil
	items := l.list(k, n, k.initial)
	if n.shape == shapeList && (len(items) == 0 || len(items) > 10) {
		l.complain(n.at, k.path, "must have 1 to 10 percentages, not %d", len(items))
	}
	for _, item := range items {
		if !l.isScalar(k, item) {
			continue
		}
		percent, err := strconv.Atoi(item.text)
		switch {
		case err != nil || int64(percent) < k.least || int64(percent) > k.most:
			l.complain(item.at, k.path, "must be whole percentages from %d to %d, as in %s, not %s", k.least, k.most, k.initial, shown(item))
		case len(*target) > 0 && percent <= (*target)[len(*target)-1]:
			l.complain(item.at, k.path, "must rise, as in %s: %d comes after %d", k.initial, percent, (*target)[len(*target)-1])
		default:
			*target = append(*target, percent)
		}
	}
}

// namedFields are the entries of a mapping of signals.
func (l *loader) namedFields(k key, n *node) []field {
	if n.shape != shapeMapping {
		l.complain(n.at, k.path, "must be a mapping such as %s, not %s", k.example, shown(n))
		return nil
	}
	if len(n.fields) > signalsMax {
		l.complain(n.at, k.path, "must have at most %d signals, not %d", signalsMax, len(n.fields))
		return nil
	}
	return n.fields
}

// assignNumbers reads numbers by the names of signals; a name that is not given keeps its default.
func (l *loader) assignNumbers(k key, target *[]NamedNumber, n *node) {
	made := slices.Clone(*target)
	for _, f := range l.namedFields(k, n) {
		if !l.isScalar(k, f.value) {
			continue
		}
		number, err := strconv.Atoi(f.value.text)
		if err != nil || int64(number) < k.least || int64(number) > k.most {
			l.complain(f.value.at, k.path, "%s must be a whole number from %d to %d, not %s", f.name, k.least, k.most, shown(f.value))
			continue
		}
		i, found := slices.BinarySearchFunc(made, f.name, func(n NamedNumber, name string) int { return cmp.Compare(n.Name, name) })
		if !found {
			made = slices.Insert(made, i, NamedNumber{Name: f.name})
		}
		made[i].Number = number
	}
	*target = made
}

// assignConversions reads types of expansion by the names of signals; a name that is not given keeps
// its default.
func (l *loader) assignConversions(k key, target *[]NamedWords, n *node) {
	made := slices.Clone(*target)
	for _, f := range l.namedFields(k, n) {
		if f.value.shape != shapeList || len(f.value.items) == 0 {
			l.complain(f.at, k.path, "the types of %s must be a list such as [seat, upsell]", f.name)
			continue
		}
		var words []string
		for _, item := range f.value.items {
			switch {
			case !l.isScalar(k, item):
			case !slices.Contains(expansionTypes, item.text):
				l.complain(item.at, k.path, "unknown type of expansion %s%s", shown(item), hintWord(item.text, expansionTypes))
			case slices.Contains(words, item.text):
				l.complain(item.at, k.path, "%s stands twice", shown(item))
			default:
				words = append(words, item.text)
			}
		}
		i, found := slices.BinarySearchFunc(made, f.name, func(n NamedWords, name string) int { return strings.Compare(n.Name, name) })
		if !found {
			made = slices.Insert(made, i, NamedWords{Name: f.name})
		}
		made[i].Words = words
	}
	*target = made
}

// plainNumbers are numbers by name as a file would have them.
func plainNumbers(all []NamedNumber) any {
	numbers := make(map[string]int, len(all))
	for _, n := range all {
		numbers[n.Name] = n.Number
	}
	return numbers
}

// plainConversions are types by name as a file would have them.
func plainConversions(all []NamedWords) any {
	words := make(map[string][]string, len(all))
	for _, n := range all {
		words[n.Name] = n.Words
	}
	return words
}

// signalSchema is what the keys of signals allow that no other section has; nil for the rest.
func signalSchema(k key, target any) object {
	number := orReference(object{"type": "integer", "minimum": k.least, "maximum": k.most})
	switch target.(type) {
	case *[]int:
		return object{"type": "array", "minItems": 1, "maxItems": 10, "uniqueItems": true, "items": number}
	case *[]NamedNumber:
		return object{"type": "object", "maxProperties": signalsMax, "additionalProperties": number}
	case *[]NamedWords:
		types := object{"type": "array", "minItems": 1, "uniqueItems": true, "items": orReference(object{"enum": expansionTypes})}
		return object{"type": "object", "maxProperties": signalsMax, "additionalProperties": types}
	}
	return nil
}
