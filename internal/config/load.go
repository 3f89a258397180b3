package config

import (
	"fmt"
	"slices"
	"strings"

	"processor/internal/event/mapping"
)

// Purpose says which command reads the configuration, and so what must be right in it.
type Purpose uint8

const (
	// ForRun checks everything: the service is about to connect and write.
	ForRun Purpose = iota
	// ForReplay checks what decides the numbers. The sections that only `run` uses are read for
	// unknown keys and otherwise left at their defaults, so that one file serves both commands.
	ForReplay
	// ForShow checks what is there, as ForRun does, but misses nothing: a half-written
	// configuration can be looked at.
	ForShow
	// ForRules is ForReplay with the rules that watch for a slowdown.
	ForRules
)

// Default is the configuration of an empty file.
func Default() *Config {
	l := loader{config: &Config{purpose: ForShow, values: map[string]provenance{}}, bad: map[string]bool{}}
	l.assignDefaults()
	return l.config
}

// Load reads the file at path (none: ""), lets the variables of env (in the form of os.Environ)
// override it, and checks the result for its purpose. The error is a Problems with everything
// that is wrong.
func Load(path string, env []string, purpose Purpose) (*Config, error) {
	return load(path, nil, env, purpose)
}

// LoadText is Load of a file that is still to be written: text is what it will hold.
func LoadText(path string, text []byte, env []string, purpose Purpose) (*Config, error) {
	return load(path, text, env, purpose)
}

func load(path string, text []byte, env []string, purpose Purpose) (*Config, error) {
	l := loader{
		purpose: purpose,
		file:    path,
		text:    text,
		env:     environment(env),
		found:   map[string]*node{},
		bad:     map[string]bool{},
		places:  map[*mapping.Node]*node{},
		config:  &Config{purpose: purpose, values: map[string]provenance{}},
	}
	l.assignDefaults()
	readable := l.collectFile()
	l.collectEnvironment()
	if !readable {
		// Whatever the file would have set seems to be missing now: one cause, one problem.
		return nil, l.problems.sorted()
	}
	for _, k := range keys {
		if n := l.found[k.path]; n != nil && reads(l.purpose, k.path) {
			l.set(k, n)
		}
	}
	l.checkTogether()
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	return l.config, nil
}

// provenance is where the value of a key comes from.
type provenance struct {
	origin Origin
	hidden bool
}

// loader carries one reading of a configuration.
type loader struct {
	purpose  Purpose
	file     string
	text     []byte // of the file; nil: it is read
	env      map[string]string
	found    map[string]*node // by key path, the environment above the file
	bad      map[string]bool  // keys with a problem of their own: no second complaint about them
	problems Problems
	config   *Config
	places   map[*mapping.Node]*node // of the parts of mappings
}

// complain records a problem of the key at path.
func (l *loader) complain(at Origin, path, format string, args ...any) {
	l.bad[strings.TrimSuffix(path, "[]")] = true
	l.problems = append(l.problems, Problem{At: at, Key: path, Message: fmt.Sprintf(format, args...)})
}

// reads says whether the section that path belongs to matters for the purpose.
func reads(purpose Purpose, path string) bool {
	section, _, _ := strings.Cut(path, ".")
	switch purpose {
	case ForReplay:
		return slices.Contains(everyCommandReads, section)
	case ForRules:
		return section == "alerts" || slices.Contains(everyCommandReads, section)
	case ForRun, ForShow:
	}
	return true
}

// assignDefaults gives every key of the table its initial value.
func (l *loader) assignDefaults() {
	for _, k := range keys {
		if k.field == nil || k.initial == "" {
			continue
		}
		n, problems := document([]byte(k.initial), func(int, int) Origin { return Origin{} })
		l.assign(k, k.field(l.config), n)
		if len(problems)+len(l.problems) > 0 {
			panic("config: the default of " + k.path + " is not valid: " + k.initial)
		}
		l.config.values[k.path] = provenance{}
	}
}

// collectFile finds the node of every key in the file, and says whether it could be read at all.
func (l *loader) collectFile() bool {
	if l.file == "" {
		return true
	}
	text, err := l.text, error(nil)
	if text == nil {
		text, err = readRegular(l.file, documentBytesMax)
	}
	if err != nil {
		l.complain(Origin{File: l.file}, "", "cannot be read: %s", osReason(err))
		return false
	}
	root, problems := document(text, func(line, column int) Origin {
		return Origin{File: l.file, Line: line, Column: column}
	})
	l.problems = append(l.problems, problems...)
	if len(problems) > 0 && root.shape == shapeEmpty {
		return false
	}
	l.collect(root, "")
	return root.shape == shapeMapping || root.shape == shapeEmpty
}

// collect walks the mapping n of one section (empty: the root).
func (l *loader) collect(n *node, section string) {
	if n.shape == shapeEmpty || n.shape == shapeRefused {
		return
	}
	if n.shape != shapeMapping {
		l.complain(n.at, section, "must be a mapping with some of the keys %s", strings.Join(children(section), ", "))
		return
	}
	for _, f := range n.fields {
		path := join(section, f.name)
		switch {
		case isKey(path):
			if f.value.shape == shapeEmpty {
				f.value.at = f.at
			}
			l.found[path] = f.value
			l.collectItems(path, f.value)
		case len(children(path)) > 0:
			l.collect(f.value, path)
		default:
			l.complain(f.at, section, "unknown key %q%s", f.name, hintKey(section, f.name))
		}
	}
}

// collectItems looks for unknown keys in the items of a list of mappings.
func (l *loader) collectItems(path string, list *node) {
	names, hint := children(path+"[]"), func(name string) string { return hintKey(path+"[]", name) }
	if path == "alerts" {
		names = alertNames()
		hint = func(name string) string { return hintWord(name, names) }
	}
	if len(names) == 0 {
		return
	}
	for _, item := range list.items {
		for _, f := range item.fields {
			if !slices.Contains(names, f.name) {
				l.complain(f.at, path+"[]", "unknown key %q%s", f.name, hint(f.name))
			}
		}
	}
}

// set expands the references in n, checks it and assigns it to the key.
func (l *loader) set(k key, n *node) {
	if complaint := missing(k.path, ""); complaint != "" {
		if n.shape != shapeEmpty {
			l.complain(n.at, k.path, "%s", complaint)
		}
		return
	}
	hidden, ok := l.expandAll(k.path, n)
	if !ok {
		return
	}
	l.assign(k, k.field(l.config), n)
	l.config.values[k.path] = provenance{origin: n.at, hidden: hidden}
}

// expandAll replaces the references in every text below n, and says whether there were any, and
// whether everything below n can be used.
func (l *loader) expandAll(path string, n *node) (hidden, ok bool) {
	ok = true
	if n.shape == shapeRefused {
		l.bad[path] = true
		return false, false
	}
	if n.shape == shapeText && strings.Contains(n.text, "${") {
		text, complaint := expand(n.text, l.env)
		if complaint != "" {
			l.complain(n.at, path, "%s", complaint)
			return false, false
		}
		n.text, n.hidden = text, true
	}
	hidden = n.hidden
	for _, item := range n.items {
		below, fine := l.expandAll(path, item)
		hidden, ok = hidden || below, ok && fine
	}
	for _, f := range n.fields {
		below, fine := l.expandAll(path, f.value)
		hidden, ok = hidden || below, ok && fine
	}
	return hidden, ok
}
