package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// envPrefix begins the name of every variable that stands for a key.
const envPrefix = "EXPANSION_"

// serviceLink matches the variables that Kubernetes adds to every container for a Service named
// `expansion`: they are not ours, and nobody typed them.
var serviceLink = regexp.MustCompile(
	`^EXPANSION_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// environment turns NAME=value pairs into a map. An empty value counts as not set for keys, as
// container tools pass unset variables that way; see collectEnvironment.
func environment(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, found := strings.Cut(pair, "="); found {
			env[name] = value
		}
	}
	return env
}

// envName is the variable that stands for the key at path.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// envNames are the variables of all keys.
func envNames() []string {
	var names []string
	for _, k := range keys {
		if !strings.Contains(k.path, "[]") {
			names = append(names, envName(k.path))
		}
	}
	return names
}

// collectEnvironment puts the variables above the file and reports those that name no key.
func (l *loader) collectEnvironment() {
	for _, k := range keys {
		name := envName(k.path)
		if value := l.env[name]; value != "" && !strings.Contains(k.path, "[]") {
			l.found[k.path] = l.envNode(k, Origin{Env: name}, value)
		}
	}
	known := envNames()
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		hint := ""
		if word := Nearest(name, known); word != "" {
			hint = "; did you mean " + word + "?"
		}
		l.complain(Origin{Env: name}, "", "stands for no key%s", hint)
	}
}

// envNode is the value of a variable: lists of words are comma separated, structured keys are
// written as in the file, on one line.
func (l *loader) envNode(k key, at Origin, value string) *node {
	if k.field == nil {
		return &node{shape: shapeText, at: at, text: value}
	}
	switch k.field(l.config).(type) {
	case *[]string, *[]Window, *[]int:
		list := &node{shape: shapeList, at: at}
		for word := range strings.SplitSeq(value, ",") {
			list.items = append(list.items, &node{shape: shapeText, at: at, text: strings.TrimSpace(word)})
		}
		return list
	case *[]Source, *[]RateTable, *[]Grouping, *[]DimensionValues, *[]Target, *[]NamedNumber, *[]NamedWords:
		n, problems := document([]byte(value), func(int, int) Origin { return at })
		for _, p := range problems {
			l.complain(at, k.path, "%s", p.Message)
		}
		l.collectItems(k.path, n)
		return n
	default:
		return &node{shape: shapeText, at: at, text: value}
	}
}
