package main

import (
	"fmt"
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

// The configuration in the guide to warehouses is whole, and its rows are for Connect.
func TestConfigurationOfTheWarehouseGuide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", "warehouse.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := yamlBlock.FindSubmatch(text)
	if block == nil {
		t.Fatal("warehouse.md has no configuration")
	}
	path := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(path, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"": "pipeline.FormatConnect", "avro": "*registry.Rows", "json": "<nil>"} {
		var environment []string
		if format != "" {
			environment = []string{"EXPANSION_OUTPUT_FORMAT=" + format, "EXPANSION_SCHEMA_REGISTRY_URL=http://localhost:8081"}
		}
		c, err := config.Load(path, environment, config.ForRun)
		if err != nil {
			t.Fatal(err)
		}
		o, err := pipelineOptions(c)
		if err != nil {
			t.Fatal(err)
		}
		o.Cluster.Close()
		if got := fmt.Sprintf("%T", o.Format); got != want {
			t.Errorf("format %q is a %s, want %s", format, got, want)
		}
	}
}
