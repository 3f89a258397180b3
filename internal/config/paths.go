package config

import (
	"slices"
	"strings"
)

// join is the path of name below section.
func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}

// isKey says whether path is a row of the table.
func isKey(path string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.path == path })
}

// keyOf is the row of a path that is known to exist.
func keyOf(path string) key {
	return keys[slices.IndexFunc(keys, func(k key) bool { return k.path == path })]
}

// children are the names directly below section, in the order of the table.
func children(section string) []string {
	var names []string
	for _, k := range keys {
		rest := k.path
		if section != "" {
			var below bool
			if rest, below = strings.CutPrefix(k.path, section+"."); !below {
				continue
			}
		}
		name, _, _ := strings.Cut(rest, ".")
		if !strings.HasSuffix(name, "[]") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// hintKey is what to say after an unknown key: the nearest name of its section, else the same
// name in another section, else all names of the section.
func hintKey(section, name string) string {
	names := children(section)
	if word := Nearest(name, names); word != "" {
		return `; did you mean "` + word + `"?`
	}
	for _, k := range keys {
		if _, leaf := cutLeaf(k.path); leaf == name && !strings.Contains(k.path, "[]") {
			return `; did you mean "` + k.path + `"?`
		}
	}
	return "; known here: " + strings.Join(names, ", ")
}

// hintWord is what to say after an unknown value of a closed set.
func hintWord(word string, words []string) string {
	if near := Nearest(word, words); near != "" {
		return `; did you mean "` + near + `"?`
	}
	return "; use " + oneOf(words)
}

// oneOf is `a`, `a or b`, `a, b or c`.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
