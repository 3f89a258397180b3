package main

import (
	"strings"
	"testing"

	"processor/internal/config"
	"processor/internal/pipeline"
)

func TestInstanceOf(t *testing.T) {
	for _, test := range []struct {
		instance config.Instance
		store    string
		ordinal  int
		says     string
	}{
		{config.Instance{Count: 1, Ordinal: "auto"}, "kafka", 0, ""},
		{config.Instance{Count: 3, Ordinal: "2"}, "dir", 2, ""},
		{config.Instance{Count: 3, Ordinal: "3"}, "dir", 0, "from 0 to 2"},
		{config.Instance{Count: 3, Ordinal: "0"}, "kafka", 0, "the group shares"},
	} {
		c := config.Default()
		c.Instance, c.Checkpoint.Store = test.instance, test.store
		var o pipeline.Options
		err := instanceOf(c, &o)
		if test.says == "" && (err != nil || o.Ordinal != test.ordinal) || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%+v with %s: ordinal %d, %v", test.instance, test.store, o.Ordinal, err)
		}
	}
	for name, want := range map[string]string{"processor-3": "3", "processor-12.processor.ns.svc": "12", "laptop": "", "a3b": ""} {
		if got := trailingNumber(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
