package event

import (
	"encoding/json"
	"strconv"
	"testing"
)

// fieldsKnown is how many places the samples have, so that none of them falls out unseen.
const fieldsKnown = 192

// Every known field of every type, sent as another JSON type, is refused under its own name.
func TestEveryFieldIsJudged(t *testing.T) {
	decoder := NewDecoder(Options{})
	judged := map[string]bool{}
	for _, sample := range samples(t) {
		var record map[string]any
		if err := json.Unmarshal([]byte(sample.record), &record); err != nil {
			t.Fatal(err)
		}
		kind := record["type"].(string)
		// The canonical form has the known fields only.
		var known map[string]any
		if err := json.Unmarshal([]byte(sample.canonical), &known); err != nil {
			t.Fatal(err)
		}
		known["id"], known["source"], known["subject"] = "e1", "billing", "acme"
		known["revision"], known["specversion"] = 0, "1.0"
		mutate(known, known, "", func(path string) {
			text, err := json.Marshal(known)
			if err != nil {
				t.Fatal(err)
			}
			_, rejection := decoder.Decode(text, nil)
			if rejection == nil || rejection.Reason != ReasonBadField || rejection.Detail != path {
				t.Errorf("%s: %+v, want bad_field for\n%s", path, rejection, text)
			}
			judged[kind+" "+path] = true
		})
	}
	if len(judged) < fieldsKnown {
		t.Errorf("%d places judged, want at least %d", len(judged), fieldsKnown)
	}
}

// mutate puts a wrong type at each place below node in turn and calls check with the place.
func mutate(root, node any, path string, check func(path string)) {
	wrong := func(value any) any {
		if _, isArray := value.([]any); isArray {
			return map[string]any{}
		}
		return []any{}
	}
	switch node := node.(type) {
	case map[string]any:
		for name, value := range node {
			at := name
			if path != "" {
				at = path + "." + name
			}
			mutate(root, value, at, check)
			node[name] = wrong(value)
			check(at)
			node[name] = value
		}
	case []any:
		for i, value := range node {
			at := path + "[" + strconv.Itoa(i) + "]"
			mutate(root, value, at, check)
			node[i] = wrong(value)
			check(at)
			node[i] = value
		}
	}
}
