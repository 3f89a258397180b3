package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"processor/internal/event/mapping"
)

// assign reads n into target, which is a pointer to one of the types that keys have, and
// complains where n does not fit.
func (l *loader) assign(k key, target any, n *node) {
	switch target := target.(type) {
	case *[]string:
		l.assignTexts(k, target, n)
	case *[]Window:
		l.assignWindows(k, target, n)
	case *[]Source:
		l.assignSources(k, target, n)
	case *[]RateTable:
		l.assignRates(k, target, n)
	case *[]Grouping:
		l.assignGroupings(k, target, n)
	case *[]DimensionValues:
		l.assignValues(k, target, n)
	case **mapping.Node:
		*target = l.mappingOf(n)
	case *[]Target:
		l.assignTargets(k, target, n)
	case *[]int:
		l.assignPercents(k, target, n)
	case *[]NamedNumber:
		l.assignNumbers(k, target, n)
	case *[]NamedWords:
		l.assignConversions(k, target, n)
	case *[]Alert:
		l.assignAlerts(k, target, n)
	default:
		if l.isScalar(k, n) {
			l.assignScalar(k, target, n)
		}
	}
}

// isScalar complains unless n is one value with something in it.
func (l *loader) isScalar(k key, n *node) bool {
	switch {
	case n.shape == shapeEmpty:
		l.complain(n.at, k.path, "has no value; leave the key out to use the default")
	case n.shape == shapeMapping:
		l.complain(n.at, k.path, "must be a single value (a text with a colon needs quotes between { and })")
	case n.shape != shapeText:
		l.complain(n.at, k.path, "must be a single value")
	case n.text == "":
		l.complain(n.at, k.path, "must not be empty")
	default:
		return true
	}
	return false
}

// assignScalar reads the text of n by the type of target.
func (l *loader) assignScalar(k key, target any, n *node) {
	switch target := target.(type) {
	case *string:
		if l.textFits(k, n) {
			*target = n.text
		}
	case *Secret:
		if k.check == nil || k.check(n.text) == "" {
			*target = Secret(n.text)
		} else {
			l.complain(n.at, k.path, "%s", k.check(n.text)) // and never what it is
		}
	case *bool:
		if n.text != "true" && n.text != "false" {
			l.complain(n.at, k.path, "must be true or false, not %s", shown(n))
		}
		*target = n.text == "true"
	case *int:
		number, err := strconv.Atoi(n.text)
		if err != nil || int64(number) < k.least || int64(number) > k.most {
			l.complain(n.at, k.path, "must be a whole number from %d to %d, not %s", k.least, k.most, shown(n))
		}
		*target = number
	case bytesField:
		number, ok := parseBytes(n.text)
		if !ok || int64(number) < k.least || int64(number) > k.most {
			l.complain(n.at, k.path, "must be a number of bytes from %s to %s, as 1048576 or 1MiB, not %s",
				formatBytes(int(k.least)), formatBytes(int(k.most)), shown(n))
		}
		*target.n = number
	case *time.Duration:
		*target = l.duration(k, n)
	case **time.Location:
		*target = l.zone(k, n)
	case *Date:
		date, ok := parseDate(n.text)
		if !ok {
			l.complain(n.at, k.path, "must be a date such as 2026-01-01, not %s", shown(n))
		}
		*target = date
	default:
		panic(fmt.Sprintf("config: key %s has a field of the unknown type %T", k.path, target))
	}
}

// textFits checks a text against the key's words, or its check.
func (l *loader) textFits(k key, n *node) bool {
	if k.words == nil {
		if k.check == nil {
			return true
		}
		complaint := k.check(n.text)
		if complaint != "" {
			l.complain(n.at, k.path, "%s, not %s", complaint, shown(n))
		}
		return complaint == ""
	}
	if !slices.Contains(k.words, n.text) {
		l.complain(n.at, k.path, "unknown value %s%s", shown(n), l.hintFor(k, n))
		return false
	}
	if complaint := missing(k.path, n.text); complaint != "" {
		l.complain(n.at, k.path, "%s", complaint)
		return false
	}
	return true
}

// hintFor suggests the nearest available word, unless that would give away a hidden text.
func (l *loader) hintFor(k key, n *node) string {
	if n.hidden {
		return "; use " + oneOf(availableWords(k))
	}
	return hintWord(n.text, availableWords(k))
}

// duration reads a duration within the key's bounds.
func (l *loader) duration(k key, n *node) time.Duration {
	length, ok := parseDuration(n.text)
	if !ok {
		hint := ""
		if _, err := strconv.ParseUint(n.text, 10, 32); err == nil && !n.hidden {
			hint = fmt.Sprintf(" (a unit is missing: %ss, %sm, %sh?)", n.text, n.text, n.text)
		}
		l.complain(n.at, k.path, "must be a duration such as 250ms, 60m, 12h or 35d, not %s%s", shown(n), hint)
		return 0
	}
	if int64(length) < k.least || int64(length) > k.most {
		l.complain(n.at, k.path, "must be between %s and %s, not %s",
			formatDuration(time.Duration(k.least)), formatDuration(time.Duration(k.most)), shown(n))
	}
	return length
}

// zone loads a zone by its IANA name. Local is refused: the same file must mean the same numbers
// on every machine.
func (l *loader) zone(k key, n *node) *time.Location {
	if n.text != "Local" {
		if zone, err := time.LoadLocation(n.text); err == nil {
			return zone
		}
	}
	hint := ""
	if name := zoneSpelling(n.text); name != "" && !n.hidden {
		hint = `; did you mean "` + name + `"?`
	}
	l.complain(n.at, k.path, "must be the name of a time zone such as America/New_York, not %s%s", shown(n), hint)
	return time.UTC
}

// zoneSpelling is the zone that text names with other capitals or spaces, or "".
func zoneSpelling(text string) string {
	letters := []byte(strings.ToLower(strings.ReplaceAll(text, " ", "_")))
	for i, c := range letters {
		starts := i == 0 || letters[i-1] == '/' || letters[i-1] == '_' || letters[i-1] == '-'
		if starts && 'a' <= c && c <= 'z' {
			letters[i] = c - 'a' + 'A'
		}
	}
	for _, name := range []string{string(letters), strings.ToUpper(text)} {
		if zone, err := time.LoadLocation(name); name != text && err == nil && zone != time.Local {
			return name
		}
	}
	return ""
}

// shown is the text of n for a message: quoted, shortened, and masked when it may be a secret.
func shown(n *node) string {
	switch {
	case n.hidden:
		return mask
	case n.shape == shapeEmpty:
		return "nothing"
	case n.shape == shapeList:
		return "a list"
	case n.shape == shapeMapping:
		return "a mapping"
	case strings.Contains(n.text, "@") || strings.Contains(n.text, "://"):
		return mask // may be an address with a password in it
	case len(n.text) > 60:
		return strconv.Quote(strings.ToValidUTF8(n.text[:60], "") + "...")
	default:
		return strconv.Quote(n.text)
	}
}
