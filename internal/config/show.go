package config

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Setting is one key with its value and where that comes from.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"` // nil when nobody set the key and there is no default
	Origin string `json:"origin"`
}

// notSet is the origin of a key without a value.
const notSet = "not set"

// Settings are all available keys that the reading was about, in the order of the documentation.
// Secrets, and every value that came out of ${...}, are masked.
func (c *Config) Settings() []Setting {
	var settings []Setting
	for _, k := range keys {
		if k.field == nil || !isAvailable(k) || !reads(c.purpose, k.path) {
			continue
		}
		from, set := c.values[k.path]
		switch {
		case !set:
			settings = append(settings, Setting{Key: k.path, Origin: notSet})
		case from.hidden:
			settings = append(settings, Setting{Key: k.path, Value: mask, Origin: from.origin.String()})
		default:
			settings = append(settings, Setting{Key: k.path, Value: plain(k.field(c)), Origin: from.origin.String()})
		}
	}
	return settings
}

// plain is the value behind target in the form in which a file would have it.
func plain(target any) any {
	switch target := target.(type) {
	case *string:
		return *target
	case *Secret:
		return *target
	case *bool:
		return *target
	case *int:
		return *target
	case *[]string:
		return *target
	case bytesField:
		return formatBytes(*target.n)
	case *time.Duration:
		return formatDuration(*target)
	case **time.Location:
		return (*target).String()
	case *Date:
		return target.String()
	case *[]Grouping:
		return *target
	case *[]DimensionValues:
		return plainValues(*target)
	case *[]Target:
		return plainTargets(*target)
	case *[]int:
		return *target
	case *[]NamedNumber:
		return plainNumbers(*target)
	case *[]NamedWords:
		return plainConversions(*target)
	case *[]Alert:
		return plainAlerts(*target)
	case *[]Window:
		var names []string
		for _, w := range *target {
			names = append(names, w.Name)
		}
		return names
	case *[]Source:
		return plainSources(*target)
	case *[]RateTable:
		return plainRates(*target)
	default:
		panic(fmt.Sprintf("config: a key has a field of the unknown type %T", target))
	}
}

// plainSources are sources as a file would have them.
func plainSources(sources []Source) any {
	type plainSource struct {
		Topic          string `json:"topic"`
		Format         string `json:"format"`
		KeyedByAccount bool   `json:"keyed_by_account"`
		Mapping        any    `json:"mapping,omitempty"`
	}
	list := make([]plainSource, len(sources))
	for i, s := range sources {
		list[i] = plainSource{s.Topic, s.Format, s.KeyedByAccount, plainMapping(s.Mapping)}
	}
	return list
}

// plainRates are rate tables as a file would have them.
func plainRates(tables []RateTable) any {
	list := make([]map[string]string, len(tables))
	for i, table := range tables {
		list[i] = map[string]string{}
		if !table.From.IsZero() {
			list[i]["from"] = table.From.String()
		}
		for _, rate := range table.Rates {
			list[i][rate.Currency] = rate.Value
		}
	}
	return list
}

// plainValues are the values of dimensions as a file would have them.
func plainValues(all []DimensionValues) any {
	values := make(map[string][]string, len(all))
	for _, limited := range all {
		values[limited.Dimension] = limited.Values
	}
	return values
}

// plainTargets are targets as a file would have them.
func plainTargets(targets []Target) any {
	type plainTarget struct {
		Grouping string `json:"grouping"`
		Segment  string `json:"segment"`
		Month    string `json:"month"`
		Amount   string `json:"expansion_mrr"`
	}
	list := make([]plainTarget, len(targets))
	for i, t := range targets {
		list[i] = plainTarget{t.Grouping, t.Segment, fmt.Sprintf("%04d-%02d", t.Year, int(t.Month)), t.Amount}
	}
	return list
}

// bareWord is a text that YAML reads back as itself without quotes.
var bareWord = regexp.MustCompile(`^([A-Za-z./][A-Za-z0-9_./+-]*|[0-9]+(ms|s|m|h|d|KiB|MiB))$`)

// WriteYAML writes a file that means the same as c (but for masked values), each key followed by
// its origin.
func (c *Config) WriteYAML(w io.Writer) error {
	var out strings.Builder
	var open []string // sections whose heading was written
	for _, s := range c.Settings() {
		parent, leaf := cutLeaf(s.Key)
		sections := strings.Split(parent, ".")
		if parent == "" {
			sections = nil
		}
		for depth, name := range sections {
			if depth < len(open) && open[depth] == name {
				continue
			}
			open = append(open[:min(depth, len(open))], name)
			fmt.Fprintf(&out, "%s%s:\n", indent(depth), name)
		}
		open = open[:len(sections)]
		if s.Origin == notSet {
			fmt.Fprintf(&out, "%s# %s:  # %s\n", indent(len(sections)), leaf, notSet)
			continue
		}
		text, err := flowYAML(s.Value)
		if err != nil {
			return fmt.Errorf("write %s: %w", s.Key, err)
		}
		fmt.Fprintf(&out, "%s%s: %s  # %s\n", indent(len(sections)), leaf, text, s.Origin)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func indent(depth int) string { return strings.Repeat("  ", depth) }

// flowYAML is value on one line. JSON is YAML too; only plain words lose their quotes.
func flowYAML(value any) (string, error) {
	word, isText := value.(string)
	if isText && bareWord.MatchString(word) && word != "true" && word != "false" && word != "null" {
		return word, nil
	}
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}
