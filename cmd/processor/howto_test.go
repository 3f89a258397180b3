package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"processor/internal/config"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The configurations in the guides to formats are whole, and valid for `run` as they stand.
func TestConfigurationsOfTheGuidesAreValid(t *testing.T) {
	for _, guide := range []string{"stripe", "debezium", "openmeter", "mapping", "schema-registry"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", guide+".md"))
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 {
			t.Errorf("%s.md has no configuration", guide)
		}
		for _, block := range blocks {
			path := filepath.Join(t.TempDir(), "processor.yaml")
			if err := os.WriteFile(path, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path, []string{"REGISTRY_USER=user", "REGISTRY_PASSWORD=secret"}, config.ForRun)
			if err != nil {
				t.Errorf("%s.md: %v", guide, err)
				continue
			}
			o, err := pipelineOptions(c)
			if err != nil {
				t.Errorf("%s.md: %v", guide, err)
				continue
			}
			o.Cluster.Close()
			for _, s := range o.Sources {
				if s.Decoder == nil || s.Decoder() == nil || !strings.Contains(guide+"avro json-schema", s.Format) {
					t.Errorf("%s.md: source %s of format %s has no decoder", guide, s.Topic, s.Format)
				}
			}
		}
	}
}
