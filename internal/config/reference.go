package config

import (
	"fmt"
	"strings"
	"time"

	"processor/internal/event/mapping"
)

// Reference is docs/reference/config.md: every key with its default, values and variable.
func Reference() string {
	var out strings.Builder
	out.WriteString(referenceHead)
	section := ""
	for _, k := range keys {
		if top, _, _ := strings.Cut(k.path, "."); strings.TrimSuffix(top, "[]") != section {
			section = strings.TrimSuffix(top, "[]")
			fmt.Fprintf(&out, "\n## %s\n", section)
		}
		fmt.Fprintf(&out, "\n### `%s`\n\n%s\n\n", k.path, k.doc)
		if complaint := missing(k.path, ""); complaint != "" {
			fmt.Fprintf(&out, "- %s\n", complaint)
			continue
		}
		fmt.Fprintf(&out, "- value: %s\n", kindText(k))
		if k.initial != "" {
			fmt.Fprintf(&out, "- default: `%s`\n", k.initial)
		}
		if k.example != "" {
			fmt.Fprintf(&out, "- example: `%s`\n", k.example)
		}
		if k.field != nil {
			fmt.Fprintf(&out, "- variable: `%s`\n", envName(k.path))
		}
	}
	return out.String()
}

const referenceHead = `# Configuration

Generated from the table in internal/config; ` + "`processor config schema`" + ` prints the JSON Schema.

One YAML file, named by ` + "`--config`" + `. Every key can also be set by the variable named with it, which
wins over the file; an empty variable counts as not set. Lists of words are comma separated there,
lists of lists or mappings are written as in the file, on one line. An unknown key or variable is an
error. Anchors, aliases and tags are not supported.

` + "`${VAR}` and `${file:/path}`" + ` in a value stand for a variable or for the content of a file (without its
last line end); such values are never printed. ` + "`$${`" + ` is a literal ` + "`${`" + `. Between ` + "`{`, `[`" + ` and their ends
they need quotes.

` + "`processor validate --config FILE`" + ` reports every problem at once; ` + "`processor config show`" + ` prints
the result with the origin of each value. ` + "`replay`" + ` reads the sections ` + "`reporting`, `rules`, `groupings`,\n`values`, `windows`, `targets`, `signals` and `limits`" + `, and looks only for unknown keys in the others.
`

// kindText says what a value of k looks like.
func kindText(k key) string {
	if words := availableWords(k); len(words) > 0 {
		text := "`" + strings.Join(words, "`, `") + "`"
		if _, isList := fieldOf(k, Default(), &Source{}).(*[]Window); isList {
			return "a list of " + text
		}
		return text
	}
	switch fieldOf(k, Default(), &Source{}).(type) {
	case *bool:
		return "`true` or `false`"
	case *int:
		return fmt.Sprintf("a whole number from %d to %d", k.least, k.most)
	case bytesField:
		return fmt.Sprintf("bytes, from %s to %s", formatBytes(int(k.least)), formatBytes(int(k.most)))
	case *time.Duration:
		return fmt.Sprintf("a duration from %s to %s, such as `250ms`, `60m`, `12h`, `35d`",
			formatDuration(time.Duration(k.least)), formatDuration(time.Duration(k.most)))
	case *Date:
		return "a date"
	case *Secret:
		return "a secret"
	case **time.Location:
		return "the name of an IANA time zone"
	case *[]string:
		return "a list of texts"
	case *[]int:
		return fmt.Sprintf("a rising list of whole numbers from %d to %d", k.least, k.most)
	case *[]NamedNumber:
		return fmt.Sprintf("a mapping of signals to whole numbers from %d to %d", k.least, k.most)
	case *[]NamedWords:
		return "a mapping of signals to lists of `" + strings.Join(expansionTypes, "`, `") + "`"
	case *[]Source, *[]RateTable, *[]Target:
		return "a list of mappings"
	case **mapping.Node:
		return "a mapping, or a list of rules"
	case *[]DimensionValues:
		return "a mapping of dimensions to lists of values"
	case *[]Grouping:
		return "a list of lists of texts"
	default:
		return "text"
	}
}
