package config

import (
	"fmt"
	"slices"
	"strings"
)

// gap is a part of the configuration language that this version does not compute yet.
type gap struct {
	key     string
	words   []string // the values that are missing; none: the whole key
	instead string   // what to do today
}

// notYet is the one list of what is refused as "not available in this version". When a part
// arrives, its row goes; nothing else has to change. A key that is not computed must stand here:
// a setting that changes nothing would make a wrong number look intended.
var notYet = []gap{
	{"http.tls", nil, "tls_server_config in the file that http.web_config_file names"},
	{"http.auth", nil, "basic_auth_users or bearer_tokens in the file that http.web_config_file names"},
}

// missing is the complaint about a key, or about one of its words, that is not available yet; ""
// when it is available.
func missing(path, word string) string {
	for _, g := range notYet {
		if g.key != path {
			continue
		}
		if len(g.words) == 0 {
			_, leaf := cutLeaf(path)
			return fmt.Sprintf("not available in this version: %s; use %s", leaf, g.instead)
		}
		if slices.Contains(g.words, word) {
			return fmt.Sprintf("not available in this version: %s; use %s", word, g.instead)
		}
	}
	return ""
}

// availableWords are the words of k that this version computes.
func availableWords(k key) []string {
	return slices.DeleteFunc(slices.Clone(k.words), func(word string) bool {
		return missing(k.path, word) != ""
	})
}

// isAvailable says whether k can be set at all.
func isAvailable(k key) bool { return missing(k.path, "") == "" }

// cutLeaf splits a.b.c into a.b and c.
func cutLeaf(path string) (parent, leaf string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}
