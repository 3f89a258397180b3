package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"processor/internal/checkpoint"
)

// Difference is a key of the configuration whose value means something else than in a checkpoint.
type Difference struct {
	Key      string
	Old, New string
}

// String is one line for people.
func (d Difference) String() string { return fmt.Sprintf("%s: %s -> %s", d.Key, d.Old, d.New) }

// partitionsName is what the description of a meaning begins with.
const partitionsName = "Partitions"

// configKeys are the keys under which people know the parts of a meaning. A part that is not here
// goes by its own name.
var configKeys = map[string]string{
	partitionsName:            "partitions of the sources",
	"Currency":                "reporting.currency",
	"Zone":                    "reporting.time_zone",
	"Rates":                   "reporting.rates",
	"ReportingStart":          "reporting.start",
	"FiscalYearStart":         "reporting.fiscal_year_start",
	"Coalesce":                "rules.coalesce",
	"UsageGrace":              "rules.usage_grace",
	"DaysPerMonth":            "rules.day_factor",
	"Usage":                   "rules.usage",
	"PastDueFor":              "rules.past_due_for",
	"ReactivationWithin":      "rules.reactivation_within",
	"ReactivationIsExpansion": "rules.reactivation",
	"Groupings":               "groupings",
	"Values":                  "values",
	"Windows":                 "windows",
	"Signals":                 "signals",
	"AccountBytes":            "limits.max_account_bytes",
}

// differences compares two descriptions that meaning made, part by part, in the order of the new one;
// what only the old one has comes last. A part that one of them does not have is "-".
func differences(old, now string) []Difference {
	before, after := parts(old), parts(now)
	var list []Difference
	add := func(name, old, now string) {
		key, known := configKeys[name]
		if !known {
			key = name
		}
		list = append(list, Difference{Key: key, Old: old, New: now})
	}
	values := map[string]string{}
	for _, p := range before {
		values[p.name] = p.value
	}
	for _, p := range after {
		value, known := values[p.name]
		delete(values, p.name)
		switch {
		case !known:
			add(p.name, "-", p.value)
		case value != p.value:
			add(p.name, value, p.value)
		}
	}
	for _, p := range before {
		if value, left := values[p.name]; left {
			add(p.name, value, "-")
		}
	}
	return list
}

// part is a named value of a meaning.
type part struct{ name, value string }

func parts(meaning string) []part {
	var list []part
	for text := range strings.SplitSeq(meaning, "; ") {
		name, value, _ := strings.Cut(text, " ")
		list = append(list, part{name, value})
	}
	return list
}

// lines are the differences, one to a line.
func lines(list []Difference) string {
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "\n  %s", d)
	}
	return b.String()
}

// grownRemedy is what can be done about another number of partitions.
func (o *Options) grownRemedy() string {
	return "which moves accounts between shards, and no rebuild can follow that. Begin a new generation beside this one, that reads the sources from their start:\n" +
		"  processor rescale --config " + o.configFile() + " --out NEWFILE\n(--dry-run says what would happen; docs/how-to/rescale.md)"
}

// configFile is where the configuration was read from, for commands in messages.
func (o *Options) configFile() string { return cmp.Or(o.ConfigFile, "FILE") }

// checkpointError gives what opening the checkpoint can end with its kind and its remedy.
func (o *Options) checkpointError(err error) error {
	var other *checkpoint.MeaningError
	if !errors.As(err, &other) {
		return operatorError(err)
	}
	return o.meaningError(other.Dir, differences(other.Stored, other.Wanted), checkpoint.ErrMeaning)
}

// meaningError says how the configuration and the checkpoint differ, and the command that settles it.
func (o *Options) meaningError(dir string, list []Difference, cause error) error {
	for _, d := range list {
		if d.Key == configKeys[partitionsName] {
			return fmt.Errorf("%w: %w: the checkpoint in %q was made over %s partitions, the sources have %s, %s",
				ErrRefused, cause, dir, d.Old, d.New, o.grownRemedy())
		}
	}
	return fmt.Errorf("%w: %w: what the numbers of the checkpoint in %q mean has changed since:%s\n"+
		"put the configuration back, or have the kept records counted anew under this one, with the service stopped:\n  %s\n"+
		"(--dry-run says what would happen; docs/how-to/change-the-meaning.md what readers see)",
		ErrRefused, cause, dir, lines(list), o.rebuildCommand(FromCheckpoint))
}

// rebuildCommand is the command line of a rebuild.
func (o *Options) rebuildCommand(from RebuildFrom) string {
	return fmt.Sprintf("processor rebuild --from %s --config %s", from, o.configFile())
}
